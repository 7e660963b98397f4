"""Training on several GPUs at once: torchrun starts a process for each, as Ultralytics does it.

The Ultralytics launcher pickles its trainer, and its processes rebuild the full network. Here,
each process takes the pruned file itself (`core.tune.worker`). The first one tells its events
over a socket, and asks at every batch whether to continue: a pause, a cancel and the end of this
process reach it that way.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from core.errors import UserError
from core.system.budget import JOB_FILE, MESSAGE, parse_json, read_json
from core.system.files import write_json
from core.system.locks import is_taken
from core.system.program import own_environment
from core.system.scratch import Scratch
from core.tune.device import choose_device, gpus
from core.tune.nodes import SPEC, follow, nodes
from core.tune.settings import Settings
from core.tune.training import Run

HOME = "127.0.0.1"
WORKER = "core.tune.worker"
FAILURE = "failed-{}.json"
"""Under which a process reports why it failed, in the training's folder ``work``."""
_LOOK = 0.5
"""Seconds between two looks whether the processes still live, before the first has called."""
LIFE = "rank-{}.lock"
"""Held in ``work`` by each process while it trains."""
_PATIENCE = 15.0
"""Seconds that processes get to end automatically."""
_EARLIER = 60.0
"""Seconds that those of a training whose first process was killed get to notice."""


class Together:
    """Stands in a trainer's place; the trainers are elsewhere.

    Parameters
    ----------
    run : Run
    options : mapping
        For Ultralytics' trainer; ``device`` names several GPUs and ``batch`` is for all of them.
    settings : Settings
        What every process is set up from.

    Attributes
    ----------
    batch_size : int
        Images a step, of all GPUs.
    """

    def __init__(self, run: Run, options: Mapping[str, Any], settings: Settings) -> None:
        self._run, self._settings = run, settings
        self.batch_size = int(options["batch"])
        self._here = len(str(options["device"]).split(","))
        self._processes = self._here * nodes().count

    def train(self) -> None:
        """Train to the end.

        Raises
        ------
        UserError
            What any of the processes says the user can fix.
        torch.OutOfMemoryError
            When the memory of any GPU is not enough.
        RuntimeError
            When a process fails otherwise.
        CancelledError
            From the run's ``check``.
        """
        work = self._run.folder / "work"
        work.mkdir(exist_ok=True)
        (work / SPEC).unlink(missing_ok=True)  # of a training that was killed
        await_earlier(work)
        for rank in range(self._processes):
            (work / FAILURE.format(rank)).unlink(missing_ok=True)
        with socket.create_server((HOME, 0)) as server, self._spec(server) as (spec, token):
            process = subprocess.Popen(
                command(self._here, spec), stdout=subprocess.DEVNULL, env=own_environment()
            )
            try:
                link = _accept(server, process, token)
                if link is not None:
                    with link:
                        self._serve(link)
                process.wait()
            finally:
                _end(process)
        if process.returncode:
            raise _failure(work, self._processes)

    @contextlib.contextmanager
    def _spec(self, server: socket.socket) -> Iterator[tuple[Path, str]]:
        """Write what the processes need to know."""
        token = secrets.token_hex()
        spec = {
            "settings": self._settings.model_dump(mode="json"),
            "folder": str(self._run.folder),
            "batch": self.batch_size,
            "resume": self._run.state is not None,
            "port": server.getsockname()[1],
            "token": token,
        }
        with contextlib.ExitStack() as held:
            if nodes().count > 1:  # where the other computers look for it
                path = self._run.folder / "work" / SPEC
                held.callback(path.unlink, missing_ok=True)
            else:
                path = Path(held.enter_context(Scratch("several"))) / SPEC
            path.touch(mode=0o600)
            write_json(path, spec)
            yield path, token

    def _serve(self, link: socket.socket) -> None:
        """Hand on events and answer questions until the first process hangs up."""
        with link.makefile("rw", encoding="utf-8") as stream:
            for line in stream:
                message = parse_json(line, MESSAGE)
                if "event" in message:
                    self._run.emit(message)
                else:
                    self._run.check()
                    stream.write("{}\n")
                    stream.flush()


def await_earlier(work: Path, patience: float = _EARLIER) -> None:
    """Wait until no process of an earlier training writes to its folder any more.

    Raises
    ------
    UserError
        When one still does after ``patience`` seconds.
    """
    until = time.monotonic() + patience
    while any(is_taken(path) for path in work.glob(LIFE.format("*"))):
        if time.monotonic() >= until:
            raise UserError(
                f"Processes of an earlier training still write to {work}.",
                "End them, then resume the job.",
            )
        time.sleep(0.1)


def command(processes: int, spec: Path) -> list[str]:
    """Return the command that starts this computer's processes with torchrun."""
    these = nodes()
    start = ["--nproc_per_node", str(processes)]
    if these.count > 1:
        start += ["--nnodes", str(these.count), "--node_rank", str(these.rank)]
        address, port = these.address, these.port
    else:
        with socket.create_server((HOME, 0)) as free:
            address, port = HOME, free.getsockname()[1]
    start += ["--master_addr", address, "--master_port", str(port)]
    return [sys.executable, "-m", "torch.distributed.run", *start, "-m", WORKER, str(spec)]


def take_part(folder: Path, goes_on: Callable[[], bool]) -> None:
    """Train along on this computer, in a training that another one leads.

    Parameters
    ----------
    folder : Path
        The training's.
    goes_on : callable
        Whether the training is still to begin, or goes on.

    Raises
    ------
    UserError
        When the device is not here, or the first computer does not begin in time.
    """

    def start(spec: Path) -> int:
        settings = read_json(spec, JOB_FILE)["settings"]
        here = len(gpus(choose_device(settings["device"])[0])) or 1
        process = subprocess.Popen(
            command(here, spec), stdout=subprocess.DEVNULL, env=own_environment()
        )
        try:
            return process.wait()
        finally:
            _end(process)

    follow(folder / "work", nodes(), start, goes_on)


def _accept(
    server: socket.socket, process: subprocess.Popen[bytes], token: str
) -> socket.socket | None:
    """Wait for the first process to call; None when all of them ended before."""
    server.settimeout(_LOOK)
    while process.poll() is None:
        try:
            link, _ = server.accept()
        except TimeoutError:
            continue
        link.settimeout(None)
        if secrets.compare_digest(link.recv(len(token)).decode("ascii", "replace"), token):
            return link
        link.close()
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let torchrun end its processes, as it does on a signal."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    process.kill()
    process.wait()


def _failure(work: Path, processes: int) -> Exception:
    """Return what went wrong first of all that the user can fix, then memory, then the rest."""
    told: dict[str, dict[str, str]] = {}
    for rank in range(processes):
        with contextlib.suppress(OSError, ValueError):
            note = read_json(work / FAILURE.format(rank), JOB_FILE)
            told.setdefault(note["kind"], note)
    if "user" in told:
        return UserError(told["user"]["message"], told["user"]["hint"])
    if "memory" in told:
        return torch.OutOfMemoryError(told["memory"]["message"])
    found = told.get("other", {"message": "a training process ended without a message"})
    return RuntimeError(found["message"])
