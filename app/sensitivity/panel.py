"""Sensitivity: a scan that measures how much each block may give, as curves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.engine.place_choice import CLUSTER, HERE, RAY, SLURM, PlaceChoice
from app.engine.task_line import TaskLine
from app.kit.controls import choose, combo, row
from app.kit.widgets import OnScreen, column, label
from core.errors import UserError
from core.plan.ratio import LEAST, SCANNED, WHOLE

if TYPE_CHECKING:
    from app.sensitivity.curves_chart import CurvesChart

NOTHING = (
    "Not measured. A scan prunes one block at a time, on a copy, and measures the "
    "remaining accuracy on the val split."
)
PLACES = {
    HERE: ("This computer", "Measure in the engine process"),
    RAY: ("Ray, local", "Measure by Ray on the cores and GPUs of this computer"),
    CLUSTER: ("Ray cluster…", "Measure on the nodes of a Ray cluster"),
    SLURM: ("Slurm", "Measure by jobs of Slurm; everything must lie on a shared disk"),
}
NO_DATA = "Choose a dataset first (in Choose, or drop its YAML on the window)."


class SensitivityPanel(OnScreen, QWidget):
    """Starts a scan and shows what it finds while it runs.

    Signals
    -------
    scanRequested(tuple of float, frozenset of int, str)
        Ratios, the blocks to scan (empty means all), and where (empty means this computer).
    """

    scanRequested = Signal(object, object, str)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._engine = context.session, context.engine
        self._measured = context.session.measured
        self._chart: CurvesChart | None = None
        self._place = QVBoxLayout()
        self.scan = QPushButton("Scan")
        self.scan.setProperty("primary", "true")
        self.scan.clicked.connect(self._ask)
        self.ratios = QLineEdit(", ".join(f"{100 * r:g}" for r in SCANNED))
        self.ratios.setAccessibleName("Ratios to measure, in percent")
        self.ratios.setToolTip("Percentages of the channels to remove, separated by commas")
        self.only = QCheckBox("Only the selected blocks")
        self.on = PlaceChoice(PLACES, context.settings.place(), narrow=True)
        self.on.changed.connect(context.settings.set_place)
        self.heat: QComboBox = combo({}, "Ratio that colours the graph")
        self.heat.setMinimumContentsLength(5)
        self.heat.setToolTip("The graph (Ctrl+7) is coloured by the accuracy lost at this ratio")
        self.status = label(NOTHING, "muted")
        self.progress = TaskLine(context.engine, "sensitivity", tall=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(12)
        layout.addWidget(self._controls())
        layout.addLayout(self._place, 1)
        self.setAccessibleName("Sensitivity")
        self._connect(context)
        self._show_controls()

    def _controls(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(290)
        percent = row(label("Ratios, %", wrap=False), self.ratios)
        self._heat_row = row(label("Graph shows the loss at", wrap=False), self.heat, None)
        self.status.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._begin = row(self.only, None, self.scan)
        parts = (percent, self.on, self._begin, self.progress, self._heat_row)
        side.setLayout(column(*parts, self.status, None, margins=0, spacing=5))
        return side

    def _connect(self, context: Context) -> None:
        session, measured = self._session, self._measured
        measured.scanChanged.connect(self._show_scan)
        for signal in (session.modelChanged, measured.dataChanged, session.selectionChanged):
            signal.connect(self._show_controls)
        session.selectionChanged.connect(self._show_curves)
        context.engine.changed.connect(self._show_controls)
        self.heat.activated.connect(
            lambda _: measured.set_heat_ratio(float(self.heat.currentData()))
        )
        context.theme.changed.connect(self._restyle)

    # ---- showing ------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Show the scan as it is now."""
        self._show_scan()

    def _show_controls(self) -> None:
        able = self._session.model is not None and not self.progress.running
        # One in the other's place: the panel must not grow, and the graph with it, as a scan runs.
        self._begin.setVisible(not self.progress.running)
        self.scan.setEnabled(able and self._measured.data is not None)
        self.scan.setText("Continue" if self._measured.points else "Scan")
        tip = "Measure the missing points; you can stop a scan and continue it later"
        self.scan.setToolTip(tip if self._measured.data is not None else NO_DATA)
        self.only.setEnabled(bool(self._session.selection))
        if self._session.model is not None and not self._measured.points:
            self.status.setText(NOTHING if self._measured.data is not None else NO_DATA)

    def _show_scan(self) -> None:
        measured = self._measured
        ratios = measured.ratios
        self._heat_row.setVisible(len(ratios) > 1)
        shown = [self.heat.itemData(n) for n in range(self.heat.count())]
        if tuple(shown) != ratios:
            self.heat.clear()
            for ratio in ratios:
                self.heat.addItem(f"{ratio:.0%}", ratio)
        if measured.shown_ratio is not None:
            choose(self.heat, measured.shown_ratio)
        self._show_controls()
        if measured.points:
            self.status.setText(self._words())
        self._show_curves()

    def _words(self) -> str:
        measured = self._measured
        blocks = {block for block, _ in measured.points}
        base = (
            f" Unpruned: {measured.baseline:.4f} {self._session.measures[0]}."
            if measured.baseline
            else ""
        )
        losses = measured.losses()
        if not losses:
            return f"{len(measured.points)} points of {len(blocks)} blocks.{base}"
        worst = max(losses, key=lambda b: (losses[b], -b))
        ratio = measured.shown_ratio or 0.0
        return (
            f"{len(measured.points)} points of {len(blocks)} blocks.{base} Block {worst} loses "
            f"most at {ratio:.0%}: {100 * losses[worst]:.1f}%."
        )

    def _show_curves(self) -> None:
        if not self.shown or (self._chart is None and not self._measured.points):
            return
        if self._chart is None:
            from app.sensitivity.curves_chart import CurvesChart

            self._chart = CurvesChart()
            self._chart.picked.connect(lambda block: self._session.select({block}))
            self._place.addWidget(self._chart)
        self._chart.measure = self._session.measures[0]
        self._chart.set_curves(self._measured.curves(), self._session.selection)

    def _restyle(self) -> None:
        if self._chart is not None:
            self._chart.restyle()

    # ---- asking -------------------------------------------------------------------------------

    def _ask(self) -> None:
        ratios = read_ratios(self.ratios.text())
        if not ratios:
            self._session.say(
                f"“{self.ratios.text()}” is not a list of ratios.",
                "Enter percentages from 1 to 99, separated by commas: 25, 50, 75.",
                "warning",
                key="scan",
            )
            return
        try:
            place = self.on.place()
        except UserError as error:
            self._session.say(error.message, self.on.hint, "warning", key="scan")
            return
        only = self.only.isEnabled() and self.only.isChecked()
        blocks = self._session.selection if only else frozenset()
        self.scanRequested.emit(ratios, blocks, place.line if place is not None else "")


def read_ratios(text: str) -> tuple[float, ...]:
    """Read percentages; nothing where one of them makes no sense."""
    words = [w for w in re.split(r"[,;\s%]+", text) if w]
    try:
        numbers = sorted({round(float(w) / 100, 4) for w in words})
    except ValueError:
        return ()
    return tuple(numbers) if all(LEAST < n < WHOLE for n in numbers) else ()
