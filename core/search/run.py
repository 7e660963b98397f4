"""A search from its settings to what it found, every trial a step of the history."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.checkpoint.facts import origin_of
from core.cluster.pool import open_pool
from core.data.elsewhere import check_sendable
from core.data.figures import figure_name
from core.history.nodes import Node, attach, new_node
from core.history.remember import folder_of, with_step
from core.history.results import pruned_node
from core.plan.cost import COST
from core.progress import Progress, silent
from core.search.records import Record
from core.search.settings import SearchSettings
from core.search.study import Found, Search
from core.search.trial import Workbench

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.cluster.place import Place


def search(
    loaded: Loaded,
    settings: SearchSettings,
    folder: str | Path,
    *,
    history: str | None = None,
    on: Place | None = None,
    cache: bool = True,
    progress: Progress = silent,
) -> Found:
    """Search plans around a budget, or continue a search.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    settings : SearchSettings
    folder : path
        Of the search: its journal, and the networks of the front.
    history : str, optional
        A history's folder, or `core.history.remember.OWN`, that gets a step for every trial.
    on : Place, optional
        Where networks are made, evaluated and tuned: Ray or Slurm. They are timed in this process.
    cache : bool
        Whether to read and write the user's cache.
    progress : Progress
        Told every trial as a partial result (`core.search.study.Search.run`). May cancel: what was
        measured is kept, and the same call continues.

    Raises
    ------
    UserError
        For data that cannot be used, a base plan that does not fit, or a folder that holds another
        search.
    """
    bench = Workbench(loaded, settings, cache=cache)
    place = None if history is None else folder_of(history, origin_of(loaded.facts))

    def remember(record: Record) -> None:
        if place is not None:
            told = with_step({}, lambda: remember_trial(place, loaded.facts.path, record, settings))
            record.update(told)

    folder, room = Path(folder).absolute(), 1
    with ExitStack() as stack:
        if on is not None:
            check_sendable(loaded)
            progress(0.0, f"Starting {on.text}")
            pool = stack.enter_context(open_pool(on, settings.device))
            bench.send_to(pool)
            room = pool.room
        made = Search(bench, settings, loaded.facts.sha256, folder, room=room, remember=remember)
        return made.run(progress)


def remember_trial(
    folder: Path, model: str | Path, record: Mapping[str, Any], settings: SearchSettings
) -> Node:
    """Add a trial beneath the model: its network with what was measured of it.

    Parameters
    ----------
    folder : Path
        Of the history.
    model : path
        That was searched around.
    record : mapping
        See `core.search.records.Trial`.
    settings : SearchSettings

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    point, report = record["point"], record["report"]
    looked_at = {
        "data": settings.data,
        "split": "val",
        "images": point["images"],
        "image_size": point["image_size"],
    }
    title = (
        f"Search, trial {record['trial'] + 1}: {point['latency_ms']:.1f} ms, "
        f"{figure_name(point['metric'])} {point['accuracy']:.4f}"
    )
    if not report:  # the network itself, on images of another size
        node = new_node(
            "evaluate", model, title=title, figures=record["figures"], details=looked_at
        )
        return attach(folder, node, model)
    node = pruned_node({**report, "output": record["file"]})
    epochs = {"epochs": record["tuning"]["epochs"]} if record.get("tuning") else {}
    told = {
        "title": title,
        "figures": {**node.figures, **record["figures"]},
        "details": {**node.details, **looked_at, **epochs},
    }
    cost = {key: report["before"][key] for key in COST}
    return attach(folder, node.model_copy(update=told), model, cost)
