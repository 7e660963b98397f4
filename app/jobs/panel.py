"""Jobs: fine-tunings that run, wait or are over, and what else the engine did in this session."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.engine.client import TaskRecord
from app.jobs.long_jobs_part import LongJobsPart
from app.kit import theme
from app.kit.table_model import Column, TableModel
from app.kit.widgets import label, set_widths, table_view

COLOURS = {"failed": "blocked", "done": "success", "cancelled": "muted"}
COLUMNS: list[Column[TaskRecord]] = [
    Column("Task", lambda r: r.title),
    Column("State", lambda r: r.state, colour=lambda r: COLOURS.get(r.state, "")),
    Column("Time", lambda r: f"{r.seconds:.1f} s" if r.seconds else "", right=True),
    Column("Time left", lambda r: r.left.removesuffix(" left"), tip="An estimate"),
    Column("Message", lambda r: r.text),
]


class JobsPanel(QWidget):
    """Long jobs with their queue at one tab, short ones of the engine at the other.

    Signals
    -------
    showRequested(str)
        A job's charts should be shown: its folder.
    openRequested(str)
        The file that resulted from a job should be opened.
    """

    showRequested = Signal(str)
    openRequested = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.long_jobs = LongJobsPart(context)
        self.long_jobs.showRequested.connect(self.showRequested)
        self.long_jobs.openRequested.connect(self.openRequested)
        self.engine = EnginePart(context)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setAccessibleName("Kind of jobs")
        self.tabs.addTab(self.long_jobs, "Fine-&tunings")
        self.tabs.addTab(self.engine, "E&ngine")
        self.tabs.setTabToolTip(0, "Fine-tuning jobs: running, waiting and finished")
        self.tabs.setTabToolTip(1, "Tasks of the engine since the window was opened")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.setAccessibleName("Jobs")


class EnginePart(QWidget):
    """Progress, cancel and history of the engine's tasks."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._engine = context.engine
        self._text = label("No running task.", "muted", wrap=False)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the running task")
        self.cancel = QPushButton("Cancel")
        theme.set_icon(self.cancel, "stop")
        self.cancel.setToolTip("Cancel the running task; no incomplete files are left")
        self.cancel.clicked.connect(self._cancel)
        log = QPushButton("Show log")
        log.setToolTip(f"Output of the engine: {context.engine.log}")
        log.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(context.engine.log)))
        )
        self.model: TableModel[TaskRecord] = TableModel(COLUMNS, self)
        self.view = table_view(self.model, "Tasks so far")
        set_widths(self.view, (260, 90, 70, 110))
        top = QHBoxLayout()
        top.addWidget(self._text, 1)
        top.addWidget(self.bar, 1)
        top.addWidget(self.cancel)
        top.addWidget(log)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(top)
        layout.addWidget(self.view)
        context.engine.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        running = self._engine.running()
        self.cancel.setEnabled(bool(running))
        self.bar.setVisible(bool(running))
        if running:
            self.bar.setValue(round(1000 * running[0].fraction))
            self._text.setText(f"{running[0].title}: {running[0].words or 'waiting'}")
        else:
            self._text.setText("No running task.")
        self.model.set_rows(list(reversed(self._engine.records)))

    def _cancel(self) -> None:
        for record in self._engine.running()[:1]:
            self._engine.cancel(record.number)
