"""What a suggestion aims at: a part of the panel “Choose”."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QPushButton,
    QWidget,
)

from app.context import Context
from app.kit import formats
from app.kit.controls import choose, combo, row
from app.kit.widgets import label
from app.state import plan_edits
from core.plan import words
from core.plan.live import file_size

USUAL = 70.0
"""Percent that is asked for first."""
USUAL_MS = 10.0
RANGES = {"%": (5.0, 100.0, 0), " ms": (0.01, 100_000.0, 2), " MB": (0.1, 100_000.0, 1)}
"""The lowest and the highest amount of a unit, and its decimals."""
NOT_TIMED = "No latency table {} yet. Press Measure, or let Suggest build it."


class GoalPart(QWidget):
    """Chooses how much of the network may stay, and how that is spread.

    Signals
    -------
    timeRequested()
        The layers of the model should be timed on the device that counts.
    """

    timeRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._measured = context.session.measured
        self.kind: QComboBox = combo(_offered(), "Quantity of the target")
        self.amounts = {unit: _amount(*how, unit) for unit, how in RANGES.items()}
        self.percent, self.millis = self.amounts["%"], self.amounts[" ms"]
        self.spread: QComboBox = combo(words.ALLOCATIONS, "Allocation over the network")
        self.only = QCheckBox("Prune only the selected blocks")
        self.only.setToolTip("Otherwise any block that is not locked")
        self.units = QCheckBox("Also remove units and scales")
        self.units.setToolTip(
            "Bottlenecks, convolutions of the head's branches and detection scales: each is "
            "removed, repaired and judged on the images of the dataset, which takes minutes. "
            "Without the finest scale, small objects are found less often"
        )
        self._lay_out()
        self.kind.activated.connect(self._kind_asked)
        for amount in self.amounts.values():
            amount.valueChanged.connect(self._amount_asked)
        self.spread.activated.connect(self._spread_asked)
        self.units.clicked.connect(self._depth_asked)
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
        goal = row(*self.amounts.values(), self._of, self.kind, stretch=4)
        for name, widget, field, tip in (
            ("Keep", goal, self.percent, "The target for the pruned network"),
            ("Spread", self.spread, self.spread, "How the target is distributed over the blocks"),
        ):
            shown = label(name, wrap=False)
            shown.setToolTip(tip)
            shown.setBuddy(field)
            form.addRow(shown, widget)
        form.addRow(self.only)
        form.addRow(self.units)
        self.time = label("", "muted")
        self.measure = QPushButton("Measure")
        self.measure.setToolTip(
            "Build the latency table of this model; takes minutes. Latency chooses the device"
        )
        self.measure.clicked.connect(self.timeRequested)
        self._time_row = row(self.time, self.measure, stretch=0)
        form.addRow(self._time_row)

    # ---- showing ------------------------------------------------------------------------------

    def show_goal(self) -> None:
        """Show goal and spread."""
        if self._session.model is None:
            return
        kind, value = plan_edits.goal_parts(self._measured.aim)
        choose(self.kind, kind)
        about = words.TARGETS[kind]
        self._of.setVisible(about.by_share)
        for unit, amount in self.amounts.items():
            amount.setVisible(unit == about.unit)
        self.amounts[about.unit].setValue(value)
        choose(self.spread, self._session.plan.allocation)
        self.units.setChecked(self._session.plan.depth)
        self._show_only()
        self._show_time()

    def _show_time(self) -> None:
        """Describe how long an image takes now and with the plan, where layers were timed."""
        clock, prediction = self._session.clock, self._session.prediction
        before = self._session.unpruned_ms
        by_time = self._session.model is not None and self._measured.aim.by_time
        self._time_row.setVisible(by_time or clock is not None)
        self.measure.setVisible(clock is None)
        self.measure.setEnabled(not self._engine.running("latency_table", "suggest"))
        if clock is None or before is None or prediction is None:
            self.time.setText(NOT_TIMED.format(self._session.where))
            return
        now = clock.ms(prediction.resolution.removed)
        change = formats.change_ms(before, now)
        self.time.setText(f"Time per image {self._session.where}: {change}.")

    def _show_only(self) -> None:
        self.only.setEnabled(bool(self._session.selection))

    def blocks(self) -> frozenset[int]:
        """Return the blocks that may give channels; empty means all."""
        asked = self.only.isEnabled() and self.only.isChecked()
        return self._session.selection if asked else frozenset()

    # ---- asking -------------------------------------------------------------------------------

    def _kind_asked(self) -> None:
        kind = str(self.kind.currentData())
        self._measured.set_goal(plan_edits.goal_of(kind, self._usual(kind)))

    def _usual(self, kind: str) -> float:
        """Return the amount that is asked for first: of a file, the same share of this one."""
        about, prediction = words.TARGETS[kind], self._session.prediction
        if about.by_share:
            return USUAL
        if kind != "file_bytes" or prediction is None or self._session.model is None:
            return USUAL_MS
        size = file_size(prediction.before.parameters, self._session.model.facts.dtype)
        return max(RANGES[about.unit][0], round(USUAL / 100 * size / about.one, 1))

    def _amount_asked(self, value: float) -> None:
        """A box changed: by hand, or because it shows the goal already."""
        kind, shown = plan_edits.goal_parts(self._measured.aim)
        decimals = RANGES[words.TARGETS[kind].unit][2]
        if abs(value - shown) > 0.5 * 10.0**-decimals:
            self._measured.set_goal(plan_edits.goal_of(kind, value))

    def _depth_asked(self, on: bool) -> None:
        session = self._session
        session.edit(plan_edits.set_depth(session.plan, on))

    def _spread_asked(self) -> None:
        session = self._session
        session.edit(plan_edits.set_allocation(session.plan, self.spread.currentData()))


def _amount(low: float, high: float, decimals: int, suffix: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setSuffix(suffix)
    box.setKeyboardTracking(False)
    box.setAccessibleName("How much to keep")
    box.setToolTip("How much to keep after pruning")
    return box


def _offered() -> dict[str, tuple[str, str]]:
    """Return the quantities that a target of this version can be about, with their tips."""
    from core.plan.schema import Target

    known = words.TARGETS.items()
    return {kind: (q.name, q.tip) for kind, q in known if kind in Target.model_fields}
