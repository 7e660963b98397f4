"""Engine tasks as jobs of Slurm: an array, each of which leaves its events in a file.

What comes back is plain data that is read within its budget; the pickles of submitit are not read.
Everything must lie on a disk that the nodes share: the dataset, the checkpoint and the user's data
folder, where requests and results are while the work lasts.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import signal
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from core.cluster import slurm
from core.cluster.place import Place
from core.cluster.pool import Event, Request
from core.cluster.worker import OUTPUT, SENT, Order, threads_here, versions, work
from core.errors import UserError, reason_of
from core.progress import Progress, silent
from core.system.budget import MESSAGE, parse_json, read_text
from core.system.files import sha256_of, write_text
from core.system.paths import jobs_folder

RETRIES = 3
"""Times that a request is submitted again whose job ended without a result."""
ROOM = 16
"""Jobs that run at once."""
TICK_S = 0.5
"""How often a wait looks for results, and whether it is cancelled."""
SETTLE_S = 30.0
"""Seconds in which the file of a job that is over may still become visible on a shared disk."""
FOLDER = "slurm"


class Errand:
    """What a node runs; submitit calls it.

    Parameters
    ----------
    order : Order
    sha256 : mapping of str to str
        What the files that the request names must be, by their paths.
    result : str
        Where the events go.
    """

    def __init__(self, order: Order, sha256: Mapping[str, str], result: str) -> None:
        self._order, self._sha256, self._result = order, sha256, result

    def __call__(self) -> None:
        """Run the request, and leave its events."""
        told = self._lacking() or work(self._order)
        write_text(Path(self._result), json.dumps(told))

    def _lacking(self) -> dict[str, Any] | None:
        for path, sha256 in self._sha256.items():
            try:
                if sha256_of(Path(path)) == sha256:
                    continue
                message = f"{path} is another file on the node than on this computer."
            except OSError as error:
                message = f"The node cannot read {path}: {reason_of(error)}."
            return {"message": message, "hint": "Put it on a disk that the nodes share."}
        output = self._order.request.get(OUTPUT)
        if output and not Path(output).parent.is_dir():
            message = f"The node cannot read {Path(output).parent}."
            return {"message": message, "hint": "Put it on a disk that the nodes share."}
        return None


class SlurmPool:
    """Runs engine tasks on Slurm; see `core.cluster.pool.Pool`.

    Parameters
    ----------
    place : Place
        Its limits are those of each job.
    device : str
        Passed on to requests as it is.
    threads : int, optional
        Of torch in every task; those of this process by default, so that figures are the same.
    """

    def __init__(self, place: Place, device: str = "", threads: int | None = None) -> None:
        self.device, self.room = device, ROOM
        self._place, self._threads = place, threads or threads_here()
        self._folder = jobs_folder() / FOLDER / secrets.token_hex(6)
        self._executor: Any = None
        self._runs = 0

    def __enter__(self) -> SlurmPool:
        """Make the folder of requests and results."""
        limits = {"cores": str(self._threads), **dict(self._place.limits)}
        self._executor = slurm.executor(self._folder, self._place, limits, "secateur", array=ROOM)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def warm(self, task: str, request: Request) -> None:
        """Do nothing: each job of an array is a process of its own."""

    def run(
        self, task: str, requests: Sequence[Request], progress: Progress = silent
    ) -> Generator[tuple[int, Event], None, None]:
        """Run a task for every request; see `core.cluster.pool.Pool.run`."""
        self._runs += 1  # results are not those of a run before
        errands = [self._errand(task, place, request) for place, request in enumerate(requests)]
        waiting = self._submit(dict(enumerate(errands)))
        tries = dict.fromkeys(waiting, 1)
        over: dict[int, float] = {}
        try:
            while waiting:
                done = len(requests) - len(waiting)
                progress(done / len(requests), f"Done: {done} of {len(requests)} parts, by Slurm")
                for place in list(waiting):
                    events = self._events(place)
                    if events is not None:
                        del waiting[place]
                        yield from ((place, event) for event in events)
                lost = [p for p, job in waiting.items() if self._is_lost(p, job, over)]
                for place in lost:
                    tries[place] += 1
                    if tries[place] > RETRIES + 1:
                        raise UserError(
                            f"A job of Slurm ended {tries[place] - 1} times without a result.",
                            f"Its output: {self._output(waiting[place])}",
                        )
                    over.pop(place)
                waiting |= self._submit({place: errands[place] for place in lost})
                time.sleep(TICK_S)
        finally:
            for job in waiting.values():
                _end(str(job.job_id))

    def _errand(self, task: str, place: int, request: Request) -> Errand:
        made = dict(request)
        for name in (*SENT, OUTPUT):
            if made.get(name):
                made[name] = str(Path(str(made[name])).absolute())
        sent = {
            made[name]: str(made[hashed])
            for name, hashed in SENT.items()
            if made.get(name) and made.get(hashed) and Path(made[name]).is_file()
        }
        order = Order(task, made, self._threads, versions())
        return Errand(order, sent, str(self._result(place)))

    def _result(self, place: int) -> Path:
        return self._folder / f"{self._runs}-{place}.result.json"

    def _submit(self, errands: Mapping[int, Errand]) -> dict[int, Any]:
        """Submit requests as one array; return their jobs."""
        if not errands:
            return {}

        def call() -> list[Any]:
            with self._executor.batch():
                return [self._executor.submit(errand) for errand in errands.values()]

        jobs = slurm.submitted(call, f"{len(errands)} jobs")
        return dict(zip(errands, jobs, strict=True))

    def _events(self, place: int) -> list[Event] | None:
        """Return the events of a request; None while there are none.

        Raises
        ------
        UserError
            What the node lacks.
        """
        try:
            told = parse_json(read_text(self._result(place), MESSAGE), MESSAGE, finite=False)
        except (OSError, ValueError):
            return None
        if "events" not in told:
            raise UserError(told["message"], told["hint"])
        events: list[Event] = told["events"]
        return events

    def _is_lost(self, place: int, job: Any, over: dict[int, float]) -> bool:
        """Whether a job is over and its file does not come any more."""
        if not _is_over(str(job.job_id), self._folder):
            over.pop(place, None)
            return False
        since = over.setdefault(place, time.monotonic())
        settled = 0.0 if slurm.is_local() else SETTLE_S
        return time.monotonic() - since > settled and not self._result(place).exists()

    def _output(self, job: Any) -> str:
        """Return the end of what a job printed."""
        with contextlib.suppress(OSError, UserError):
            lines = read_text(Path(job.paths.stderr), MESSAGE, errors="replace").split("\n")
            return " ".join(line.strip() for line in lines if line.strip())[-300:]
        return f"see {self._folder}"


def _is_over(number: str, folder: Path) -> bool:
    if slurm.is_local():
        try:
            return psutil.Process(int(number)).status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return True
    return slurm.state_of(number, folder) == "over"


def _end(number: str) -> None:
    if slurm.is_local():
        with contextlib.suppress(psutil.Error):
            psutil.Process(int(number)).send_signal(signal.SIGINT)
        return
    with contextlib.suppress(UserError):
        slurm.cancel(number)
