"""Several computers in one training, as torchrun numbers them; each has the same GPUs."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.system.budget import JOB_FILE, read_json

SPEC = "spec.json"
"""In a training's folder ``work`` while it trains: what every computer's processes set up from."""
LOOK_S = 0.5
"""Seconds between two looks for it, and for the end of the training."""
PATIENCE_S = 900.0
"""Seconds that a computer waits for the first one to begin, or to go on."""
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Nodes:
    """Where this process stands among the computers of a training.

    Attributes
    ----------
    count : int
    rank : int
        From 0; the first one measures, saves and tells.
    address : str
        Name or address of the first one.
    port : int
        A free one there.

    Raises
    ------
    UserError
        For numbers that do not fit, or an address that is none.
    """

    count: int = 1
    rank: int = 0
    address: str = "127.0.0.1"
    port: int = 29_500

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.count:
            raise UserError(
                f"Of {self.count} nodes, none has the number {self.rank}.",
                f"--node-rank is 0 to {self.count - 1}.",
            )
        if not _HOST.fullmatch(self.address) or not 0 < self.port < 65_536:
            raise UserError(
                f"“{self.address}:{self.port}” is not an address.",
                "--master-addr is the first node's name, --master-port a free port there.",
            )


_nodes: ContextVar[Nodes] = ContextVar("nodes", default=Nodes())  # noqa: B039


def nodes() -> Nodes:
    """Return on which computers this process trains: on this one, unless told otherwise."""
    return _nodes.get()


@contextlib.contextmanager
def among(these: Nodes) -> Iterator[None]:
    """Train on these computers meanwhile."""
    token = _nodes.set(these)
    try:
        yield
    finally:
        _nodes.reset(token)


def follow(
    work: Path, these: Nodes, start: Callable[[Path], int], goes_on: Callable[[], bool]
) -> None:
    """Take part in a training that the first computer leads, until it is over.

    Parameters
    ----------
    work : Path
        The training's folder, on a disk that all of them share.
    these : Nodes
    start : callable
        Starts this computer's processes from a spec, and returns their status when they end.
    goes_on : callable
        Whether the training is still to begin, or goes on.

    Raises
    ------
    UserError
        When the first computer does not begin in time.
    """
    seen, since = "", time.monotonic()
    while goes_on():
        token = _token(work / SPEC)
        if token and token != seen:
            seen = token
            start(work / SPEC)
            since = time.monotonic()
        elif time.monotonic() - since > PATIENCE_S:
            if seen:  # the first computer measures what was trained, or is gone
                return
            raise UserError(
                f"The first of {these.count} nodes did not begin to train.",
                f"Start the job there, with --node-rank 0; both must see {work}.",
            )
        time.sleep(LOOK_S)


def _token(spec: Path) -> str:
    """Return what tells one start of a training from the next; empty while there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(read_json(spec, JOB_FILE)["token"])
    return ""


def world_size() -> int:
    """Return how many processes train together; 1 outside of torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))
