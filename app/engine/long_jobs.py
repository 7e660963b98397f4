"""The window's handle on long jobs, which are processes of their own and may outlive it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QThread, Signal

from app.engine.long_jobs_worker import LongJobsWorker, StartRequest
from core.runs.tail import RunEntry, Snapshot

if TYPE_CHECKING:
    from core.cluster.place import Place
    from core.runs.folder import Word

PATIENCE_MS = 5000


class LongJobs(QObject):
    """Owns the thread that manages job folders. Everything here is on the window's thread.

    Signals
    -------
    listChanged
        Jobs were added, removed or changed; see ``entries``.
    followed
        The watched job sent an event, or another one is watched; see ``snapshot``.
    overlayChanged
        A job that is shown over the watched one sent an event, or others are; see ``overlaid``.
    started(str), waits(str)
        What was asked to start does, or waits for its device: the job's folder.
    failed(str, str)
        Message and hint.
    """

    listChanged = Signal()
    followed = Signal()
    overlayChanged = Signal()
    started = Signal(str)
    waits = Signal(str)
    failed = Signal(str, str)
    _look_in = Signal(object)
    _watch = Signal(object)
    _start = Signal(object)
    _resume = Signal(str, int)
    _leave = Signal(str)
    _tell = Signal(str, str)
    _drop = Signal(str)
    _move = Signal(str, int)
    _hold = Signal(bool)
    _stop = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: tuple[RunEntry, ...] = ()
        self.watched = ""
        self._over: tuple[str, ...] = ()
        self._snapshots: dict[str, Snapshot] = {}
        self.places: tuple[str, ...] = ()
        self.ends_with_window = ""  # the folder whose jobs nobody is asked about
        self._thread = QThread(self)
        self._thread.setObjectName("runs")
        self._worker = LongJobsWorker()
        self._worker.moveToThread(self._thread)
        worker = self._worker
        self._thread.started.connect(worker.begin)
        for signal, slot in (
            (self._look_in, worker.look_in),
            (self._watch, worker.watch),
            (self._start, worker.start),
            (self._resume, worker.resume),
            (self._leave, worker.leave),
            (self._tell, worker.tell),
            (self._drop, worker.drop),
            (self._move, worker.move),
            (self._hold, worker.hold),
            (self._stop, worker.stop),
        ):
            signal.connect(slot)
        worker.listed.connect(self._on_listed)
        worker.followed.connect(self._on_followed)
        worker.started.connect(self._on_started)
        worker.waits.connect(self.waits)
        worker.failed.connect(self.failed)
        worker.stopped.connect(self._thread.quit, Qt.ConnectionType.DirectConnection)
        self._thread.start()

    # ---- asking -------------------------------------------------------------------------------

    def look_in(self, places: Iterable[str]) -> None:
        """Look after the jobs of these folders."""
        self.places = tuple(places)
        self._look_in.emit(self.places)

    def watch(self, folder: str) -> None:
        """Follow what one job tells; none when empty."""
        if folder != self.watched:
            self.watched = folder
            self._follow()
            self.followed.emit()

    def overlay(self, folders: Iterable[str]) -> None:
        """Follow other jobs too, whose curves are shown over those of the watched one."""
        wanted = tuple(folder for folder in folders if folder != self.watched)
        if wanted != self._over:
            self._over = wanted
            self._follow()
            self.overlayChanged.emit()

    def _follow(self) -> None:
        wanted = tuple(dict.fromkeys(filter(None, (self.watched, *self._over))))
        self._snapshots = {f: s for f, s in self._snapshots.items() if f in wanted}
        self._watch.emit(wanted)

    @property
    def snapshot(self) -> Snapshot | None:
        """What is known of the watched job."""
        return self._snapshots.get(self.watched)

    @property
    def overlaid(self) -> tuple[Snapshot, ...]:
        """What is known of the jobs shown over the watched one, in the order that was asked."""
        known = (self._snapshots.get(folder) for folder in self._over)
        return tuple(snapshot for snapshot in known if snapshot is not None)

    def start(
        self,
        kind: str,
        arguments: dict[str, Any],
        inputs: dict[str, str | None],
        parent: str,
        where: Place | None = None,
    ) -> None:
        """Make a job that starts in its turn; ``started``, ``waits`` or ``failed`` follows.

        With a place, Slurm runs it.
        """
        self._start.emit(StartRequest(kind, arguments, inputs, parent, where))

    def resume(self, folder: str, batch: int = 0) -> None:
        """Continue a job; ``started``, ``waits`` or ``failed`` follows.

        Parameters
        ----------
        folder : str
        batch : int
            Take no more images per batch than this, if memory ran out; as before when 0.
        """
        self._resume.emit(folder, batch)

    def leave(self, folder: str) -> None:
        """Offer an interrupted job no more."""
        self._leave.emit(folder)

    def tell(self, folder: str, word: Word) -> None:
        """Tell a job ``pause``, ``run`` or ``cancel``."""
        self._tell.emit(folder, word)

    def stop(self, entry: RunEntry) -> None:
        """End a job that runs, or let one wait no more."""
        if entry.place:
            self._drop.emit(entry.folder)
        else:
            self.tell(entry.folder, "cancel")

    def move(self, folder: str, by: int) -> None:
        """Move a waiting job in the queue; towards its head where negative."""
        self._move.emit(folder, by)

    def hold(self, held: bool) -> None:
        """Start nothing from the queue for now, or continue with it."""
        self._hold.emit(held)

    def entry(self, folder: str) -> RunEntry | None:
        """Find a job."""
        return next((e for e in self.entries if e.folder == folder), None)

    @property
    def active(self) -> list[RunEntry]:
        """Jobs whose processes live."""
        return [e for e in self.entries if e.active]

    @property
    def waiting(self) -> list[RunEntry]:
        """Jobs in the queue, the next one first."""
        return sorted((e for e in self.entries if e.place), key=lambda e: e.place)

    def shutdown(self) -> None:
        """End the thread, once it has passed on what it was asked; jobs continue."""
        if not self._thread.isRunning():
            return
        self._stop.emit()
        if not self._thread.wait(PATIENCE_MS):
            self._thread.terminate()
            self._thread.wait()

    # ---- hearing ------------------------------------------------------------------------------

    def _on_listed(self, entries: tuple[RunEntry, ...]) -> None:
        self.entries = entries
        self.listChanged.emit()

    def _on_followed(self, snapshot: Snapshot) -> None:
        folder = snapshot.entry.folder
        if folder == self.watched or folder in self._over:
            self._snapshots[folder] = snapshot
        if folder == self.watched:
            self.followed.emit()
        if folder in self._over:
            self.overlayChanged.emit()

    def _on_started(self, folder: str) -> None:
        self.started.emit(folder)
