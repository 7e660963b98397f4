"""The worker for long jobs: lives on a QThread, starts them, tells them, follows what they tell."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import UserError
from core.runs.tail import Digest, RunEntry

FOLLOW_MS = 250
"""Between two looks at what the watched job told: as often as its figures are worth reading."""
LIST_MS = 1500
SLICE = 256 * 1024
"""Bytes of events read at a time; more than that waits its turn, so that a long log that is opened
again leaves room for the window's own thread."""


Over = dict[str, tuple[int, RunEntry]]


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A job to be made and started.

    Attributes
    ----------
    kind : str
    arguments : dict
    inputs : dict
        Files it reads, by argument.
    parent : str
        Where its folder shall lie.
    """

    kind: str
    arguments: dict[str, Any]
    inputs: dict[str, str | None]
    parent: str


class RunsWorker(QObject):
    """Looks after job folders.

    Signals
    -------
    listed(tuple of RunEntry)
        The jobs there are, newest first; only when something about them changed.
    followed(Snapshot)
        What the watched job told; not more often than ``FOLLOW_MS``.
    started(str)
        A job's process runs.
    failed(str, str)
        Message and hint: something that was asked for could not be done.
    """

    listed = Signal(object)
    followed = Signal(object)
    started = Signal(str)
    failed = Signal(str, str)
    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._places: tuple[str, ...] = ()
        self._known: tuple[RunEntry, ...] = ()
        self._over: Over = {}
        self._folder = ""
        self._offset = 0
        self._digest = Digest()
        self._shown: RunEntry | None = None
        self._timers: dict[str, QTimer] = {}

    @Slot()
    def begin(self) -> None:
        """Make the timers; on this thread, since they belong to it."""
        for name, pause, act in (
            ("list", LIST_MS, self.list_jobs),
            ("follow", FOLLOW_MS, self.follow),
        ):
            timer = QTimer(self, interval=pause)
            timer.timeout.connect(act)
            timer.start()
            self._timers[name] = timer

    @Slot()
    def stop(self) -> None:
        """End; jobs go on."""
        for timer in self._timers.values():
            timer.stop()
        self.stopped.emit()

    # ---- looking ------------------------------------------------------------------------------

    @Slot(object)
    def look_in(self, places: Iterable[str]) -> None:
        """List the jobs of these folders."""
        self._places = tuple(places)
        self.list_jobs()

    @Slot()
    def list_jobs(self) -> None:
        """Say so when jobs came, went or changed."""
        found = entries(self._places, self._over)
        if found != self._known:
            self._known = found
            self.listed.emit(found)

    @Slot(str)
    def watch(self, folder: str) -> None:
        """Follow a job from its first event; none when empty."""
        self._folder, self._offset = folder, 0
        self._digest, self._shown = Digest(), None
        self.follow()

    @Slot()
    def follow(self) -> None:
        """Read on, and hand over what is known now if that is more than before."""
        if not self._folder:
            return
        from core.runs.folder import read_events

        entry = entry_of(Path(self._folder))
        events, offset = read_events(self._folder, self._offset, SLICE)
        if entry is None or (entry == self._shown and not events):
            return
        for event in events:
            self._digest.take(event)
        more = offset - self._offset >= SLICE // 2
        self._offset, self._shown = offset, entry
        if more:
            QTimer.singleShot(0, self.follow)
        else:
            self.followed.emit(self._digest.snapshot(entry))

    # ---- doing --------------------------------------------------------------------------------

    @Slot(object)
    def start(self, request: StartRequest) -> None:
        """Make a job's folder and start its process."""
        from core.runs.folder import create_job

        try:
            folder = create_job(
                request.kind, request.arguments, request.inputs, parent=request.parent
            )
        except (UserError, OSError) as error:
            self._sorry(error)
            return
        self._launch(str(folder))

    @Slot(str)
    def resume(self, folder: str) -> None:
        """Go on with a job that was cancelled, failed or interrupted."""
        self._launch(folder)

    def _launch(self, folder: str) -> None:
        from core.runs.launch import launch

        try:
            launch(folder)
        except (UserError, OSError) as error:
            self._sorry(error)
        else:
            self.started.emit(folder)
        self.list_jobs()

    @Slot(str)
    def leave(self, folder: str) -> None:
        """Let an interrupted job count as cancelled: it is not offered again, and can go on."""
        from core.runs.folder import read_job, status_of, write_job

        try:
            job = read_job(folder)
            if status_of(job) == "interrupted":
                write_job(Path(folder), job.model_copy(update={"state": "cancelled"}))
        except (UserError, OSError) as error:
            self._sorry(error)
        self.list_jobs()

    @Slot(str, str)
    def tell(self, folder: str, word: str) -> None:
        """Tell a job ``pause``, ``run`` or ``cancel``."""
        from core.runs.folder import tell

        try:
            tell(folder, word)  # type: ignore[arg-type]
        except (UserError, OSError) as error:
            self._sorry(error)
        self.list_jobs()
        self.follow()

    def _sorry(self, error: UserError | OSError) -> None:
        if isinstance(error, UserError):
            self.failed.emit(error.message, error.hint)
        else:
            reason = (error.strerror or str(error)).lower()
            self.failed.emit(f"The job could not be started: {reason}.", "Try again.")


def entry_of(folder: Path) -> RunEntry | None:
    """Read a job's folder; None where it is gone or damaged."""
    from core.runs.folder import read_job, status_of, told

    try:
        job = read_job(folder)
    except UserError:
        return None
    return RunEntry(
        folder=str(folder),
        kind=job.kind,
        created=job.created,
        state=status_of(job),
        told=told(folder),
        arguments=job.arguments,
        message=job.message,
        hint=job.hint,
        result=job.result,
    )


def entries(places: Iterable[str], over: Over) -> tuple[RunEntry, ...]:
    """Return the jobs of some folders, newest first; a folder named twice counts once.

    Parameters
    ----------
    places : iterable of str
    over : dict
        Jobs that do not run and when they were written, so that they are not read every time;
        filled here.
    """
    from core.runs.folder import JOB, list_jobs

    found: dict[str, RunEntry] = {}
    for place in places:
        if not Path(place).is_dir():
            continue
        for folder in list_jobs(place):
            name, written = str(folder), _written(folder / JOB)
            entry = over[name][1] if over.get(name, (0,))[0] == written else entry_of(folder)
            if entry is not None:
                found[os.path.realpath(folder)] = entry
                if not entry.active:
                    over[name] = written, entry
    return tuple(sorted(found.values(), key=lambda e: (e.created, e.folder), reverse=True))


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
