"""Search: its settings, and its front while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.engine.place_choice import CLUSTER, HERE, RAY, SLURM, PlaceChoice
from app.engine.task_line import TaskLine
from app.kit import formats
from app.kit.controls import row
from app.kit.widgets import OnScreen, column, label
from app.search.controller import TASK, SearchController
from app.state import plan_edits
from core.errors import UserError

if TYPE_CHECKING:
    from app.search.front_chart import SearchChart

ABOUT = (
    "Tries many plans around the goal of Choose: each is pruned, repaired, timed and evaluated on "
    "the val split. What no other one beats in time and accuracy is kept."
)
PLACES = {
    HERE: ("This computer", "Prune, repair and evaluate in the engine process, one at a time"),
    RAY: ("Ray, local", "Prune, repair and evaluate by Ray on the cores and GPUs of this computer"),
    CLUSTER: ("Ray cluster…", "Prune, repair and evaluate on the nodes of a Ray cluster"),
    SLURM: ("Slurm", "Prune, repair and evaluate by jobs of Slurm; networks are timed here"),
}
NO_DATA = "Choose a dataset first (in Choose, or drop its YAML on the window)."


class SearchPanel(OnScreen, QWidget):
    """Starts a search and shows what it finds while it runs.

    Signals
    -------
    searchRequested(int, float, float, str, bool)
        Trials, minutes, minutes of fine-tuning for each, where trials are made, as
        `core.cluster.slurm.read_place` reads it, empty for this computer; and whether the unpruned
        network is measured as INT8, too.
    openRequested(int)
        The network of a trial.
    """

    searchRequested = Signal(int, float, float, str, bool)
    openRequested = Signal(int)

    def __init__(self, context: Context, controller: SearchController) -> None:
        super().__init__()
        self._session, self._controller = context.session, controller
        self._chart: SearchChart | None = None
        self._place = QVBoxLayout()
        self.search = QPushButton("Search")
        self.search.setProperty("primary", "true")
        self.search.clicked.connect(self._ask)
        self.trials = QSpinBox()
        self.trials.setRange(1, 10_000)
        self.trials.setValue(40)
        self.trials.setAccessibleName("Trials at most")
        self.minutes = _minutes("Minutes of all trials", 1.0, 30.0)
        self.tune = _minutes("Minutes of fine-tuning for each promising trial", 0.0, 0.0)
        self.tune.setSpecialValueText("none")
        self.int8 = QCheckBox("Also the unpruned network as INT8")
        self.int8.setChecked(True)
        self.int8.setToolTip(
            "Export, evaluate and time it once, to compare with: about half a minute"
        )
        self.on = PlaceChoice(PLACES, context.settings.place(), narrow=True)
        self.on.changed.connect(context.settings.set_place)
        self.status = label(ABOUT, "muted")
        self.progress = TaskLine(context.engine, TASK, tall=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(12)
        layout.addWidget(self._controls())
        layout.addLayout(self._place, 1)
        self.setAccessibleName("Search")
        controller.changed.connect(self._show_trials)
        measured = context.session.measured
        for signal in (context.session.modelChanged, measured.dataChanged, measured.goalChanged):
            signal.connect(self._show_controls)
        context.engine.changed.connect(self._show_controls)
        context.theme.changed.connect(self._restyle)
        self._show_controls()

    def _controls(self) -> QWidget:
        side = QWidget()
        side.setFixedWidth(290)
        self.status.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.goal = label("", "muted", wrap=False)
        self._begin = row(self.goal, None, self.search)
        limits = row(
            label("Trials", wrap=False), self.trials, label("Minutes", wrap=False), self.minutes
        )
        each = row(label("Fine-tune each, minutes", wrap=False), self.tune)
        parts = (limits, each, self.int8, self.on, self._begin, self.progress, self.status, None)
        side.setLayout(column(*parts, margins=0, spacing=5))
        return side

    # ---- showing ------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Show the search as it is now."""
        self._show_controls()
        self._show_trials()

    def _show_controls(self) -> None:
        measured, running = self._session.measured, self.progress.running
        # One in the other's place: the panel must not grow as a search runs.
        self._begin.setVisible(not running)
        able = self._session.model is not None and not running
        self.search.setEnabled(able and measured.data is not None)
        tip = "Search, or continue the search with these settings"
        self.search.setToolTip(tip if measured.data is not None else NO_DATA)
        for box in (self.trials, self.minutes, self.tune, self.int8, self.on):
            box.setEnabled(not running)
        self.goal.setText(plan_edits.wish(measured.aim))
        self.status.setText(self._words())

    def _show_trials(self) -> None:
        found = self._controller
        if not self.shown or (self._chart is None and found.unpruned is None):
            return
        self.status.setText(self._words())
        if self._chart is None:
            from app.search.front_chart import SearchChart

            self._chart = SearchChart()
            self._chart.picked.connect(self.openRequested)
            self._place.addWidget(self._chart)
        self._chart.set_trials(found.trials, found.front, found.unpruned, found.int8)

    def _words(self) -> str:
        found = self._controller
        if found.unpruned is None:
            return ABOUT if self._session.measured.data is not None else f"{NO_DATA} {ABOUT}"
        states = [trial["state"] for trial in found.trials]
        words = [f"{formats.counted(len(states), 'trial')}, {len(found.front)} on the front"]
        for state, text in (
            ("stopped", "too far behind to be tuned"),
            ("same", "the same as another"),
            ("refused", "not possible"),
        ):
            if state in states:
                words.append(f"{states.count(state)} {text}")
        signs = "The square is the unpruned network"
        if found.int8 is not None:
            return f"{', '.join(words)}. {signs}, the diamond the same as INT8."
        reason = f" INT8 was not measured: {found.missing}" if found.missing else ""
        return f"{', '.join(words)}. {signs}.{reason}"

    def _restyle(self) -> None:
        if self._chart is not None:
            self._chart.restyle()

    # ---- asking -------------------------------------------------------------------------------

    def _ask(self) -> None:
        try:
            place = self.on.place()
        except UserError as error:
            self._session.say(error.message, self.on.hint, "warning", key="search")
            return
        limits = self.trials.value(), self.minutes.value(), self.tune.value()
        line = place.line if place is not None else ""
        self.searchRequested.emit(*limits, line, self.int8.isChecked())


def _minutes(name: str, least: float, usual: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(least, 100_000.0)
    box.setDecimals(1)
    box.setValue(usual)
    box.setAccessibleName(name)
    box.setToolTip(name)
    return box
