"""Runs the job of a folder in this process, to its one terminal event."""

from __future__ import annotations

import contextlib
import json
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.checkpoint.needs import needed
from core.errors import CancelledError, MemoryShortError, UserError, ended_by_module
from core.runs.folder import (
    CONTROL,
    EVENTS,
    LOG,
    Job,
    already_running,
    read_job,
    told,
    write_job,
)
from core.runs.kinds import KINDS, Emit
from core.runs.life import RUNNING, this_process
from core.runs.received import check_job
from core.runs.time_left import TimedEvents
from core.system.files import sha256_of
from core.system.locks import take
from core.system.memory import is_out_of_memory, memory_short
from core.system.scratch import sweep_beneath
from core.trust.find import untrusted_in
from core.trust.own import remember

Event = dict[str, Any]
_LISTEN = 0.2
"""Seconds between two looks at the control file of a paused job."""
TERMINAL = ("done", "failed", "cancelled")


class EventLog:
    """Appends events to a job's folder, one JSON line each, and hands them on.

    Parameters
    ----------
    folder : Path
    listener : callable, optional
        Told every event too.
    """

    def __init__(self, folder: Path, listener: Emit | None = None) -> None:
        self._listener = listener
        self._stream = (folder / EVENTS).open("ab")
        if self._stream.tell() and not self._ends_whole(folder / EVENTS):
            self._stream.write(b"\n")  # a crash cut the last line short

    @staticmethod
    def _ends_whole(path: Path) -> bool:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"

    def __call__(self, event: Event) -> None:
        """Write one event; a full disk loses events, never the training."""
        event = {**event, "time": round(time.time(), 3)}
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(json.dumps(event).encode("utf-8") + b"\n")
            self._stream.flush()
        if self._listener is not None:
            self._listener(event)

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._stream.close()


class Control:
    """The commands for a job, read at every batch.

    Parameters
    ----------
    folder : Path
    emit : callable
    on_state : callable
        Told ``paused`` and ``running``.
    """

    def __init__(self, folder: Path, emit: Emit, on_state: Callable[[str], None]) -> None:
        self._folder, self._emit, self._on_state = folder, emit, on_state
        self._changed = -1

    def __call__(self) -> None:
        """Wait while the job is paused; raise ``CancelledError`` when it should end."""
        try:
            changed = (self._folder / CONTROL).stat().st_mtime_ns
        except OSError:
            return
        if changed == self._changed:
            return
        self._changed = changed
        word = told(self._folder)
        if word == "pause":
            self._on_state("paused")
            self._emit({"event": "paused"})
            while (word := told(self._folder)) == "pause":
                time.sleep(_LISTEN)
            if word != "cancel":
                self._on_state("running")
                self._emit({"event": "continued"})
        if word == "cancel":
            raise CancelledError


def run_job(folder: str | Path, listener: Emit | None = None) -> Event:
    """Run a job, or continue with one that was cancelled, failed or interrupted.

    Parameters
    ----------
    folder : path
    listener : callable, optional
        Told every event.

    Returns
    -------
    dict
        The terminal event: ``done`` with ``result``, ``failed`` with ``message``, ``hint``,
        ``bug`` and, if memory ran out, ``next_batch``, or if a module has to be trusted first,
        ``untrusted``; or ``cancelled``. Modules that the file needs are in ``result["modules"]``.

    Raises
    ------
    UserError
        When it runs already, is done, or its files were replaced since; nothing was changed then.
    """
    folder = Path(folder)
    with contextlib.ExitStack() as life:
        job = _claim(folder, life)
        sweep_beneath(folder)
        return _run(job, folder, listener)


def follow_job(folder: str | Path) -> None:
    """Train along on this computer, in a job that another one runs (`core.tune.nodes`).

    Raises
    ------
    UserError
        When it cannot run, or the first computer does not begin in time.
    """
    from core.checkpoint import prepare

    prepare()
    from core.tune.several import take_part

    folder = Path(folder)
    check_together(read_job(folder))

    def goes_on() -> bool:
        return read_job(folder).state in ("ready", "running", "paused")

    take_part(folder, goes_on)


