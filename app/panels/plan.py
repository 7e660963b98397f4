"""The plan: strategy, what is pruned by how much, and the rules for it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app import commands, text, theme
from app.context import Context
from app.item_models import ROW_ROLE, Column, TableModel
from app.widgets import column, label, line, table_view

STRATEGIES = {
    "structural": "Any selection; everything coupled to it follows. The usual choice.",
    "independent": "Only blocks that touch nothing but their own reader; the graph marks them.",
    "all_at_once": "One plan over the whole network from one ranking, one surgery.",
    "one_by_one": "Arrives with evaluation: each layer is pruned, measured, and kept or undone.",
}
SCOPES = {
    "all": "Outputs and hidden channels of the block",
    "output": "Only channels that other blocks read",
    "inside": "Only hidden channels; no other block is touched",
}
CRITERIA = {
    "l2": ("L2 norm", "Channels with the smallest weights (L2) go first"),
    "l1": ("L1 norm", "Channels with the smallest weights (L1) go first"),
    "bn_scale": ("BatchNorm scale", "Channels that BatchNorm scales down most go first"),
    "lamp": ("LAMP", "Small against the larger channels of the same layer go first"),
    "fpgm": ("Geometric median", "Channels most like the others of their layer go first"),
    "random": ("Random", "For comparison: channels are drawn by lot"),
}
ROUNDS = (1, 2, 4, 8, 16, 32)
PRESETS = (0.25, 0.5, 0.75)
MOST = 95


class RatioSlider(QSlider):
    """0 to 95 percent."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, MOST)
        self.setPageStep(5)
        self.setTickInterval(25)
        self.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.setAccessibleName("Ratio of channels to prune, in percent")
        self.setToolTip("How many of the channels go")


class PlanPanel(QScrollArea):
    """Edits the plan; what follows is shown everywhere else."""

    pruneRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._make_widgets()
        inner = QWidget()
        inner.setLayout(
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
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Plan")
        self.setMinimumWidth(320)
        self._connect()
        self._show()

    # ---- building -----------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self._selected = label("", "muted")
        self.slider = RatioSlider()
        self.spin = QSpinBox()
        self.spin.setRange(0, MOST)
        self.spin.setSuffix(" %")
        self.spin.setAccessibleName("Ratio of channels to prune")
        self.scope = _combo({k: (v.capitalize(), SCOPES[k]) for k, v in _scopes().items()}, "Scope")
        self.lock = QToolButton()
        self.lock.setCheckable(True)
        self.lock.setText("Lock")
        self.lock.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(self.lock, "lock")
        self.lock.setToolTip("Keep the selected blocks' widths as they are, whatever else goes")
        names = commands.STRATEGY_NAMES
        self.strategy = _combo({k: (names[k], v) for k, v in STRATEGIES.items()}, "Strategy")
        _disable(self.strategy, "one_by_one")
        self.criterion = _combo(CRITERIA, "What ranks the channels")
        self.round_to = _combo(
            {n: (f"multiples of {n}" if n > 1 else "any number", "") for n in ROUNDS}, "Rounding"
        )
        self.minimum = QSpinBox()
        self.minimum.setRange(1, 512)
        self.minimum.setAccessibleName("Fewest channels a layer keeps")
        self.model: TableModel[Any] = TableModel(_ENTRY_COLUMNS, self)
        self.entries = table_view(self.model, "What the plan prunes", stretch=0)
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
        self.presets.setToolTip("Prune a whole part of the network by one ratio")
        self.presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.presets)
        for stage, name in text.STAGES.items():
            part = menu.addMenu(name)
            for ratio in PRESETS:
                part.addAction(f"{ratio:.0%}", lambda s=stage, r=ratio: self._preset(s, r))
        self.presets.setMenu(menu)
        layout.addWidget(self.presets, 0, 2)
        layout.setColumnStretch(0, 1)
        return row

    def _entry_buttons(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        self._remove = QPushButton("Remove")
        self._remove.setToolTip("Take the marked line out of the plan")
        self._remove.clicked.connect(self._remove_entry)
        self._clear = QPushButton("Clear")
        self._clear.setToolTip("Take everything out of the plan; can be undone")
        self._clear.clicked.connect(lambda: self._session.edit(commands.clear(self._session.plan)))
        self.prune = QPushButton("Prune …")
        self.prune.setProperty("primary", "true")
        self.prune.setToolTip("Prune a copy, prove it equal to the masked original, and save it")
        self.prune.clicked.connect(self.pruneRequested)
        layout.addWidget(self._remove)
        layout.addWidget(self._clear)
        layout.addStretch(1)
        layout.addWidget(self.prune)
        return row

    def _rules(self) -> QWidget:
        rules = QWidget()
        form = QFormLayout(rules)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        keep = QWidget()
        row = QHBoxLayout(keep)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.round_to, 1)
        row.addWidget(label("at least", wrap=False))
        row.addWidget(self.minimum)
        self.minimum.setToolTip("No layer keeps fewer channels than this")
        for name, widget, tip in (
            ("Strategy", self.strategy, "How the selection is turned into a pruning"),
            ("Rank by", self.criterion, "Which channels count as least important"),
            ("Keep", keep, "Multiples of 8 run fastest on most hardware"),
        ):
            shown = label(name, wrap=False)
            shown.setToolTip(tip)
            shown.setBuddy(widget)
            form.addRow(shown, widget)
        return rules

    # ---- following the session ----------------------------------------------------------------

    def _connect(self) -> None:
        session = self._session
        for signal in (session.modelChanged, session.planChanged, session.selectionChanged):
            signal.connect(self._show)
        session.predictionChanged.connect(self._show_effect)
        self.slider.valueChanged.connect(self._ratio_asked)
        self.spin.valueChanged.connect(self._ratio_asked)
        self.scope.activated.connect(self._scope_asked)
        self.lock.clicked.connect(self._lock_asked)
        for combo, edit in (
            (self.strategy, commands.set_strategy),
            (self.criterion, commands.set_criterion),
            (self.round_to, commands.set_round_to),
        ):
            combo.activated.connect(
                lambda _, c=combo, e=edit: session.edit(e(session.plan, c.currentData()))
            )
        self.minimum.valueChanged.connect(
            lambda value: session.edit(commands.set_minimum(session.plan, value))
        )

    def _show(self) -> None:
        session, plan = self._session, self._session.plan if self._session.model else None
        self.widget().setEnabled(plan is not None)
        if plan is None:
            self._selected.setText("No model is open.")
            self.model.set_rows([])
            return
        chosen = sorted(session.selection)
        entries = [e for b in chosen if (e := commands.entry_of(plan, b)) is not None]
        ratios = {e.ratio for e in entries} if len(entries) == len(chosen) else {None}
        self._selected.setText(_selected(chosen, len(ratios) > 1 or ratios == {None}))
        for widget in (self.slider, self.spin, self.scope, self.lock, self.presets):
            widget.setEnabled(bool(chosen) or widget is self.presets)
        self.slider.setValue(self._percent())
        self.spin.setValue(self._percent())
        self.minimum.setValue(plan.minimum_channels)
        self.scope.setEnabled(bool(entries))
        _choose(self.scope, entries[0].scope if entries else "all")
        _choose(self.strategy, plan.strategy)
        _choose(self.criterion, plan.criterion)
        _choose(self.round_to, plan.round_to)
        self.lock.setChecked(bool(chosen) and set(chosen) <= session.locked)
        self.model.set_rows(plan.selection)
        self._clear.setEnabled(bool(plan.selection))
        self._remove.setEnabled(bool(plan.selection))

    def _show_effect(self) -> None:
        prediction = self._session.prediction
        self.prune.setEnabled(prediction is not None and prediction.changes)

    # ---- asking the session -------------------------------------------------------------------

    def _percent(self) -> int:
        """Return the largest ratio among the selected blocks, as slider and box show it."""
        plan = self._session.plan
        entries = [commands.entry_of(plan, b) for b in self._session.selection]
        largest = max((e.ratio or 0.0 for e in entries if e is not None), default=0.0)
        return min(MOST, round(100 * largest))

    def _ratio_asked(self, percent: int) -> None:
        session = self._session
        if percent == self._percent():
            return  # the widgets only show what the plan says
        scope = self.scope.currentData() or "all"
        session.edit(commands.set_ratio(session.plan, session.selection, percent / 100, scope))

    def _scope_asked(self) -> None:
        session = self._session
        scope = self.scope.currentData()
        session.edit(commands.set_scope(session.plan, session.selection, scope))

    def _lock_asked(self) -> None:
        session = self._session
        locked = not set(session.selection) <= session.locked
        session.edit(commands.set_locked(session.plan, session.selection, locked))

    def _preset(self, stage: str, ratio: float) -> None:
        model = self._session.model
        if model is None:
            return
        able = model.predictor.prunable - self._session.locked
        blocks = {b.index for b in model.table.blocks if b.stage == stage} & able
        if not blocks:
            self._session.say(f"No block of the {stage} has channels that may go.", kind="warning")
            return
        edit = commands.set_ratio(self._session.plan, blocks, ratio)
        name = f"Prune the {stage} by {ratio:.0%}"
        self._session.edit(commands.replace_plan(edit.plan, name))

    def _remove_entry(self) -> None:
        entry = self.entries.currentIndex().data(ROW_ROLE)
        if entry is None and self.model.rows:
            entry = self.model.rows[-1]
        if entry is not None:
            self._session.edit(commands.remove_entry(self._session.plan, entry))


