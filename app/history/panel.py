"""History: everything that was pruned, tuned and measured of the open network, as a tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.history.controller import plan_of
from app.kit import formats, theme
from app.kit.widgets import Elided, OnScreen, TreeTable
from app.state.history import first_cost
from core.data.figures import FIGURES
from core.plan.cost import COST
from core.system.size import size_text

if TYPE_CHECKING:
    from core.history.nodes import Node
    from core.history.tree import Branch

NOTHING = (
    "No steps yet. Every pruning, fine-tuning and measurement of this network is added "
    "here as a step, which you can open, compare and continue from."
)
ICONS = {
    "model": "model",
    "prune": "prune",
    "tune": "tune",
    "quantize": "save",
    "evaluate": "measure",
}
KINDS = {
    "prune": "pruning",
    "tune": "tuning",
    "quantize": "quantisation",
    "evaluate": "measurement",
}
HEAD = ("Step", "Accuracy", "Parameters", "GFLOPs", "Date")
TIPS = (
    "The action, and the file it created",
    "mAP50-95 or top-1: of the step, or the latest measurement of its file",
    "The number of weights, and the change from the first step",
    "For one image, and the change from the first step",
    "Local time",
)
ID = Qt.ItemDataRole.UserRole
WIDTHS = (430, 90, 150, 160, 130)


class HistoryPanel(OnScreen, QWidget):
    """Shows the tree, and goes to any step of it.

    Signals
    -------
    openRequested(str), planRequested(str)
        With the id of a step.
    compareRequested(list of str)
    """

    openRequested = Signal(str)
    planRequested = Signal(str)
    compareRequested = Signal(list)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._lineage = context.session, context.session.lineage
        self.intro = Elided("muted")
        self.tree = TreeTable()
        self.open = _button("&Open", "Open its network; what you do next starts a branch (Enter)")
        self.compare = _button(
            "&Compare", "Measure the selected steps side by side; select two or more"
        )
        self.plan = _button(
            "&Use its plan",
            "Open the network that it was pruned from, with its plan, to start another branch",
        )
        for button, act in (
            (self.open, lambda: self.openRequested.emit(self._current)),
            (self.compare, lambda: self.compareRequested.emit(self.marked)),
            (self.plan, lambda: self.planRequested.emit(self._current)),
        ):
            button.clicked.connect(act)
        self._make_tree()
        self._lay_out()
        for signal in (self._lineage.changed, self._session.modelChanged, context.theme.changed):
            signal.connect(lambda *_: self._show())
        self._show()

    def _make_tree(self) -> None:
        tree = self.tree
        tree.setHeaderLabels(list(HEAD))
        for number, tip in enumerate(TIPS):
            tree.headerItem().setToolTip(number, tip)
            if number:
                side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                tree.headerItem().setTextAlignment(number, side)
        tree.setAccessibleName("History")
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setAlternatingRowColors(True)
        tree.setUniformRowHeights(True)
        tree.setIndentation(18)
        header = tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for number, width in enumerate(WIDTHS):
            tree.setColumnWidth(number, width)
        tree.itemActivated.connect(lambda item, _: self.openRequested.emit(str(item.data(0, ID))))
        tree.itemSelectionChanged.connect(self._enable)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.intro, 1)
        for button in (self.open, self.compare, self.plan):
            top.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.tree, 1)
        self.setAccessibleName("History")

    # ---- showing ------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Show the history as it is now."""
        self._show()

    @property
    def marked(self) -> list[str]:
        """The ids of the marked steps."""
        return [str(item.data(0, ID)) for item in self.tree.selectedItems()]

    @property
    def _current(self) -> str:
        marked = self.marked
        return marked[0] if len(marked) == 1 else ""

    def _show(self) -> None:
        if not self.shown:
            return
        marked, folded = set(self.marked), self._folded()
        branches = self._lineage.known.branches
        self.tree.blockSignals(True)
        self.tree.clear()
        model = self._session.model
        here = self._lineage.current(model.path, model.facts.sha256) if model is not None else ""
        cost = first_cost(branches)
        for branch in branches:
            self._add(self.tree.invisibleRootItem(), branch, here, cost)
        for item in self._items():
            item.setExpanded(item.data(0, ID) not in folded)
            item.setSelected(item.data(0, ID) in marked)
        self.tree.blockSignals(False)
        self.intro.set_whole(summary([branch.node for _, branch in self._lineage.steps()]))
        self._enable()

    def _folded(self) -> set[str]:
        return {str(i.data(0, ID)) for i in self._items() if i.childCount() and not i.isExpanded()}

    def _items(self) -> list[QTreeWidgetItem]:
        """Return all rows from top to bottom."""
        found: list[QTreeWidgetItem] = []
        waiting = [self.tree.topLevelItem(n) for n in range(self.tree.topLevelItemCount())]
        while waiting:
            item = waiting.pop(0)
            if item is not None:
                found.append(item)
                waiting = [*(item.child(n) for n in range(item.childCount())), *waiting]
        return found

    def _add(
        self, parent: QTreeWidgetItem, branch: Branch, here: str, cost: Mapping[str, float]
    ) -> None:
        node = branch.node
        item = QTreeWidgetItem(parent)
        for number, words in enumerate(cells(branch, cost)):
            item.setText(number, words)
            if number:
                side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                item.setTextAlignment(number, side)
        item.setData(0, ID, node.id)
        gone = not self._lineage.file_of(node)
        quiet = gone or node.kind == "evaluate"
        item.setIcon(0, theme.icon(ICONS[node.kind], "muted" if quiet else "text"))
        if quiet:
            for number in range(len(HEAD)):
                item.setForeground(number, theme.colour("muted"))
        if node.id == here:
            font = item.font(0)
            font.setBold(True)
            item.setFont(0, font)
            item.setText(0, f"{item.text(0)} (open)")
        tip = details(node, gone)
        for number in range(len(HEAD)):
            item.setToolTip(number, tip)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{item.text(0)}. {tip}")
        for child in branch.children:
            self._add(item, child, here, cost)

    def _enable(self) -> None:
        lineage, current = self._lineage, self._current
        branch = lineage.branch(current)
        source = lineage.parent_of(current)
        checkpoint = branch is not None and branch.node.kind != "quantize"
        self.open.setEnabled(
            checkpoint and branch is not None and bool(lineage.file_of(branch.node))
        )
        self.plan.setEnabled(
            source is not None
            and bool(lineage.file_of(source.node))
            and plan_of(lineage, current) is not None
        )
        chosen = [b.node for _, b in lineage.steps() if b.node.id in self.marked]
        files = {lineage.file_of(node) for node in chosen} - {""}
        self.compare.setEnabled(len(files) > 1)


