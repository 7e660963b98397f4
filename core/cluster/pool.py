"""What runs engine tasks for many requests, elsewhere than in this process."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from core.cluster.place import Place
from core.errors import UserError
from core.progress import Progress, silent
from core.registry import resolve

Request = Mapping[str, Any]
Event = dict[str, Any]


class Pool(Protocol):
    """Runs an engine task for many requests, several at once where it can.

    Attributes
    ----------
    device : str
        The device that requests should name, such as ``cpu`` or ``cuda``; empty leaves it to the
        task.
    room : int
        Requests that run at once.
    """

    @property
    def device(self) -> str: ...  # noqa: D102

    @property
    def room(self) -> int: ...  # noqa: D102

    def warm(self, task: str, request: Request) -> None:
        """Have every place run a request that prepares others, such as by reading a dataset.

        Returns at once. What comes of it does not count: requests that fail will fail in `run`.
        """
        ...

    def run(
        self, task: str, requests: Sequence[Request], progress: Progress = silent
    ) -> Generator[tuple[int, Event], None, None]:
        """Run a task for every request.

        Parameters
        ----------
        task : str
            Of `core.engine.tasks`.
        requests : sequence of mapping
            Plain data. The checkpoint at ``path`` goes along when ``sha256`` names its content, and
            the file at ``network`` when ``network_sha256`` does; the dataset at ``data.path`` must
            be readable at the same path wherever work runs. What a task saves at ``output`` is
            there on this computer before its ``done`` event comes.
        progress : Progress
            Called several times a second; when it raises, no request keeps running.

        Yields
        ------
        (int, dict)
            The place of a request, and an event of it: any number of ``partial`` ones with
            ``data``, then one ``done`` with ``result`` or one ``failed`` with ``message``, ``hint``
            and ``layers``. Requests come in no particular order; each event comes once, also where
            a request was run again because its worker was lost.

        Raises
        ------
        UserError
            When requests cannot be run at all: no dataset there, a worker lost again and again.
        """
        ...


POOLS: Mapping[str, str] = {
    "ray": "core.cluster.ray_pool:RayPool",
    "slurm": "core.cluster.slurm_pool:SlurmPool",
}
"""What runs work at each kind of place: takes the place and the device wanted."""


def open_pool(on: Place, device: str = "") -> AbstractContextManager[Pool]:
    """Return what runs work at a place, to be used as a context.

    Parameters
    ----------
    on : Place
    device : str
        The device wanted: ``cpu``, ``cuda``, or empty for GPUs if there are any.

    Raises
    ------
    UserError
        When that place runs no such work, or what it needs is not installed.
    """
    if on.kind not in POOLS:
        raise UserError(
            f"This work cannot run on “{on.text}”.", "Use ray, ray://HOST:PORT or slurm."
        )
    pool: AbstractContextManager[Pool] = resolve(POOLS[on.kind])(on, device)
    return pool


def raise_failed(event: Event) -> None:
    """Raise what a ``failed`` event says; nothing for other events.

    Raises
    ------
    UserError
    """
    if event["event"] == "failed":
        raise UserError(event["message"], event["hint"], tuple(event["layers"]))
