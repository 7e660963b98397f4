"""Tasks of a search: all of it, and one of its trials, wherever that runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.engine.tasks import Args, Models, Task, network_of
from core.progress import Progress, Span

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.search.settings import SearchSettings
    from core.search.trial import Workbench

_LAST: dict[str, Any] = {}
_HELD = threading.Lock()


def search_plans(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Search plans around a budget; every trial is a partial result.

    ``path``, ``search`` (as `core.search.settings.SearchSettings` has it), ``folder`` and
    ``history``, a folder or null.
    """
    from core.search.run import search

    loaded = network_of(models, args, progress)
    history = args.get("history")
    found = search(
        loaded,
        _settings(args),
        str(args["folder"]),
        history=None if history is None else str(history),
        progress=progress,
    )
    return found.to_json()


def run_trial(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Carry out one trial of a search: plain data in, and its record out.

    ``path``, ``search`` and ``trial`` (as `core.search.settings.TrialRequest` has it). The unpruned
    network is measured once for all trials of a search that one process carries out.
    """
    from core.search.settings import parse_request

    request = parse_request(args["trial"])
    bench = _bench(network_of(models, args, progress), _settings(args))
    return bench.run(request, Span(progress, 0.05, 1.0))


def _settings(args: Args) -> SearchSettings:
    from core.search.settings import parse_search

    return parse_search({**args["search"], "model": str(args["path"])})


def _bench(loaded: Loaded, settings: SearchSettings) -> Workbench:
    """Return what carries out trials, as long as they are of the same search."""
    from core.search.trial import Workbench

    with _HELD:
        known = _LAST.get("bench")
        if known is None or known.loaded is not loaded or known.settings != settings:
            _LAST["bench"] = known = Workbench(loaded, settings)
        return known


TASKS: Mapping[str, Task] = {"search": search_plans, "search_trial": run_trial}
