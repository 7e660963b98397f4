"""What a suggestion aims at, and its alternatives: parts of the panel “Choose”."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.kit import formats
from app.kit.controls import choose, combo, row
from app.kit.widgets import label
from app.state import plan_edits
from core.plan import words

if TYPE_CHECKING:
    from app.choose.front_chart import FrontChart
    from core.plan.schema import Target

GOALS = {
    "macs": ("GFLOPs", "Floating-point operations for one image, twice the multiply-adds"),
    "params": ("parameters", "The number of weights, which determines the file size"),
    "latency_ms": ("time per image", "Milliseconds, measured on this machine"),
}
USUAL = {"macs": 70.0, "params": 70.0, "latency_ms": 10.0}
NOT_TIMED = "No latency table yet. Press Measure, or let Suggest build it."


class GoalPart(QWidget):
    """Chooses how much of the network may stay, and how that is spread.

    Signals
    -------
    timeRequested()
        The layers of the model should be timed on this machine.
    """

    timeRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._measured = context.session.measured
        self.kind: QComboBox = combo(GOALS, "Quantity of the target")
        self.percent = _amount(5.0, 100.0, 0, "%")
        self.millis = _amount(0.01, 100_000.0, 2, " ms")
        self.spread: QComboBox = combo(words.ALLOCATIONS, "Allocation over the network")
        self.only = QCheckBox("Prune only the selected blocks")
        self.only.setToolTip("Otherwise any block that is not locked")
        self._lay_out()
        self.kind.activated.connect(self._kind_asked)
        for amount in (self.percent, self.millis):
            amount.valueChanged.connect(self._amount_asked)
        self.spread.activated.connect(self._spread_asked)
        self._measured.goalChanged.connect(self.show_goal)
        context.session.selectionChanged.connect(self._show_only)
        self._measured.clockChanged.connect(self._show_time)
        context.session.predictionChanged.connect(self._show_time)
        context.engine.changed.connect(self._show_time)
        self._engine = context.engine
        self.show_goal()

    def _lay_out(self) -> None:
        self._of = label("of the", wrap=False)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        goal = row(self.percent, self.millis, self._of, self.kind, stretch=3)
        for name, widget, field, tip in (
            ("Keep", goal, self.percent, "The target for the pruned network"),
            ("Spread", self.spread, self.spread, "How the target is distributed over the blocks"),
        ):
            shown = label(name, wrap=False)
            shown.setToolTip(tip)
            shown.setBuddy(field)
            form.addRow(shown, widget)
        form.addRow(self.only)
        self.time = label("", "muted")
        self.measure = QPushButton("Measure")
        self.measure.setToolTip(
            "Build the latency table of this model on this machine; takes minutes"
        )
        self.measure.clicked.connect(self.timeRequested)
        self._time_row = row(self.time, self.measure, stretch=0)
        form.addRow(self._time_row)

    # ---- showing ------------------------------------------------------------------------------

    def show_goal(self) -> None:
        """Show goal and spread."""
        if self._session.model is None:
            return
        kind, value = _parts(self._measured.aim)
        choose(self.kind, kind)
        by_time = kind == "latency_ms"
        self.percent.setVisible(not by_time)
        self._of.setVisible(not by_time)
        self.millis.setVisible(by_time)
        (self.millis if by_time else self.percent).setValue(value)
        choose(self.spread, self._session.plan.allocation)
        self._show_only()
        self._show_time()

    def _show_time(self) -> None:
        """Describe how long an image takes now and with the plan, where layers were timed."""
        clock, prediction = self._session.clock, self._session.prediction
        before = self._session.unpruned_ms
        by_time = self._session.model is not None and self.kind.currentData() == "latency_ms"
        self._time_row.setVisible(by_time or clock is not None)
        self.measure.setVisible(clock is None)
        self.measure.setEnabled(not self._engine.running("latency_table", "suggest"))
        if clock is None or before is None or prediction is None:
            self.time.setText(NOT_TIMED)
            return
        now = clock.ms(prediction.resolution.removed)
        self.time.setText(f"Time per image on this machine: {formats.change_ms(before, now)}.")

    def _show_only(self) -> None:
        self.only.setEnabled(bool(self._session.selection))

    def blocks(self) -> frozenset[int]:
        """Return the blocks that may give channels; empty means all."""
        asked = self.only.isEnabled() and self.only.isChecked()
        return self._session.selection if asked else frozenset()

    # ---- asking -------------------------------------------------------------------------------

    def _kind_asked(self) -> None:
        kind = str(self.kind.currentData())
        self._measured.set_goal(_target(kind, USUAL[kind]))

    def _amount_asked(self, value: float) -> None:
        """A box changed: by hand, or because it shows the goal already."""
        kind, shown = _parts(self._measured.aim)
        if abs(value - shown) > (0.005 if kind == "latency_ms" else 0.5):
            self._measured.set_goal(_target(kind, value))

    def _spread_asked(self) -> None:
        session = self._session
        session.edit(plan_edits.set_allocation(session.plan, self.spread.currentData()))


class FrontPart(QWidget):
    """Alternatives of the last suggestion.

    Signals
    -------
    picked(int)
    """

    picked = Signal(int)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._chart: FrontChart | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        context.session.measured.frontChanged.connect(self.show_front)
        for signal in (context.session.planChanged, context.session.predictionChanged):
            signal.connect(self.show_front)
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
            self._layout.addWidget(self._chart)
        now = prediction.after.macs / max(1, prediction.before.macs) if prediction else 1.0
        self._chart.set_front(front, session.measured.alternative_of(session.plan), now)

    def _restyle(self) -> None:
        if self._chart is not None:
            self._chart.restyle()


def _amount(low: float, high: float, decimals: int, suffix: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setSuffix(suffix)
    box.setKeyboardTracking(False)
    box.setAccessibleName("How much to keep")
    box.setToolTip("How much to keep after pruning")
    return box


def _parts(goal: Target) -> tuple[str, float]:
    for kind in ("macs", "params"):
        share = getattr(goal, kind)
        if share is not None:
            return kind, 100.0 * share
    return "latency_ms", float(goal.latency_ms or 0.0)


def _target(kind: str, value: float) -> Target:
    from core.plan.schema import Target

    return Target.model_validate({kind: value if kind == "latency_ms" else round(value / 100, 4)})
