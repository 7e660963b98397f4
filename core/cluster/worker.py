"""What a Ray worker does with a request: check that it can, unpack the network, run the task."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.progress import silent
from core.system.program import prepare
from core.system.scratch import Scratch, own_folder
from core.system.versions import versions_of

COMPARED = ("secateur", "torch", "ultralytics")
"""Packages whose versions figures depend on."""
KEPT = "path"
SENT = {KEPT: "sha256", "network": "network_sha256"}
"""Files that travel with a request: the fields that name them, and those of their hashes. A worker
keeps the first, which is that of many requests."""
OUTPUT = "output"
"""The field of a request that names the file its task saves."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file that travels with a request.

    Attributes
    ----------
    name : str
        Its own name, without folders.
    sha256 : str
    content : sequence of one Ray reference
        In a sequence, so that Ray fetches it only where it is asked for: once per worker.
    """

    name: str
    sha256: str
    content: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Order:
    """A request as it is sent.

    Attributes
    ----------
    task : str
    request : mapping
    parcels : mapping of str to Parcel
        What takes the place of a request's files, by their fields (`SENT`).
    threads : int
        Of torch. Sums of convolutions depend on it in their last bits.
    versions : mapping
        As `versions` returns them, of who sends it.
    returns : bool
        Whether the file that the task saves goes back with its events; otherwise it is saved where
        the request says.
    """

    task: str
    request: Mapping[str, Any]
    threads: int
    versions: Mapping[str, str]
    parcels: Mapping[str, Parcel] = field(default_factory=dict)
    returns: bool = False


def versions() -> dict[str, str]:
    """Return the versions of what figures depend on, in this process's environment."""
    return versions_of(*COMPARED)


def threads_here() -> int:
    """Return the number of torch's threads in this process."""
    import torch

    return torch.get_num_threads()


def work(order: Order) -> dict[str, Any]:
    """Run a request in this process.

    Returns
    -------
    dict
        ``node``, and either ``events`` (as `core.cluster.tasks.perform` returns them), with the
        content of the ``file`` that was saved where that goes back, or what this node lacks:
        ``message`` and ``hint``.
    """
    node = socket.gethostname()
    lacking = _lacking(order, node)
    if lacking is not None:
        return {"node": node, "message": lacking[0], "hint": lacking[1]}
    prepare()  # before anything imports Ultralytics
    from core.checkpoint import prepare as prepare_checkpoints
    from core.cluster.tasks import perform

    prepare_checkpoints()
    import torch

    torch.set_num_threads(order.threads)
    with ExitStack() as stack:
        request = {**order.request, **_files(order, stack)}
        told: dict[str, Any] = {"node": node, "events": perform(order.task, request, silent)}
        output = Path(str(request.get(OUTPUT) or ""))
        if order.returns and output.is_file():
            told["file"] = output.read_bytes()
    return told


def _files(order: Order, stack: ExitStack) -> dict[str, str]:
    """Unpack what came with a request, and return where its files are here."""
    found = {}
    for name, parcel in order.parcels.items():
        place = None if name == KEPT else Path(stack.enter_context(Scratch("order")))
        found[name] = str(_kept(parcel) if place is None else _unpacked(parcel, place))
    if order.returns and order.request.get(OUTPUT):
        place = Path(stack.enter_context(Scratch("order")))
        found[OUTPUT] = str(place / Path(order.request[OUTPUT]).name)
    return found


def _lacking(order: Order, node: str) -> tuple[str, str] | None:
    """Return why a request cannot run here, and what to do about it."""
    for name, version in versions().items():
        if version != order.versions[name]:
            return (
                f"Node {node} has {name} {version}, this computer {order.versions[name]}.",
                "Install the same versions on every node: figures depend on them.",
            )
    data = (order.request.get("data") or {}).get("path")
    if data and not Path(data).exists():
        return (
            f"Node {node} cannot read the dataset {data}.",
            "Put it at the same path on every node, on a shared disk for example.",
        )
    return None


_places: dict[tuple[str, str], Path] = {}


def _kept(parcel: Parcel) -> Path:
    """Return this process's private copy of a file."""
    key = parcel.name, parcel.sha256
    if key not in _places:
        place = _folder() / str(len(_places))
        place.mkdir(mode=0o700)
        _places[key] = _unpacked(parcel, place)
    return _places[key]


def _unpacked(parcel: Parcel, place: Path) -> Path:
    """Write a file to a folder, and return where; checked against its hash."""
    import ray

    content = ray.get(parcel.content[0])
    if hashlib.sha256(content).hexdigest() != parcel.sha256:
        raise RuntimeError(f"{parcel.name} arrived damaged")
    path = place / parcel.name
    path.write_bytes(content)
    return path


@lru_cache(maxsize=1)
def _folder() -> Path:
    return own_folder()
