"""Jobs that wait for their turn: one runs at a time on each device, the others in order.

The queue is one file for all of the user's jobs, wherever their folders are: projects share the
devices. Whoever ends a job, or manages jobs, starts the next one; a lock lets only one of them
do so. Needs no torch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from core.errors import UserError, reason_of
from core.runs.folder import Job, already_running, amend_job, read_job, status_of
from core.runs.kinds import KINDS
from core.runs.launch import launch
from core.runs.received import check_job
from core.system.budget import SETTINGS, read_json
from core.system.files import write_text
from core.system.locks import take
from core.system.paths import jobs_folder
from core.system.records import each_read, leave_out

VERSION = 1
_PATIENCE = 120.0
"""Seconds to wait for another process that starts a job meanwhile."""
ANY = "any"
GPUS = "all"
Launch = Callable[[Path], object]


class _Stored(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    waiting: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    held: bool = False

    @field_validator("waiting", "running", mode="before")
    @classmethod
    def _folders(cls, value: Any) -> Any:
        """Leave out what names no folder."""
        if not isinstance(value, list | tuple):
            return value
        named = {f"entry {n} of {queue_file()}": name for n, name in enumerate(value, 1)}
        return tuple(each_read(named, _folder))


def _folder(name: Any) -> str:
    if not isinstance(name, str) or not Path(name).is_absolute() or "\0" in name:
        raise ValueError("it is not the path of a folder")
    return name


@dataclass(slots=True)
class Queue:
    """The queue at a moment.

    Attributes
    ----------
    waiting : list of str
        Folders of the jobs that wait, the next one first.
    running : list of str
        Folders of the jobs that were started and may still run.
    held : bool
        Whether nothing is started for now.
    """

    waiting: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    held: bool = False

    def place(self, folder: str | Path) -> int:
        """Return a job's place in line, from 1; 0 when it does not wait."""
        name = _name(folder)
        return self.waiting.index(name) + 1 if name in self.waiting else 0


def queue_file() -> Path:
    """Return where the queue is kept."""
    return jobs_folder() / "queue.json"


def read_queue() -> Queue:
    """Return the queue; an empty one if there is none, or its file is damaged, which is named.

    Raises
    ------
    UserError
        When a newer Secateur wrote it.
    """
    try:
        data = read_json(queue_file(), SETTINGS)
    except FileNotFoundError:
        return Queue()
    except (OSError, ValueError) as error:
        leave_out(queue_file(), error)
        return Queue()
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UserError("The queue of jobs was saved by a newer Secateur.", "Update Secateur.")
    try:
        stored = _Stored.model_validate(data)
    except ValidationError as error:
        leave_out(queue_file(), error)
        return Queue()
    return Queue(list(stored.waiting), list(stored.running), stored.held)


def add(folder: str | Path, *, first: bool = False) -> None:
    """Put a job at the end of the queue, or at its head; one that waits already moves there.

    Raises
    ------
    UserError
        When it runs or is done, there is none, or the queue cannot be written.
    """
    job, name = read_job(folder), _name(folder)
    status = status_of(job)
    if status in ("running", "paused"):
        raise already_running(job)
    if status == "done":
        raise UserError(f"The job {job.id} is done.", "Start a new one.")
    check_job(folder)
    with _changed() as queue:
        kept = [other for other in queue.waiting if other != name]
        queue.waiting = [name, *kept] if first else [*kept, name]


def drop(folder: str | Path) -> bool:
    """Take a job out of the queue; one that never ran counts as cancelled. Tell if it waited."""
    name = _name(folder)
    with _changed() as queue:
        if name not in queue.waiting:
            return False
        queue.waiting.remove(name)
    with contextlib.suppress(UserError):
        if read_job(folder).state == "ready":
            amend_job(folder, state="cancelled")
    return True


def move(folder: str | Path, by: int) -> None:
    """Move a waiting job towards the head (negative) or the end of the queue, by as many places."""
    name = _name(folder)
    with _changed() as queue:
        if name in queue.waiting:
            at = queue.waiting.index(name)
            queue.waiting.remove(name)
            queue.waiting.insert(max(0, at + by), name)


def hold(held: bool) -> None:
    """Start nothing for now, or start jobs again."""
    with _changed() as queue:
        queue.held = held


def note(folder: str | Path) -> None:
    """Report that a job is about to run here, so that none is started next to it."""
    name = _name(folder)
    with _changed() as queue:
        queue.waiting = [other for other in queue.waiting if other != name]
        queue.running = [*(n for n in _alive(queue.running) if n != name), name]


