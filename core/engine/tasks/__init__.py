"""Engine tasks by group: one module each, offering its tasks by name to the engine process.

A group module imports nothing heavy at its top. It has ``TASKS``, functions by name: each takes the
engine's networks, plain data and a progress, and returns plain data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import UserError
from core.progress import Progress
from core.registry import Groups

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.cluster.place import Place
    from core.data.stream import DataSettings

Args = Mapping[str, Any]


class Models(Protocol):
    """Keeps the last network loaded."""

    def get(self, path: str, expected: str | None = None) -> Loaded:
        """Return the network of a file; ``expected`` is the hash it must have."""


Task = Callable[[Models, Args, Progress], dict[str, Any]]

GROUPS: Groups[Task] = Groups(
    "engine task",
    "TASKS",
    "secateur.tasks",
    {
        "model": "core.engine.tasks.model",
        "accuracy": "core.engine.tasks.accuracy",
        "choosing": "core.engine.tasks.choosing",
        "data": "core.engine.tasks.data",
        "demo": "core.engine.tasks.demo",
        "devices": "core.engine.tasks.devices",
        "export": "core.engine.tasks.export",
        "latency": "core.engine.tasks.latency",
        "quantize": "core.engine.tasks.quantize",
        "ranking": "core.engine.tasks.ranking",
        "report": "core.engine.tasks.report",
        "search": "core.engine.tasks.search",
        "structure": "core.engine.tasks.structure",
        "trust": "core.engine.tasks.trust",
        "tuning": "core.engine.tasks.tuning",
        "tryout": "core.engine.tasks.tryout",
    },
)
"""The groups; the entry of a package is its module."""


def find_task(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    return GROUPS.find_offered(name)


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


def place_of(args: Args) -> Place | None:
    """Return where a request's work runs by its ``on``; None for this process.

    Raises
    ------
    UserError
        When it names no such place.
    """
    from core.cluster.slurm import read_place

    return read_place(str(args["on"])) if args.get("on") else None


def check_images(args: Args, sha256: str) -> None:
    """Refuse images that are not those a request was made for: its ``images_sha256``.

    Parameters
    ----------
    args : mapping
    sha256 : str
        Of the images and labels that are there, as `core.data.validation.Validation` has it.

    Raises
    ------
    UserError
    """
    if args.get("images_sha256", sha256) != sha256:
        raise UserError(
            f"The images or labels of {args['data']['path']} are not those the work began with.",
            "Use the same dataset everywhere.",
        )
