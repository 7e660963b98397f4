"""What another process needs to work on the same network and images."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cluster.pool import Pool, open_pool
from core.errors import UserError
from core.progress import Progress

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.cluster.place import Place
    from core.data.stream import DataSettings


def request_of(loaded: Loaded, data: DataSettings) -> dict[str, Any]:
    """Return ``path``, ``sha256`` and ``data`` as engine tasks take them, with whole paths."""
    used = data.to_json() | {"path": str(Path(data.path).resolve())}
    path = str(Path(loaded.facts.path).resolve())
    return {"path": path, "sha256": loaded.facts.sha256, "data": used}


def pool_for(
    loaded: Loaded, on: Place, data: DataSettings | None, progress: Progress
) -> AbstractContextManager[Pool]:
    """Return what runs work on a network at a place, to be used as a context.

    Parameters
    ----------
    loaded : Loaded
    on : Place
    data : DataSettings, optional
        Their device is the one wanted.
    progress : Progress

    Raises
    ------
    UserError
        As `check_sendable` and `core.cluster.pool.open_pool`.
    """
    check_sendable(loaded)
    progress(0.0, f"Starting {on.text}")
    return open_pool(on, data.device if data is not None else "")


def check_sendable(loaded: Loaded) -> None:
    """Refuse a network that other processes cannot read: each would draw weights of its own.

    Raises
    ------
    UserError
    """
    path = Path(loaded.facts.path)
    if not path.is_file() or path.suffix in (".yaml", ".yml"):
        raise UserError(
            f"{path} describes a network without weights, which cannot be sent to others.",
            "Save it as a checkpoint first, or measure in this process.",
        )