def start(folder: str | Path, launcher: Launch = launch) -> object:
    """Start a job at once, whatever else runs, and keep the queue informed."""
    name = _name(folder)
    with _changed() as queue:
        started = launcher(Path(folder))
        queue.waiting = [other for other in queue.waiting if other != name]
        queue.running = [*(n for n in _alive(queue.running) if n != name), name]
    return started


def go_on(launcher: Launch = launch, ended: str | Path | None = None) -> list[Path]:
    """Start every waiting job whose device is free and not awaited by one before it.

    A job that cannot be started counts as failed, with the reason.

    Parameters
    ----------
    launcher : callable
        Starts the process of a job's folder.
    ended : path, optional
        The job of the process that asks, which is over whatever its folder says.

    Returns
    -------
    list of Path
        The folders of those that run now.

    Raises
    ------
    UserError
        When the queue cannot be read or written.
    """
    if not read_queue().waiting:
        return []
    started: list[Path] = []
    with _changed() as queue:
        over = None if ended is None else _name(ended)
        queue.running = [name for name in _alive(queue.running) if name != over]
        if queue.held:
            return []
        busy = [devices_of(read_job(folder)) for folder in queue.running]
        stay: list[str] = []
        for name in queue.waiting:
            job = _startable(Path(name))
            if job is None:
                continue
            devices = devices_of(job)
            if any(_clash(devices, others) for others in busy):
                stay.append(name)
                busy.append(devices)
            elif _launched(Path(name), launcher):
                started.append(Path(name))
                queue.running.append(name)
                busy.append(devices)
        queue.waiting = stay
    return started


def blocker(folder: str | Path, queue: Queue) -> str:
    """Return the folder of the running job that a waiting one waits for; empty when none."""
    with contextlib.suppress(UserError):
        devices = devices_of(read_job(folder))
        for name in _alive(queue.running):
            if _clash(devices, devices_of(read_job(name))):
                return name
    return ""


def devices_of(job: Job) -> frozenset[str]:
    """Return what a job computes on: ``cpu``, numbers of GPUs, `GPUS`, or `ANY` while unknown."""
    kind = KINDS.get(job.kind)
    training = kind.settings_of_training(job.arguments) if kind is not None else {}
    wanted = job.arguments.get("device") or training.get("device")
    text = "".join(str(wanted or "").lower().split())
    if not text:
        return frozenset({ANY})
    parts = [part.removeprefix("cuda").removeprefix(":") or "0" for part in text.split(",")]
    return frozenset(parts)


def _clash(one: frozenset[str], other: frozenset[str]) -> bool:
    both = one | other
    if ANY in both or one & other:
        return True
    return GPUS in both and "cpu" not in both


def _alive(names: list[str]) -> list[str]:
    return [name for name in names if _status(name) in ("running", "paused")]


def _status(folder: str) -> str:
    try:
        return status_of(read_job(folder))
    except UserError:
        return "gone"


def _startable(folder: Path) -> Job | None:
    """Return a waiting job; None when it is gone, or over, or was started otherwise."""
    try:
        job = read_job(folder)
    except UserError:
        return None
    return None if status_of(job) in ("running", "paused", "done") else job


def _launched(folder: Path, launcher: Launch) -> bool:
    try:
        launcher(folder)
    except (UserError, OSError) as error:
        hint = error.hint if isinstance(error, UserError) else "Try again."
        message = error.message if isinstance(error, UserError) else str(error)
        with contextlib.suppress(UserError):
            amend_job(folder, state="failed", message=message, hint=hint)
        return False
    return True


def _name(folder: str | Path) -> str:
    return os.path.realpath(folder)


@contextlib.contextmanager
def _changed() -> Iterator[Queue]:
    """Hold the queue, and write it where it was changed."""
    path = queue_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = take(path.with_suffix(".lock"), _PATIENCE)
        if held is None:
            raise UserError("The queue of jobs is in use.", "Try again.")
        with held:
            queue = read_queue()
            before = _text(queue)
            yield queue
            after = _text(queue)
            if after != before:
                write_text(path, after)
    except OSError as error:
        raise UserError(f"The queue of jobs could not be changed: {reason_of(error)}.") from error


def _text(queue: Queue) -> str:
    stored = _Stored(waiting=tuple(queue.waiting), running=tuple(queue.running), held=queue.held)
    return stored.model_dump_json(indent=1) + "\n"