def _scopes() -> dict[str, str]:
    return commands.SCOPE_NAMES


def _selected(blocks: list[int], mixed: bool) -> str:
    if not blocks:
        return "None. Click blocks in the graph or the table; Shift or Ctrl adds more."
    named = ", ".join(map(str, blocks[:8])) + (" …" if len(blocks) > 8 else "")
    word = "Block" if len(blocks) == 1 else f"{len(blocks)} blocks:"
    return f"{word} {named}" + (" (different ratios)" if mixed and len(blocks) > 1 else "")


def _combo(items: dict[Any, tuple[str, str]], name: str) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(10)
    for value, (title, tip) in items.items():
        combo.addItem(title, value)
        combo.setItemData(combo.count() - 1, tip or None, Qt.ItemDataRole.ToolTipRole)
    return combo


def _disable(combo: QComboBox, value: str) -> None:
    model = combo.model()
    assert isinstance(model, QStandardItemModel)
    model.item(combo.findData(value)).setEnabled(False)


def _choose(combo: QComboBox, value: Any) -> None:
    place = combo.findData(value)
    if place < 0:
        combo.addItem(str(value), value)
        place = combo.count() - 1
    combo.setCurrentIndex(place)
    combo.setToolTip(combo.itemData(place, Qt.ItemDataRole.ToolTipRole) or "")


def _ratio(entry: Any) -> str:
    if entry.ratio is None:
        return f"{len(entry.channels)} channels"
    return f"{entry.ratio:.0%}"


_ENTRY_COLUMNS: list[Column[Any]] = [
    Column("What", lambda e: e.label.capitalize() if e.block is not None else e.label),
    Column("Scope", lambda e: commands.SCOPE_NAMES[e.scope]),
    Column("By", _ratio, right=True),
]
