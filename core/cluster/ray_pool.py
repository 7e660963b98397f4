"""Engine tasks as Ray tasks, on this computer or on a cluster.

A request is one Ray task, and its events are what that returns: Ray runs a task of a lost worker
again, and since nothing of the first run was handed on, nothing counts twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from core.cluster.place import Place
from core.cluster.pool import Event, Request
from core.cluster.ray_start import Session, start
from core.cluster.worker import OUTPUT, SENT, Order, Parcel, threads_here, versions, work
from core.errors import UserError, one_line
from core.progress import Progress, silent
from core.system.files import write_bytes

RETRIES = 3
"""Times that a request is run again whose worker or node was lost."""
LOOK_S = 2.0
"""How often a wait looks whether there is still a node that its tasks fit."""
TICK_S = 0.2
"""How often a wait looks whether it is cancelled."""
PATIENCE_S = 10.0
"""Seconds that cancelled tasks of a cluster get to end."""


class RayPool:
    """Runs engine tasks on Ray; see `core.cluster.pool.Pool`.

    Parameters
    ----------
    place : Place
        Without an address, Ray is started on this computer, and ended with the context. In a
        process that has connected to Ray already, that connection is used and left.
    device : str
        ``cpu``, ``cuda``, or empty for GPUs where there are any.
    threads : int, optional
        Of torch in every task; those of this process by default. Figures depend on it in their
        last bits, so a task has as many as the same work in this process would have.

    Raises
    ------
    UserError
        When Ray is not installed.
    """

    def __init__(self, place: Place, device: str = "", threads: int | None = None) -> None:
        self._place, self._wanted = place, device
        self._threads = threads or threads_here()
        self._session: Session | None = None
        self._warming: list[Any] = []
        self.device = device

    def __enter__(self) -> RayPool:
        """Start Ray, or connect to it."""
        self._session = start(self._place)
        try:
            self.device = _device(self._wanted, self._nodes(), self._place.text)
        except BaseException:
            self._session.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what was started, or the connection."""
        if self._warming:  # nobody waits for what is left of them
            self._cancel(self._warming)
        if self._session is not None:
            self._session.end()

    # ---- what there is ------------------------------------------------------------------------

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return len(self._nodes())

    @property
    def room(self) -> int:
        """Requests that run at once, as the cluster is now; at least 1."""
        need = self._needs()
        return max(1, sum(_fits(node, need) for node in self._nodes()))

    def _nodes(self) -> list[Mapping[str, float]]:
        """Return the resources of all nodes that are alive."""
        import ray

        return [node["Resources"] for node in ray.nodes() if node["Alive"]]

    def _needs(self) -> dict[str, float]:
        """Return what a task reserves; never more cores than a node has, or it would never run."""
        if self.device.startswith("cuda"):
            return {"CPU": 1, "GPU": 1}
        threads = self._threads
        most = max((int(node.get("CPU", 0)) for node in self._nodes()), default=0)
        return {"CPU": min(threads, most) if most else threads}

    # ---- running ------------------------------------------------------------------------------

    def warm(self, task: str, request: Request) -> None:
        """Have workers prepare for requests; see `core.cluster.pool.Pool.warm`."""
        remote, order = self._remote(task, self._needs(), 0), self._order(task, request, {})
        self._warming += [remote.remote(order) for _ in range(self.room)]

    def _remote(self, task: str, need: Mapping[str, float], retries: int) -> Any:
        import ray

        return ray.remote(work).options(
            num_cpus=need["CPU"], num_gpus=need.get("GPU", 0), max_retries=retries, name=task
        )

    def run(
        self, task: str, requests: Sequence[Request], progress: Progress = silent
    ) -> Generator[tuple[int, Event], None, None]:
        """Run a task for every request; see `core.cluster.pool.Pool.run`."""
        parcels: dict[str, Parcel] = {}
        waiting: dict[Any, int] = {}

        def hand_out(places: Iterable[int], need: Mapping[str, float]) -> None:
            remote = self._remote(task, need, RETRIES)
            for place in places:
                waiting[remote.remote(self._order(task, requests[place], parcels))] = place

        try:
            need, looked = self._needs(), time.monotonic()
            hand_out(range(len(requests)), need)
            while waiting:
                done = len(requests) - len(waiting)
                progress(done / len(requests), f"Done: {done} of {len(requests)} parts, by Ray")
                for reference in self._ended(waiting):
                    place = waiting.pop(reference)
                    told = self._told(reference)
                    if "file" in told:
                        write_bytes(Path(requests[place][OUTPUT]), told["file"])
                    for event in told["events"]:
                        yield place, event
                if time.monotonic() - looked > LOOK_S:
                    looked = time.monotonic()
                    if (less := self._less(need)) is not None:
                        places = sorted(waiting.values())
                        self._cancel(list(waiting))
                        waiting.clear()
                        need = less
                        hand_out(places, need)
        finally:
            self._cancel(list(waiting))

    def _ended(self, waiting: Iterable[Any]) -> list[Any]:
        """Return the tasks that are over, after a moment at most."""
        import ray

        with _explained(self._place):
            ended: list[Any] = ray.wait(list(waiting), timeout=TICK_S)[0]
        return ended

    def _less(self, need: Mapping[str, float]) -> dict[str, float] | None:
        """Return what tasks should reserve now that all nodes they fitted are lost, else None.

        Ray would have them wait for such a node for ever.
        """
        nodes, less = self._nodes(), self._needs()
        lost = nodes and less != need and not any(_fits(node, need) for node in nodes)
        return less if lost else None

    def _order(self, task: str, request: Request, parcels: dict[str, Parcel]) -> Order:
        """Pack a request; the same file is sent once."""
        packed = {}
        for name, hashed in SENT.items():
            path, sha256 = request.get(name), request.get(hashed)
            if path and sha256 and Path(path).is_file():
                if sha256 not in parcels:
                    parcels[sha256] = _parcel(Path(path), sha256)
                packed[name] = parcels[sha256]
        return Order(task, dict(request), self._threads, versions(), packed, returns=True)

    def _told(self, reference: Any) -> dict[str, Any]:
        import ray

        with _explained(self._place):
            told: dict[str, Any] = ray.get(reference)
        if "events" not in told:
            raise UserError(told["message"], told["hint"])
        return told

    def _cancel(self, references: list[Any]) -> None:
        """End tasks at once; they write to folders of their own only."""
        import ray

        for reference in references:
            with contextlib.suppress(Exception):  # the connection may be what ended the run
                ray.cancel(reference, force=True)
        if references and self._place.address:
            with contextlib.suppress(Exception):
                ray.wait(references, num_returns=len(references), timeout=PATIENCE_S)


