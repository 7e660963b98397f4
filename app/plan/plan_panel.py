"""The plan: what is pruned by how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QToolButton,
    QWidget,
)

from app.context import Context
from app.kit import formats, theme
from app.kit.controls import choose, combo, row
from app.kit.table_model import ROW_ROLE, TableModel
from app.kit.widgets import column, label, line, table_view
from app.plan.plan_lines import ENTRY_COLUMNS, PlanLine, plan_lines
from app.plan.ratio_controls import MOST, RatioBox, RatioSlider
from app.state import plan_edits, removal
from core.plan import criteria

if TYPE_CHECKING:
    from core.plan.schema import Plan, Scope

SCOPES = {
    "all": "Outputs and hidden channels of the block",
    "output": "Only channels that other blocks read",
    "inside": "Only hidden channels; no other block changes",
}
PRESETS = (0.25, 0.5, 0.75)
ASK = "Share of the channels to remove"


class PlanPanel(QScrollArea):
    """Edits the plan; what follows is shown everywhere else."""

    pruneRequested = Signal()
    rulesRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._make_widgets()
        self._inner = QWidget()
        self._inner.setLayout(
            column(
                label("Selected blocks", "heading"),
                self._selected,
                self._ratio_row(),
                self._scope_row(),
                line(),
                label("In the plan", "heading"),
                self.entries,
                self._entry_buttons(),
                line(),
                self._rules(),
                margins=10,
            )
        )
        self.setWidget(self._inner)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it has the keyboard
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Plan")
        self.setMinimumWidth(320)
        self._connect()
        self._show()

    # ---- building -----------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self._selected = label("", "muted")
        self._selected.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        # Room for the longest words: the slider below must not jump with every selection.
        self._selected.setMinimumHeight(2 * self._selected.fontMetrics().lineSpacing() + 2)
        self.slider = RatioSlider()
        self.spin = RatioBox()
        names = plan_edits.SCOPE_NAMES
        scopes = {k: (v.capitalize(), SCOPES[k]) for k, v in names.items()}
        self.scope = combo(scopes, "Scope")
        self.lock = QToolButton()
        self.lock.setCheckable(True)
        self.lock.setText("Lock")
        self.lock.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(self.lock, "lock")
        self.lock.setToolTip("Keep the widths of the selected blocks")
        self.model: TableModel[PlanLine] = TableModel(ENTRY_COLUMNS, self)
        self.entries = table_view(self.model, "Entries of the plan", stretch=0)
        self.entries.setMinimumHeight(84)
        self.entries.height_hint = 92

    def _ratio_row(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.spin)
        return row

    def _scope_row(self) -> QWidget:
        row = QWidget()
        layout = QGridLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.scope, 0, 0)
        layout.addWidget(self.lock, 0, 1)
        self.presets = QToolButton()
        self.presets.setText("Presets")
        self.presets.setToolTip("Prune a whole stage of the network by one ratio")
        self.presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.presets)
        for stage, name in formats.STAGES.items():
            part = menu.addMenu(name)
            for ratio in PRESETS:
                part.addAction(f"{ratio:.0%}", self._presetting(stage, ratio))
        self.presets.setMenu(menu)
        layout.addWidget(self.presets, 0, 2)
        layout.setColumnStretch(0, 1)
        return row

    def _entry_buttons(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        self._remove = QPushButton("Remove")
        self._remove.setToolTip("Remove the selected entry from the plan")
        self._remove.clicked.connect(self._remove_entry)
        self._clear = QPushButton("Clear")
        self._clear.setToolTip("Remove all entries; can be undone")
        self._clear.clicked.connect(
            lambda: self._session.edit(plan_edits.clear(self._session.plan))
        )
        self.prune = QPushButton("Prune…")
        self.prune.setProperty("primary", "true")
        self.prune.setToolTip("Prune a copy, verify it against the masked original, and save it")
        self.prune.clicked.connect(self.pruneRequested)
        layout.addWidget(self._remove)
        layout.addWidget(self._clear)
        layout.addStretch(1)
        layout.addWidget(self.prune)
        return row

    def _rules(self) -> QWidget:
        """Describe the rules of the plan; they are set in another panel."""
        self.rules = label("", "muted")
        change = QPushButton("Change…")
        change.setToolTip("Set ranking, strategy and rounding, or let Secateur suggest a plan")
        change.clicked.connect(self.rulesRequested)
        return row(self.rules, change, stretch=0)

    # ---- following the session ----------------------------------------------------------------

    def _connect(self) -> None:
        session = self._session
        for signal in (session.modelChanged, session.planChanged, session.selectionChanged):
            signal.connect(self._show)
        session.predictionChanged.connect(self._show_effect)
        session.structures.pendingChanged.connect(self._show_effect)
        for figures in (session.modelChanged, session.selectionChanged, self.slider.let_go):
            figures.connect(self._show_figures)
        self.slider.taken.connect(session.begin_drag)
        self.slider.let_go.connect(session.end_drag)
        self.slider.valueChanged.connect(self._ratio_asked)
        self.spin.valueChanged.connect(self._ratio_asked)
        for control in (self.slider, self.spin):
            control.stepped.connect(self._step_asked)
        self.scope.activated.connect(self._scope_asked)
        self.lock.clicked.connect(self._lock_asked)

    def _show(self) -> None:
        session, plan = self._session, self._session.plan if self._session.model else None
        self._inner.setEnabled(plan is not None)
        if plan is None:
            self._selected.setText("No model is open.")
            self.model.set_rows([])
            return
        chosen = sorted(session.selection)
        entries = [e for b in chosen if (e := plan_edits.entry_of(plan, b)) is not None]
        ratios = {e.ratio for e in entries} if len(entries) == len(chosen) else {None}
        self._selected.setText(_selected(chosen, len(ratios) > 1 or ratios == {None}))
        for widget in (self.slider, self.spin, self.scope, self.lock, self.presets):
            widget.setEnabled(bool(chosen) or widget is self.presets)
        self.scope.setEnabled(bool(entries))
        choose(self.scope, entries[0].scope if entries else "all")
        self.rules.setText(_rules(plan))
        self.lock.setChecked(bool(chosen) and set(chosen) <= session.locked)
        self._clear.setEnabled(bool(plan.selection) or plan.restructures)
        self._remove.setEnabled(bool(plan.selection) or plan.restructures)

    def _show_effect(self) -> None:
        prediction = self._session.prediction
        pending = self._session.structures.pending
        self.prune.setEnabled(prediction is not None and prediction.changes and not pending)
        self._show_figures()

    def _show_figures(self) -> None:
        """Show what will really go; while the slider is held, it stays where the pointer is."""
        session = self._session
        if session.model is None:
            return
        self.model.set_rows(plan_lines(session))
        found = removal.largest(session, session.selection)
        percent = 100 * found.share if found is not None else 0.0
        with QSignalBlocker(self.spin), QSignalBlocker(self.slider):
            self.spin.setValue(percent)
            if not self.slider.isSliderDown():
                self.slider.setValue(round(percent))
        for control in (self.spin, self.slider):
            control.setToolTip(found.tip if found is not None else ASK)

    # ---- asking the session -------------------------------------------------------------------

    def _ratio_asked(self, percent: float) -> None:
        session = self._session
        scope: Scope = self.scope.currentData() or "all"
        ratio = min(percent, MOST) / 100
        session.edit(plan_edits.set_ratio(session.plan, session.selection, ratio, scope))

    def _step_asked(self, percent: int) -> None:
        session = self._session
        session.edit(removal.stepped(session, session.selection, percent / 100))

    def _scope_asked(self) -> None:
        session = self._session
        scope = self.scope.currentData()
        session.edit(plan_edits.set_scope(session.plan, session.selection, scope))

    def _lock_asked(self) -> None:
        session = self._session
        locked = not set(session.selection) <= session.locked
        session.edit(plan_edits.set_locked(session.plan, session.selection, locked))

    def _presetting(self, stage: str, ratio: float) -> Callable[[], None]:
        return lambda: self._preset(stage, ratio)

    def _preset(self, stage: str, ratio: float) -> None:
        model = self._session.model
        if model is None:
            return
        able = model.predictor.prunable - self._session.locked
        blocks = {b.index for b in model.table.blocks if b.stage == stage} & able
        if not blocks:
            self._session.say(f"No block of the {stage} has channels to prune.", kind="warning")
            return
        edit = plan_edits.set_ratio(self._session.plan, blocks, ratio)
        name = f"Prune the {stage} by {ratio:.0%}"
        self._session.edit(plan_edits.replace_plan(edit.plan, name))

    def _remove_entry(self) -> None:
        entry = self.entries.currentIndex().data(ROW_ROLE)
        if entry is None and self.model.rows:
            entry = self.model.rows[-1]
        if entry is not None:
            self._session.edit(entry.without(self._session.plan))


def _rules(plan: Plan) -> str:
    strategy = plan_edits.STRATEGY_NAMES[plan.strategy]
    ranking, rounding = criteria.title(plan.criterion), plan_edits.rounding(plan.round_to)
    return f"{strategy}, ranked by {ranking}; channels kept: {rounding}."


def _selected(blocks: list[int], mixed: bool) -> str:
    if not blocks:
        return "None. Click blocks in the graph or the table; Shift or Ctrl adds more."
    named = ", ".join(map(str, blocks[:8])) + (" …" if len(blocks) > 8 else "")
    word = "Block" if len(blocks) == 1 else f"{len(blocks)} blocks:"
    return f"{word} {named}" + (" (different ratios)" if mixed and len(blocks) > 1 else "")
