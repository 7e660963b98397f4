"""What a Ray worker does with a request: check that it can, unpack the network, run the task."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from core.progress import silent
from core.system.program import prepare
from core.system.scratch import own_folder

COMPARED = ("secateur", "torch", "ultralytics")
"""Packages whose versions figures depend on."""


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
    parcel : Parcel or None
        What takes the place of the request's ``path``.
    threads : int
        Of torch. Sums of convolutions depend on it in their last bits.
    versions : mapping
        As `versions` returns them, of who sends it.
    """

    task: str
    request: Mapping[str, Any]
    parcel: Parcel | None
    threads: int
    versions: Mapping[str, str]


def versions() -> dict[str, str]:
    """Return the versions of what figures depend on, in this process's environment."""
    return {name: metadata.version(name) for name in COMPARED}


def threads_here() -> int:
    """Return the number of torch's threads in this process."""
    import torch

    return torch.get_num_threads()


def work(order: Order) -> dict[str, Any]:
    """Run a request in this process.

    Returns
    -------
    dict
        ``node``, and either ``events`` (as `core.cluster.tasks.perform` returns them) or what this
        node lacks: ``message`` and ``hint``.
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
    request = dict(order.request)
    if order.parcel is not None:
        request["path"] = str(_unpacked(order.parcel))
    return {"node": node, "events": perform(order.task, request, silent)}


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


def _unpacked(parcel: Parcel) -> Path:
    """Return a private copy of a file, checked against its hash."""
    key = parcel.name, parcel.sha256
    if key not in _places:
        import ray

        content = ray.get(parcel.content[0])
        if hashlib.sha256(content).hexdigest() != parcel.sha256:
            raise RuntimeError(f"{parcel.name} arrived damaged")
        path = _folder() / str(len(_places)) / parcel.name
        path.parent.mkdir(mode=0o700)
        path.write_bytes(content)
        _places[key] = path
    return _places[key]


@lru_cache(maxsize=1)
def _folder() -> Path:
    return own_folder()