def _parcel(path: Path, sha256: str) -> Parcel:
    """Hand a file to Ray, checked against its hash."""
    import ray

    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{path} was replaced by another file after it was opened.", "Open it again."
        )
    return Parcel(path.name, sha256, (ray.put(content),))


def _fits(node: Mapping[str, float], need: Mapping[str, float]) -> int:
    return min(int(node.get(name, 0) // amount) for name, amount in need.items())


def _device(wanted: str, nodes: Sequence[Mapping[str, float]], where: str) -> str:
    """Return the device that tasks run on: a GPU each, or the processor."""
    found = any(node.get("GPU", 0) >= 1 for node in nodes)
    if wanted.startswith("cuda") and not found:
        raise UserError(
            f"The device “{wanted}” was selected, but Ray finds no GPU ({where}).", "Select cpu."
        )
    if found and (not wanted or wanted.startswith("cuda")):
        return "cuda"
    return wanted or "cpu"


@contextlib.contextmanager
def _explained(place: Place) -> Iterator[None]:
    """Say in one line what a person can mend of Ray's errors."""
    from ray import exceptions

    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise UserError(
            "A node ran out of memory, again and again.",
            "Finished parts are kept. Use fewer threads, or nodes with more memory.",
        ) from error
    except exceptions.RayTaskError as error:
        if "No module named 'core" in str(error):
            raise UserError(
                f"Secateur is not installed on every node of {place.text}.",
                "Install the same version in the environment that Ray runs in there.",
            ) from error
        raise
    except (exceptions.RayError, ConnectionError) as error:
        reason = one_line(error).rstrip(".")
        raise UserError(
            f"Ray lost the workers of {place.text}, again and again: {reason}.",
            "Finished parts are kept. Start again.",
        ) from error
