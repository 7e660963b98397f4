"""Fine-tune: sets up a training of a pruned network, and watches those that run or ran."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.context import Context
from app.engine.hints import in_window
from app.kit import theme
from app.kit.controls import combo
from app.kit.widgets import Elided, OnScreen
from app.tune.form_part import TuningForm
from app.tune.watch_part import WatchPart
from core.runs.tail import RunEntry

NEW = "New fine-tuning"


class TuningPanel(OnScreen, QWidget):
    """A form for a new fine-tuning, or one that runs or ran: whichever is chosen at the top.

    Signals
    -------
    startRequested(dict), checkRequested(str), dataRequested,
    argumentsRequested(str, dict, callable)
        See `TuningForm`.
    openRequested(str)
        A tuned file should be opened.
    """

    startRequested = Signal(dict)
    checkRequested = Signal(str)
    dataRequested = Signal()
    openRequested = Signal(str)
    argumentsRequested = Signal(str, object, object)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._jobs = context.jobs
        self._told: tuple[tuple[str, str], ...] = ()
        self.which = combo({"": (NEW, "Set up a fine-tuning")}, "Fine-tuning to show")
        self.which.setMinimumContentsLength(26)
        self.which.activated.connect(lambda _: self._jobs.watch(self.which.currentData()))
        self.status = Elided("muted")
        self._make_buttons()
        self.form = TuningForm(context)
        self.form.startRequested.connect(self.startRequested)
        self.form.checkRequested.connect(self.checkRequested)
        self.form.dataRequested.connect(self.dataRequested)
        self.form.argumentsRequested.connect(self.argumentsRequested)
        self.watch = WatchPart()
        self.watch.overlayRequested.connect(self._jobs.overlay)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.form)
        self.pages.addWidget(self.watch)
        top = QHBoxLayout()
        top.addWidget(self.which)
        top.addWidget(self.status, 1)
        for button in (
            self.pause, self.go_on, self.cancel, self.smaller, self.resume, self.open, self.again
        ):  # fmt: skip
            top.addWidget(button)
        top.addWidget(self.form.begin)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.addLayout(top)
        layout.addWidget(self.pages, 1)
        self.setAccessibleName("Fine-tune")
        self._jobs.listChanged.connect(self._show_list)
        self._jobs.followed.connect(self._show_run)
        self._jobs.overlayChanged.connect(self._show_together)
        context.theme.changed.connect(self._restyle)
        self._show_run()

    def _make_buttons(self) -> None:
        self.pause = _button("P&ause", "Pause after the current batch")
        self.pause.clicked.connect(lambda: self._jobs.tell(self._jobs.watched, "pause"))
        self.go_on = _button("&Continue", "Continue training")
        self.go_on.clicked.connect(lambda: self._jobs.tell(self._jobs.watched, "run"))
        self.cancel = _button("&Stop", "Stop and keep its best and last state")
        theme.set_icon(self.cancel, "stop")
        self.cancel.clicked.connect(self._stop)
        self.resume = _button("&Resume", "Continue from the last complete epoch")
        self.resume.clicked.connect(lambda: self._jobs.resume(self._jobs.watched))
        self.smaller = _button("", "Out of memory: continue with a smaller batch size")
        self.smaller.clicked.connect(self._take_smaller)
        self.open = _button("&Open result", "Open the best state in this window")
        self.open.clicked.connect(self._open)
        self.again = _button("&New…", "Set up another fine-tuning")
        self.again.clicked.connect(lambda: self._jobs.watch(""))

    @property
    def entry(self) -> RunEntry | None:
        """The job that shows, as last heard of."""
        snapshot = self._jobs.snapshot
        return self._jobs.entry(self._jobs.watched) or (snapshot.entry if snapshot else None)

    # ---- showing ------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Show the job as it is now."""
        self._show_list()
        self._show_run()

    def _show_list(self) -> None:
        told = tuple((e.folder, entry_text(e)) for e in self._jobs.entries)
        if [folder for folder, _ in told] == [folder for folder, _ in self._told]:
            for number, (_, words) in enumerate(told, 1):
                if self.which.itemText(number) != words:
                    self.which.setItemText(number, words)
        else:
            self.which.clear()
            self.which.addItem(NEW, "")
            for folder, words in told:
                self.which.addItem(words, folder)
        self._told = told
        self._offer_others()
        self._show_choice()

    def _offer_others(self) -> None:
        """Offer the jobs that began, without the one that shows."""
        watched = self._jobs.watched
        began = (e for e in self._jobs.entries if e.state != "ready")
        self.watch.offer([e for e in began if watched and e.folder != watched])

    def _show_choice(self) -> None:
        place = self.which.findData(self._jobs.watched)
        if place >= 0 and place != self.which.currentIndex():
            self.which.setCurrentIndex(place)
        self._show_buttons()

    def _show_run(self) -> None:
        watched = bool(self._jobs.watched)
        self.pages.setCurrentIndex(1 if watched else 0)
        if self.shown and watched:
            self.watch.show_snapshot(self._jobs.snapshot)
        self._offer_others()
        self._show_together()
        self._show_choice()

    def _show_together(self) -> None:
        snapshot = self._jobs.snapshot
        if self.shown and self._jobs.watched:
            shots = () if snapshot is None else (snapshot, *self._jobs.overlaid)
            self.watch.show_together(shots)

    def _show_buttons(self) -> None:
        entry = self.entry if self._jobs.watched else None
        active = entry is not None and entry.active
        ending = active and entry is not None and entry.told == "cancel"
        paused = active and entry is not None and entry.told == "pause"
        self.pause.setVisible(active and not paused)
        self.pause.setEnabled(not ending)
        self.go_on.setVisible(paused)
        self.cancel.setVisible(active or (entry is not None and bool(entry.place)))
        self.cancel.setEnabled(not ending)
        self.resume.setVisible(entry is not None and entry.resumable)
        self.smaller.setVisible(entry is not None and bool(entry.smaller))
        self.smaller.setText(f"&Continue with {entry.smaller}" if entry is not None else "")
        self.open.setVisible(entry is not None and bool(entry.output))
        self.again.setVisible(entry is not None)
        self.form.begin.setVisible(not self._jobs.watched)
        tip = "" if entry is None else in_window(f"{entry.message} {entry.hint}".strip())
        self.status.set_whole("" if entry is None else status_text(entry), tip)

    def _take_smaller(self) -> None:
        if self.entry is not None:
            self._jobs.resume(self.entry.folder, self.entry.next_batch)

    def _stop(self) -> None:
        if self.entry is not None:
            self._jobs.stop(self.entry)

    def _open(self) -> None:
        entry = self.entry
        if entry is not None and entry.output:
            self.openRequested.emit(entry.output)

    def _restyle(self) -> None:
        self.watch.restyle()
        self.form.data.show_data()


def entry_text(entry: RunEntry) -> str:
    """Name a job: its network, creation time and state."""
    return f"{entry.name}: {entry.word}"


def status_text(entry: RunEntry) -> str:
    """Describe the state of a job, with the reason where it failed."""
    word = entry.word.capitalize()
    if entry.place:
        after = f", after {entry.waits_for}" if entry.waits_for else ""
        return f"{word}{after}{' (the queue is paused)' if entry.held else ''}"
    return f"{word}: {entry.message}" if entry.state == "failed" and entry.message else word


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
