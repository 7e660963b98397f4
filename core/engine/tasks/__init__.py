"""Engine tasks by group: one module each, offering its tasks by name to the engine process.

A group module imports nothing heavy at its top; it has ``TASKS``.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import UserError
from core.progress import Progress

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings

Args = Mapping[str, Any]


class Models(Protocol):
    """Keeps the last network loaded."""

    def get(self, path: str, expected: str | None = None) -> Loaded:
        """Return the network of a file; ``expected`` is the hash it must have."""


Task = Callable[[Models, Args, Progress], dict[str, Any]]

GROUPS = (
    "core.engine.tasks.model",
    "core.engine.tasks.accuracy",
    "core.engine.tasks.choosing",
    "core.engine.tasks.data",
    "core.engine.tasks.demo",
    "core.engine.tasks.export",
    "core.engine.tasks.latency",
    "core.engine.tasks.report",
    "core.engine.tasks.tuning",
)
"""The groups, by module."""


@lru_cache(maxsize=1)
def tasks() -> Mapping[str, Task]:
    """Return all tasks by name."""
    found: dict[str, Task] = {}
    for name in GROUPS:
        found |= importlib.import_module(name).TASKS
    return found


def find_task(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    UserError
        For a name that this version does not know.
    """
    try:
        return tasks()[name]
    except KeyError:
        raise UserError(f"The engine has no task “{name}”.", "Update Secateur.") from None


def network_of(models: Models, args: Args, progress: Progress) -> Loaded:
    """Return the network at the ``path`` that a request names; ``sha256`` must be its file's."""
    progress(0.0, "Opening the model")
    return models.get(str(args["path"]), args.get("sha256"))


def delivered(report: Mapping[str, Any], started: float) -> dict[str, Any]:
    """Return the report of a pruning with the size of its file and how long it all took.

    Parameters
    ----------
    report : mapping
        As `core.pipeline.Pruned.to_json` returns it.
    started : float
        By ``time.monotonic``.
    """
    size = Path(report["output"]).stat().st_size
    return {**report, "output_size": size, "seconds": time.monotonic() - started}


def data_of(args: Args, **defaults: Any) -> DataSettings | None:
    """Return the images that a request names, or None."""
    if not args.get("data"):
        return None
    from core.data.stream import DataSettings

    return DataSettings.from_json(args["data"], **defaults)
