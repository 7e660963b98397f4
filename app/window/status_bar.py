"""The whole network before → after, the device, and the engine's state."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar

from app.context import Context
from app.engine.protocol import EngineState
from app.kit import formats
from app.kit.widgets import Elided
from core.plan.live import file_size

PHASES = {
    "off": "engine off",
    "starting": "engine starting …",
    "restarting": "engine restarting …",
    "ready": "engine ready",
    "broken": "engine not available",
}
DEVICE_TIP = "Device for pruning and measuring"
JOB_WIDTH = 150
"""Pixels that the words of a running job get at least."""
GAP = 8
SIZE_TIP = "File size now → after pruning (estimated; Secateur saves 32-bit weights)"


class StatusBar(QStatusBar):
    """Shows; is asked nothing."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._jobs = context.session, context.jobs
        self.setSizeGripEnabled(False)
        self.setContentsMargins(0, 0, 10, 0)
        self.parameters = self._field("Parameters: the number of weights")
        self.macs = self._field("GFLOPs for one image")
        self.time = self._field("")
        self.file = self._field(SIZE_TIP)
        self.file.setMinimumWidth(1)  # the window must not grow for it
        self._job = Elided()  # the window would grow by long words
        self._job.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setFixedWidth(140)
        self._bar.setTextVisible(False)
        self.engine = QLabel()
        for widget in (self._job, self._bar, self.engine):
            self.addPermanentWidget(widget, int(widget is self._job))
        self._session.predictionChanged.connect(self._show)
        self._session.modelChanged.connect(self._show)
        self._session.measured.clockChanged.connect(self._show_time)
        self._jobs.changed.connect(self._show_job)
        self._jobs.engine_changed.connect(self._show_engine)
        self._show()
        self._show_job()
        self._show_engine(self._jobs.engine)

    def _field(self, tip: str) -> QLabel:
        result = QLabel()
        result.setContentsMargins(6, 2, 12, 2)
        result.setToolTip(tip)
        self.addWidget(result)
        return result

    def _show(self) -> None:
        model, prediction = self._session.model, self._session.prediction
        for field in (self.parameters, self.macs):
            field.setVisible(model is not None)
        self._make_room()
        if model is None or prediction is None:
            return
        before, after = prediction.before, prediction.after
        self.parameters.setText(_change("Parameters", before.parameters, after.parameters))
        self.macs.setText(_change("GFLOPs", before.macs, after.macs, formats.gflops))
        was = model.file_size or file_size(before.parameters)
        now = file_size(after.parameters) if prediction.changes else was
        note = model.precision_note
        self.file.setText(_change("File", was, now, formats.size, note))
        self._show_time()

    def _show_time(self) -> None:
        """Show what the layers timed on this machine say of the plan; nothing without them."""
        clock, prediction = self._session.measured.clock, self._session.prediction
        self.time.setVisible(clock is not None and prediction is not None)
        if clock is None or prediction is None:
            self._make_room()
            return
        removed = prediction.resolution.removed
        self.time.setText(
            formats.change_ms(clock.ms(removed & False), clock.ms(removed), bold=True)
        )
        how = formats.timed_how(clock.latency.about)
        self.time.setToolTip(f"One batch, predicted from the latency table: {how}")
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What there is room for changes."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Leave the file's size out where the rest needs its place."""
        fields = (self.parameters, self.macs, self.time, self._bar, self.engine)
        used = [field.sizeHint().width() for field in fields if not field.isHidden()]
        used += [self.file.sizeHint().width(), 0 if self._job.isHidden() else JOB_WIDTH]
        room = self.width() - GAP * (len(used) + 1)
        self.file.setVisible(self._session.model is not None and sum(used) <= room)

    def _show_job(self) -> None:
        running = self._jobs.running()
        self._job.setVisible(bool(running))
        self._bar.setVisible(bool(running))
        self._make_room()
        if running:
            words = running[0].text or running[0].title
            self._job.set_whole(words, f"{running[0].title}: {words}")
            self._bar.setValue(round(1000 * running[0].fraction))

    def _show_engine(self, state: EngineState) -> None:
        words = PHASES[state.phase]
        self.engine.setText(f"{state.device} · {words}" if state.device else words.capitalize())
        self.engine.setContentsMargins(8, 2, 14, 2)
        self._make_room()
        facts = state.facts
        versions = (
            f"\nPyTorch {facts['torch']}, Ultralytics {facts['ultralytics']}"
            if "ultralytics" in facts
            else ""
        )
        self.engine.setToolTip(DEVICE_TIP + versions)


def _change(
    name: str,
    before: float,
    after: float,
    show: Callable[[float], str] = formats.count,
    note: str = "",
) -> str:
    if before == after:
        return f"{name} <b>{show(before)}</b>"
    note = note or formats.percent(after / before)
    return f"{name} {show(before)} → <b>{show(after)}</b> ({note})"