def check_together(job: Job) -> None:
    """Refuse what does not run on several computers: all but a training alone.

    Raises
    ------
    UserError
    """
    kind = KINDS.find(job.kind)
    if kind.training != "":
        raise UserError(f"One computer runs an {kind.noun}.", "Run it on one node.")


def _run(job: Job, folder: Path, listener: Emit | None) -> Event:
    with contextlib.suppress(OSError):
        (folder / CONTROL).unlink(missing_ok=True)
    emit = EventLog(folder, listener)

    def on_state(state: str) -> None:
        with contextlib.suppress(UserError):
            write_job(folder, job.model_copy(update={"state": state}))

    try:
        timed = TimedEvents(emit, KINDS[job.kind].training is not None)
        event = _outcome(job, folder, timed, Control(folder, timed, on_state))
        with contextlib.suppress(UserError):  # a full disk; the event reports what it says
            ended = _ended(job, event)
            remember("result", ended.result)
            write_job(folder, ended)
        emit(event)
    finally:
        emit.close()
    return event


def _claim(folder: Path, life: contextlib.ExitStack) -> Job:
    """Take a job for this process until ``life`` ends; of two that ask at once, one gets it."""
    job = read_job(folder)
    check_startable(job)
    with contextlib.suppress(OSError):  # a folder that cannot be written reports it below
        lock = take(folder / RUNNING)
        if lock is None:
            raise already_running(job)
        life.enter_context(lock)
        job = read_job(folder)  # another may have run it to its end before the lock was free
        if not lock.sure and job.runs:
            raise already_running(job)
    _check_files(job)
    running = {"state": "running", "process": this_process()}
    running |= {"message": "", "hint": "", "next_batch": 0, "untrusted": {}}
    job = job.model_copy(update=running)
    write_job(folder, job)
    return job


def check_startable(job: Job) -> None:
    """Refuse what cannot run now.

    Raises
    ------
    UserError
        When a job is of a kind that is not known, runs, is done, uses files outside its project
        that nobody confirmed, or its files were replaced since.
    """
    if job.kind not in KINDS:
        raise UserError(
            f"This version does not support jobs of the kind “{job.kind}”.",
            "Update Secateur, or install the package that provides them.",
        )
    if job.runs:
        raise already_running(job)
    if job.folder is not None:
        check_job(job.folder)
    _check_files(job)


def _check_files(job: Job) -> None:
    if job.state == "done":
        raise UserError(f"The job {job.id} is done.", "Start a new one.")
    for key, known in job.hashes.items():
        path = Path(str(job.arguments.get(key, "")))
        if not path.is_file() or sha256_of(path) != known:
            raise UserError(
                f"{path} was deleted or replaced after the job {job.id} was created.",
                "Restore the file, or start a new job.",
            )


def _outcome(job: Job, folder: Path, emit: Emit, check: Callable[[], None]) -> Event:
    try:
        result = KINDS[job.kind].run(job.arguments, folder, emit, check)
        if modules := needed(result):
            result = {**result, "modules": modules}
        return {"event": "done", "result": result}
    except (CancelledError, KeyboardInterrupt):
        return {"event": "cancelled"}
    except UserError as error:
        return _failed(error)
    except SystemExit:
        return _failed(ended_by_module())
    except Exception as error:
        with contextlib.suppress(OSError), (folder / LOG).open("a", encoding="utf-8") as log:
            log.write("".join(traceback.format_exception(error)) + "\n")
        if is_out_of_memory(error):
            return _failed(memory_short(error))
        message = f"{type(error).__name__}: {error}"
        hint = f"Internal error, logged in {folder / LOG}. Please report it."
        return {"event": "failed", "message": message, "hint": hint, "bug": True}


def _failed(error: UserError) -> Event:
    event = {"event": "failed", "message": error.message, "hint": error.hint, "bug": False}
    if isinstance(error, MemoryShortError):
        event["next_batch"] = error.next_batch
    return {**event, **untrusted_in(error)}


def _ended(job: Job, event: Event) -> Job:
    change = {
        "state": event["event"],
        "message": event.get("message", ""),
        "hint": event.get("hint", ""),
        "next_batch": event.get("next_batch", 0),
        "untrusted": event.get("untrusted", {}),
        "result": event.get("result"),
    }
    return job.model_copy(update=change)
