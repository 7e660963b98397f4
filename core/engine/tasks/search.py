"""Tasks of a search: all of it, and what one of its trials needs, wherever that runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.engine.tasks import Args, Models, Task, check_images, network_of, place_of
from core.progress import Progress, Span

if TYPE_CHECKING:
    from core.search.maker import Maker
    from core.search.settings import SearchSettings

_LAST: dict[str, Any] = {}
_HELD = threading.Lock()


def search_plans(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Search plans around a budget; every trial is a partial result.

    ``path``, ``search`` (as `core.search.settings.SearchSettings` has it), ``folder``,
    ``history``, a folder or null, and ``on``, where trials are made if not in this process.
    """
    from core.search.run import search

    loaded = network_of(models, args, progress)
    history = args.get("history")
    found = search(
        loaded,
        _settings(args),
        str(args["folder"]),
        history=None if history is None else str(history),
        on=place_of(args),
        progress=progress,
    )
    return found.to_json()


def make_trial(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Prune, repair and evaluate the network of one trial, and save it at ``output``.

    ``path``, ``search``, ``trial`` (as `core.search.settings.TrialRequest` has it) and ``cache``.
    What comes back is in `core.search.maker.Maker.make`. Images are read once for all trials of a
    search that one process carries out.
    """
    from core.search.settings import parse_request

    request = parse_request({**args["trial"], "output": str(args["output"])})
    return _maker(models, args, progress).make(request, Span(progress, 0.05, 1.0))


def tune_trial(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Fine-tune a trial's ``network`` at a ``size``, evaluate it, and save it at ``output``.

    ``path``, ``search`` and ``cache`` are as for `make_trial`; see `core.search.maker.Maker.tune`.
    """
    from core.system.size import ImageSize

    output, size = Path(str(args["output"])), ImageSize.of(args["size"])
    maker = _maker(models, args, progress)
    return maker.tune(Path(str(args["network"])), output, size, Span(progress, 0.05, 1.0))


def _settings(args: Args) -> SearchSettings:
    from core.search.settings import parse_search

    return parse_search({**args["search"], "model": str(args["path"])})


def _maker(models: Models, args: Args, progress: Progress) -> Maker:
    """Return what makes the networks of a search, on the images that it began with."""
    from core.search.maker import Maker

    loaded, settings = network_of(models, args, progress), _settings(args)
    cache = bool(args.get("cache", True))
    with _HELD:
        known = _LAST.get("maker")
        if (
            known is None
            or known.loaded is not loaded
            or known.settings != settings
            or known.cache != cache
        ):
            _LAST["maker"] = known = Maker(loaded, settings, cache=cache)
    check_images(args, known.bench().validation.sha256)
    return known


TASKS: Mapping[str, Task] = {
    "search": search_plans,
    "search_trial": make_trial,
    "search_tune": tune_trial,
}
