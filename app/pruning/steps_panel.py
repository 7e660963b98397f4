"""Steps: what the strategy one by one tried, and the way back to any of it."""

from __future__ import annotations

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.context import Context
from app.engine.task_line import TaskLine
from app.kit.layouts import Flow
from app.kit.table_model import ROW_ROLE, Column, TableModel
from app.kit.widgets import label, table_view
from app.pruning.one_by_one import CHANNELS_HINT, CHANNELS_ONLY
from app.state.measurements import Step
from app.state.plan_edits import SCOPE_NAMES

NOTHING = (
    "One by one prunes the entries of the plan in order, each on a fresh copy, and "
    "measures the accuracy. Select the strategy in Choose, then press Prune… or Run."
)
RUN = "Try the entries of the plan one by one"
GO_ON = "Continue from the selected step with the current plan"


class StepsPanel(QWidget):
    """Lists steps as they come.

    Signals
    -------
    runRequested()
    openRequested(int), continueRequested(int)
        With the number of a step.
    """

    runRequested = Signal()
    openRequested = Signal(int)
    continueRequested = Signal(int)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._measured = context.session, context.session.measured
        self.model: TableModel[Step] = TableModel(COLUMNS, self)
        self.view = table_view(self.model, "Steps", stretch=6)
        self.intro = label(NOTHING, "muted")
        self.progress = TaskLine(context.engine, "one_by_one")
        self.run = _button("Run…", RUN)
        self.open = _button("Open step", "Open the network after the selected step")
        self.go_on = _button("Continue from step…", GO_ON)
        for words in (self.intro, self.progress):
            words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        top = Flow(self.intro, self.progress, self.run, self.open, self.go_on)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.addWidget(top)
        layout.addWidget(self.view, 1)
        self.setAccessibleName("Steps")
        self._connect(context)
        self._show()

    def _connect(self, context: Context) -> None:
        self._measured.stepsChanged.connect(self._show)
        self._session.planChanged.connect(self._show_buttons)
        for signal in (self._session.modelChanged, context.engine.changed):
            signal.connect(self._show_buttons)
        self.view.selectionModel().selectionChanged.connect(self._show_buttons)
        self.view.doubleClicked.connect(lambda _: self._ask(self.openRequested))
        self.run.clicked.connect(self.runRequested)
        self.open.clicked.connect(lambda: self._ask(self.openRequested))
        self.go_on.clicked.connect(lambda: self._ask(self.continueRequested))

    @property
    def step(self) -> Step | None:
        """The step that is marked."""
        row = self.view.currentIndex().data(ROW_ROLE)
        return row if isinstance(row, Step) else None

    def _show(self) -> None:
        steps = self._measured.steps
        self.model.set_rows(steps)
        self.intro.setText(summary(steps, self._session.measures[0]) if steps else NOTHING)
        self._show_buttons()

    def _show_buttons(self) -> None:
        free = self._session.model is not None and not self.progress.running
        kept = self.step is not None and bool(self.step.checkpoint)
        channels = not self._session.plan.restructures
        self.run.setEnabled(free and channels)
        self.open.setEnabled(free and kept)
        self.go_on.setEnabled(free and kept and channels)
        for button, tip in ((self.run, RUN), (self.go_on, GO_ON)):
            button.setToolTip(tip if channels else f"{CHANNELS_ONLY} {CHANNELS_HINT}")

    def _ask(self, signal: SignalInstance) -> None:
        if self.step is not None and self.step.checkpoint:
            signal.emit(self.step.number)


def summary(steps: tuple[Step, ...], measure: str) -> str:
    """Describe the state of a run."""
    accepted = [s for s in steps if s.accepted]
    text = f"{len(steps)} steps, {len(accepted)} accepted."
    last = accepted[-1] if accepted else None
    if last is not None and last.share is not None and last.accuracy is not None:
        text += f" Now {last.accuracy:.4f} {measure}, {last.share:.1%} of the unpruned network."
    return text


def outcome(step: Step) -> str:
    """Describe the outcome of a step."""
    if step.accepted:
        return "accepted" if step.fallback_of is None else f"accepted instead of {step.fallback_of}"
    return "skipped" if step.accuracy is None else "reverted: lost too much"


def _button(text: str, tip: str) -> QPushButton:
    result = QPushButton(text)
    result.setToolTip(tip)
    return result


def _amount(step: Step) -> str:
    scope = "" if step.scope == "all" else f", {SCOPE_NAMES.get(step.scope, step.scope)}"
    return f"{step.ratio:.0%}{scope}"


def _figure(value: float | None, digits: str) -> str:
    return "" if value is None else format(value, digits)


COLUMNS: list[Column[Step]] = [
    Column("Step", lambda s: str(s.number), right=True),
    Column("Block", lambda s: "" if s.block is None else str(s.block), right=True),
    Column("By", _amount, right=True),
    Column("Accuracy", lambda s: _figure(s.accuracy, ".4f"), right=True),
    Column(
        "Kept", lambda s: _figure(s.share, ".1%"), tip="Share of the unpruned accuracy", right=True
    ),
    Column("Outcome", outcome, colour=lambda s: "success" if s.accepted else "muted"),
    Column("Note", lambda s: s.note),
]