def _button(words: str, tip: str) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    return button


def summary(nodes: list[Node]) -> str:
    """Describe how many steps of each kind there are."""
    counts: Counter[str] = Counter(node.kind for node in nodes)
    told = [
        f"{counts[kind]:,} {word}{'' if counts[kind] == 1 else 's'}"
        for kind, word in KINDS.items()
        if counts[kind]
    ]
    return ", ".join(told) + "." if told else NOTHING


def cells(branch: Branch, first: Mapping[str, float]) -> tuple[str, ...]:
    """Return what the columns say of a step."""
    from core.history.tree import title

    figure, node = branch.figure, branch.node
    measured = node.kind == "evaluate"
    costs = ("", "") if measured else [_cost(branch.cost, first, k) for k in COST]
    return (title(node), "" if figure is None else f"{figure:.4f}", *costs, when(node.date))


def _cost(cost: Mapping[str, float], first: Mapping[str, float], key: str) -> str:
    value, whole = cost.get(key), first.get(key)
    if value is None:
        return ""
    change = f" ({formats.percent(value / whole)})" if whole and value != whole else ""
    return (formats.gflops if key == "macs" else formats.count)(value) + change


def when(date: str) -> str:
    """Write a date as people here do."""
    import datetime

    try:
        moment = datetime.datetime.fromisoformat(date).astimezone()
    except ValueError:
        return date
    return moment.strftime("%Y-%m-%d %H:%M")


def details(node: Node, gone: bool) -> str:
    """Describe all that is known of a step, for its tip."""
    lines = [node.file or ""]
    if gone and node.file:
        lines.append("The file no longer exists, or a later step uses its name.")
    lines += [f"{name} {node.figures[k]:.4f}" for k, name in FIGURES.items() if k in node.figures]
    lines += [say(node.details[key]) for key, say in DETAILS.items() if node.details.get(key)]
    return "\n".join(filter(None, lines))


DETAILS: Mapping[str, Callable[[Any], str]] = {
    "data": lambda value: f"Data: {value}",
    "split": lambda value: f"Split: {value}",
    "images": lambda value: f"Images: {value:,}",
    "image_size": lambda value: f"Image size: {size_text(value)}",
    "epochs": lambda value: f"Epochs: {value}",
    "relative_error": lambda value: f"Equal to the masked original: relative error {value:.1e}",
    "repair": lambda value: f"Repaired by {', '.join(value)}",
    "job": lambda value: f"Job: {value}",
}
