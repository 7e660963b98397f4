"""The queue and the history of fine-tunings: a part of the panel “Jobs”."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.context import Context
from app.jobs.log_dialog import JobLogDialog
from app.kit import formats, theme
from app.kit.dialogs import show_dialog
from app.kit.layouts import Flow
from app.kit.table_model import ROW_ROLE, Column, TableModel
from app.kit.widgets import Elided, table_view
from core.progress import left_text, with_left
from core.runs.listing import figures_of
from core.runs.tail import RunEntry

COLOURS = {
    "failed": "blocked",
    "interrupted": "warning",
    "done": "success",
    "cancelled": "muted",
    "running": "accent",
    "paused": "accent",
}
NONE = "No jobs yet. Start one in Fine-tune; several wait for each other here."


def told_of(entry: RunEntry) -> str:
    """Describe its progress and the time left, its results, or what it waits for."""
    if entry.place:
        after = f"after {entry.waits_for}" if entry.waits_for else ""
        return "the queue is paused" if entry.held else after
    if entry.state == "failed":
        return entry.message
    return with_left(entry.progress, left_text(entry.seconds_left)) or figures_of(entry)


def _when(stamp: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(stamp).astimezone()
    except ValueError:
        return None


def began_of(entry: RunEntry) -> str:
    """Write when a job was made."""
    when = _when(entry.created)
    return f"{when:%d %b %H:%M}" if when is not None else ""


def took_of(entry: RunEntry) -> str:
    """Write how long the training took, where it is done."""
    seconds = (entry.result or {}).get("seconds")
    return formats.duration(float(seconds)) if seconds is not None else ""


COLUMNS: list[Column[RunEntry]] = [
    Column("Network", lambda e: e.title, tip="The input file"),
    Column("How", lambda e: e.how, tip="Preset, or iterative pruning"),
    Column("State", lambda e: e.word, colour=lambda e: "" if e.place else COLOURS.get(e.state, "")),
    Column("Figures, progress", told_of, tip="Main figure before → after, or progress"),
    Column("Created", began_of, tip="When the job was created"),
    Column("Duration", took_of, tip="Training time", right=True),
]
TOLD = 3
"""The column that takes what room there is."""


class LongJobsPart(QWidget):
    """A table of fine-tunings and what can be done to the chosen one.

    Signals
    -------
    showRequested(str), openRequested(str)
        See `JobsPanel`.
    """

    showRequested = Signal(str)
    openRequested = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._jobs = context.jobs
        self.status = Elided("muted")
        self.model: TableModel[RunEntry] = TableModel(COLUMNS, self)
        self.view = table_view(
            self.model, "Fine-tuning jobs: running, waiting and finished", stretch=TOLD
        )
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.view.doubleClicked.connect(lambda _: self._show())
        self._make_buttons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(Flow(*self.buttons, self.status, self.held))
        layout.addWidget(self.view)
        self._jobs.listChanged.connect(self.show_list)
        self.show_list()

    def _make_buttons(self) -> None:
        runs = self._jobs
        self.charts = _button("Sho&w", "Show its settings, figures and charts", self._show)
        self.up = _button("&Up", "Move up in the queue (Alt+Up)", lambda: self._move(-1))
        self.down = _button("&Down", "Move down in the queue (Alt+Down)", self._move_down)
        self.pause = _button("P&ause", "Pause after the current batch", self._pause)
        self.stop = _button("&Stop", "Stop and keep its best and last state", self._stop)
        theme.set_icon(self.stop, "stop")
        self.resume = _button(
            "&Resume", "Continue from its last complete epoch", lambda: self._act(runs.resume)
        )
        words = "Out of memory: continue with a smaller batch size"
        self.smaller = _button("Smaller &batch", words, self._take_smaller)
        self.open = _button("&Open result", "Open the fine-tuned file in this window", self._open)
        self.log = _button("&Log", "Show its messages and the output of its libraries", self._log)
        self.buttons = (
            self.charts, self.up, self.down, self.pause, self.stop, self.resume, self.smaller,
            self.open, self.log,
        )  # fmt: skip
        self.held = _button("Pause &queue", "Start no waiting jobs for now", self._hold)
        for keys, by in (("Alt+Up", -1), ("Alt+Down", 1)):
            shortcut = QShortcut(QKeySequence(keys), self.view)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(lambda by=by: self._move(by))
        enter = QShortcut(QKeySequence(Qt.Key.Key_Return), self.view)
        enter.setContext(Qt.ShortcutContext.WidgetShortcut)
        enter.activated.connect(self._show)

    @property
    def chosen(self) -> RunEntry | None:
        """The job of the selected row."""
        rows = self.view.selectionModel().selectedRows()
        return rows[0].data(ROW_ROLE) if rows else None

    # ---- showing ------------------------------------------------------------------------------

    def show_list(self) -> None:
        """Show what runs, then what waits, then what is over, the newest first."""
        entries = self._jobs.entries
        rows = sorted(entries, key=lambda e: (not e.active, not e.place, e.place))
        if rows != self.model.rows:
            chosen = self.chosen
            self.model.set_rows(rows)
            place = next(
                (n for n, e in enumerate(rows) if chosen and e.folder == chosen.folder), None
            )
            if place is not None:
                self.view.selectRow(place)
            elif not rows:
                self.view.clearSelection()
        self._enable()

    def _enable(self) -> None:
        entry = self.chosen
        active = entry is not None and entry.active
        place = entry.place if entry is not None else 0
        waiting = self._jobs.waiting
        ending = active and entry is not None and entry.told == "cancel"
        paused = active and entry is not None and entry.told == "pause"
        last = max((e.place for e in waiting), default=0)
        for button, able in (
            (self.charts, entry is not None),
            (self.up, place > 1),
            (self.down, 0 < place < last),
            (self.pause, active and not ending),
            (self.stop, place > 0 or (entry is not None and entry.stoppable and not ending)),
            (self.resume, entry is not None and entry.resumable),
            (self.open, entry is not None and bool(entry.output)),
            (self.log, entry is not None),
        ):
            button.setEnabled(able)
        smaller = entry.smaller if entry is not None else ""
        self.smaller.setVisible(bool(smaller))
        self.smaller.setText(f"Resume with &batch {entry.next_batch}" if smaller and entry else "")
        self.pause.setText("&Continue" if paused else "P&ause")
        self.stop.setText("&Remove" if place else "&Stop")
        held = any(e.held for e in waiting)
        self.held.setVisible(bool(waiting))
        self.held.setText("Resume &queue" if held else "Pause &queue")
        self._say(len(self._jobs.active), len(waiting), held)

    def _say(self, active: int, waiting: int, held: bool) -> None:
        if not self._jobs.entries:
            self.status.set_whole(NONE)
            return
        words = [f"{active} running" if active else "", f"{waiting} waiting" if waiting else ""]
        told = ", ".join(filter(None, words)) or "No jobs running or waiting"
        self.status.set_whole(f"{told}; the queue is paused" if held else told)

    # ---- doing --------------------------------------------------------------------------------

    def _act(self, act: Callable[[str], None]) -> None:
        if self.chosen is not None:
            act(self.chosen.folder)

    def _show(self) -> None:
        self._act(self.showRequested.emit)

    def _move(self, by: int) -> None:
        entry = self.chosen
        if entry is not None and entry.place:
            self._jobs.move(entry.folder, by)

    def _move_down(self) -> None:
        self._move(1)

    def _pause(self) -> None:
        entry = self.chosen
        if entry is not None and entry.active:
            self._jobs.tell(entry.folder, "run" if entry.told == "pause" else "pause")

    def _stop(self) -> None:
        if self.chosen is not None:
            self._jobs.stop(self.chosen)

    def _take_smaller(self) -> None:
        if self.chosen is not None:
            self._jobs.resume(self.chosen.folder, self.chosen.next_batch)

    def _open(self) -> None:
        if self.chosen is not None and self.chosen.output:
            self.openRequested.emit(self.chosen.output)

    def _log(self) -> None:
        if self.chosen is not None:
            show_dialog(JobLogDialog(self.chosen, self.window()))

    def _hold(self) -> None:
        self._jobs.hold(not any(entry.held for entry in self._jobs.waiting))


def _button(words: str, tip: str, act: Callable[[], object]) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    button.clicked.connect(lambda: act())
    return button
