"""The worker for long jobs: lives on a QThread, starts them, tells them, follows what they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.engine.follower import Follower
from core.errors import UserError, reason_of
from core.runs.tail import RunEntry

if TYPE_CHECKING:
    from core.cluster.place import Place
    from core.runs.folder import Word

FOLLOW_MS = 250
"""Between two looks at the events of the jobs followed: as often as figures are worth reading."""
LIST_MS = 1500


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
        Where its folder should be.
    where : Place or None
        Where Slurm should run it, with its limits; None for this computer.
    """

    kind: str
    arguments: dict[str, Any]
    inputs: dict[str, str | None]
    parent: str
    where: Place | None = None


class LongJobsWorker(QObject):
    """Looks after job folders.

    Signals
    -------
    listed(tuple of RunEntry)
        The jobs there are, newest first; only when something about them changed.
    followed(Snapshot)
        The events of a job that is followed; not more often than ``FOLLOW_MS``.
    started(str), waits(str)
        What was asked to start does, or waits for its device: the job's folder.
    failed(str, str)
        Message and hint: something that was asked for could not be done.
    """

    listed = Signal(object)
    followed = Signal(object)
    started = Signal(str)
    waits = Signal(str)
    failed = Signal(str, str)
    stopped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._places: tuple[str, ...] = ()
        self._known: tuple[RunEntry, ...] = ()
        self._over: dict[str, tuple[int, RunEntry]] = {}
        self._fault, self._left_out = "", set[str]()
        self._followers: dict[str, Follower] = {}
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
        """End; jobs continue."""
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
        """Start what waits and can, and say so when jobs came, went or changed.

        Damaged ones are named once, for as long as they are.
        """
        from core.runs.listing import entries
        from core.system.records import left_out_note, naming_left_out

        with naming_left_out() as left_out:
            self._go_on()
            found = entries(self._places, self._over)
        if left_out and set(left_out) - self._left_out:
            self.failed.emit(*left_out_note(left_out))
        self._left_out = set(left_out)
        if found != self._known:
            self._known = found
            self.listed.emit(found)

    def _go_on(self) -> None:
        """Start the jobs whose turn it is; a fault that stays is reported once."""
        from core.runs import queue

        fault: UserError | None = None
        try:
            queue.go_on()
        except UserError as error:
            fault = error
        if fault is not None and fault.message != self._fault:
            self._sorry(fault)
        self._fault = fault.message if fault is not None else ""

    @Slot(object)
    def watch(self, folders: Iterable[str]) -> None:
        """Follow these jobs and no others, new ones from their first event."""
        self._followers = {f: self._followers.get(f) or Follower(f) for f in folders}
        self.follow()

    @Slot()
    def follow(self) -> None:
        """Read on, and hand over what is known now of each job if that is more than before."""
        for follower in self._followers.values():
            snapshot = follower.read()
            if snapshot is not None:
                self.followed.emit(snapshot)
        if any(follower.more for follower in self._followers.values()):
            QTimer.singleShot(0, self.follow)

    # ---- doing --------------------------------------------------------------------------------

    @Slot(object)
    def start(self, request: StartRequest) -> None:
        """Make a job's folder and put it in the queue; it starts as soon as its device is free."""
        from core.runs.folder import create_job

        try:
            folder = create_job(
                request.kind, request.arguments, request.inputs, parent=request.parent
            )
        except (UserError, OSError) as error:
            self._sorry(error)
            return
        if request.where is not None:
            self._submit(str(folder), request.where)
        else:
            self._enqueue(str(folder), first=False)

    def _submit(self, folder: str, where: Place) -> None:
        """Hand a job to Slurm; where that fails, it stays in the list, not started."""
        from core.runs import apart

        try:
            apart.submit(folder, where, dict(where.limits))
        except (UserError, OSError) as error:
            self.list_jobs()
            self._sorry(error)
            return
        self.list_jobs()
        self.waits.emit(folder)

    @Slot(str, int)
    def resume(self, folder: str, batch: int = 0) -> None:
        """Continue a job that was cancelled, failed or interrupted, once its device is free.

        One that Slurm ran continues there.
        """
        from core.runs.apart import submit_again
        from core.runs.folder import limit_batch

        try:
            if batch:
                limit_batch(folder, batch)
            again = submit_again(folder)
        except (UserError, OSError) as error:
            self._sorry(error)
            return
        if again:
            self.list_jobs()
            self.waits.emit(folder)
            return
        self._enqueue(folder, first=True)

    def _enqueue(self, folder: str, first: bool) -> None:
        from core.runs import queue
        from core.runs.listing import entry_of

        try:
            queue.add(folder, first=first)
            self._go_on()
            waits = bool(queue.read_queue().place(folder))
        except (UserError, OSError) as error:
            self._sorry(error)
            return
        entry = entry_of(folder)
        if waits:
            self.list_jobs()
            self.waits.emit(folder)
        elif entry is not None and entry.state == "failed":
            self.failed.emit(entry.message, entry.hint)
        else:
            self.started.emit(folder)
        self.list_jobs()

    @Slot(str)
    def drop(self, folder: str) -> None:
        """Let a job wait no more."""
        from core.runs import queue

        self._try(lambda: queue.drop(folder))

    @Slot(str, int)
    def move(self, folder: str, by: int) -> None:
        """Move a waiting job in the queue; towards its head where negative."""
        from core.runs import queue

        self._try(lambda: queue.move(folder, by))

    @Slot(bool)
    def hold(self, held: bool) -> None:
        """Start nothing from the queue for now, or continue with it."""
        from core.runs import queue

        self._try(lambda: queue.hold(held))

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (UserError, OSError) as error:
            self._sorry(error)
        self.list_jobs()

    @Slot(str)
    def leave(self, folder: str) -> None:
        """Let an interrupted job count as cancelled: it is not offered again, and can continue."""
        from core.runs.folder import amend_job, read_job, status_of

        try:
            if status_of(read_job(folder)) == "interrupted":
                amend_job(folder, state="cancelled")
        except (UserError, OSError) as error:
            self._sorry(error)
        self.list_jobs()

    @Slot(str, str)
    def tell(self, folder: str, word: Word) -> None:
        """Tell a job ``pause``, ``run`` or ``cancel``."""
        from core.runs.apart import withdraw
        from core.runs.folder import tell

        try:
            if word != "cancel" or not withdraw(folder):
                tell(folder, word)
        except (UserError, OSError) as error:
            self._sorry(error)
        self.list_jobs()
        self.follow()

    def _sorry(self, error: UserError | OSError) -> None:
        if isinstance(error, UserError):
            self.failed.emit(error.message, error.hint)
        else:
            self.failed.emit(f"The job could not be started: {reason_of(error)}.", "Try again.")
