"""Jobs of the engine by group: one module each, offering its jobs by name to ``core.engine``.

A group module imports nothing heavy at its top; it has ``JOBS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from core.progress import Progress

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings

Args = Mapping[str, Any]


class Models(Protocol):
    """Keeps the last network loaded."""

    def get(self, path: str, expected: str | None = None) -> Loaded:
        """Return the network of a file; ``expected`` is the hash it must have."""


Job = Callable[[Models, Args, Progress], dict[str, Any]]


def data_of(args: Args, **defaults: Any) -> DataSettings | None:
    """Return the images that a request names, or None."""
    if not args.get("data"):
        return None
    from core.data.stream import DataSettings

    return DataSettings.from_json(args["data"], **defaults)
