"""The alternatives of a suggestion, and the button that measures them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.context import Context
from app.engine.task_line import TaskLine
from app.kit import formats
from app.kit.controls import row
from app.kit.widgets import label

if TYPE_CHECKING:
    from app.choose.front_chart import FrontChart
    from app.state.measurements import Measured

TASK = "measure_front"
NO_DATA = "Choose a dataset under Images to measure accuracy."
TIP = "Prune, repair, evaluate and time each of these networks; shows an estimate first"


class FrontPart(QWidget):
    """Shows the alternatives of the last suggestion, predicted or measured.

    Signals
    -------
    picked(int)
    measureRequested()
    """

    picked = Signal(int)
    measureRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._engine = context.session, context.engine
        self._chart: FrontChart | None = None
        self.note = label("", "muted")
        self.measure = QPushButton("Measure alternatives…")
        self.measure.clicked.connect(self.measureRequested)
        self.progress = TaskLine(context.engine, TASK, tall=True)
        self._ask = row(self.measure, None)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        for part in (self.note, self._ask, self.progress):
            self._layout.addWidget(part)
        measured = context.session.measured
        for signal in (measured.frontChanged, measured.dataChanged, context.session.planChanged):
            signal.connect(self.show_front)
        context.session.predictionChanged.connect(self.show_front)
        context.engine.changed.connect(self._show_running)
        context.theme.changed.connect(self._restyle)

    def show_front(self) -> None:
        """Show the alternatives, and the position of the plan among them."""
        session = self._session
        front, prediction = session.measured.front, session.prediction
        if self._chart is None:
            if not front:
                return
            from app.choose.front_chart import FrontChart

            self._chart = FrontChart()
            self._chart.picked.connect(self.picked)
            self._layout.insertWidget(0, self._chart)
        now = prediction.after.macs / max(1, prediction.before.macs) if prediction else 1.0
        chosen = session.measured.alternative_of(session.plan)
        self._chart.set_front(front, session.measured.unpruned, chosen, now)
        self.note.setText(measured_words(session.measured))
        self._show_running()

    def _show_running(self) -> None:
        running, measured = self.progress.running, self._session.measured
        self._ask.setVisible(not running)
        able = measured.data is not None and bool(measured.front)
        self.measure.setEnabled(able and not self._engine.running("estimate_front"))
        self.measure.setToolTip(TIP if measured.data is not None else NO_DATA)
        done = [one.measured is not None for one in measured.front]
        self.measure.setText(
            "Measure the rest…" if any(done) and not all(done) else "Measure alternatives…"
        )

    def _restyle(self) -> None:
        if self._chart is not None:
            self._chart.restyle()


def measured_words(measured: Measured) -> str:
    """Describe what the chart shows: what was measured on, or that nothing was."""
    points = [one.measured for one in measured.front if one.measured is not None]
    if not points:
        hint = f" {NO_DATA}" if measured.data is None else ""
        return f"Predicted from the ranking, not measured.{hint}"
    point, count = points[0], len(measured.front)
    some = "" if len(points) == count else f"{len(points)} of {count} networks. "
    repaired = f"repaired ({point.repair.replace(',', ', ')})" if point.repair else "not repaired"
    return (
        f"{some}Measured on {formats.counted(point.images, 'image')} at {point.image_size.text}, "
        f"{repaired}, not fine-tuned. Names: GFLOPs kept. Bars: 95% interval of the accuracy, "
        "quartiles of the time."
    )


def front_summary(measured: Measured) -> str:
    """Say how many networks there are, and how many of them were measured."""
    done = sum(one.measured is not None for one in measured.front)
    return f"{len(measured.front)} networks" + (f", {done} measured" if done else "")
