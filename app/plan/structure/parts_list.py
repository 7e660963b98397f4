"""Units, branches and scales of the block in focus, ticked while they stay; part of “Inspector”."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QPushButton, QWidget

from app.context import Context
from app.kit import formats
from app.kit.widgets import column, label
from app.plan.structure import actions
from app.state.structure.parts import Part, Parts, is_gone, reason_to_stay
from core.graph.table import ChannelTable

PART = Qt.ItemDataRole.UserRole
ROWS = 6
"""So many show without scrolling."""
TITLES = {
    "unit": "Units",
    "branch": "Branches",
    "scale": "Scales",
}


class PartsList(QWidget):
    """Ticks decide what stays; what has to stay is greyed, with the reason in its tip.

    Signals
    -------
    classesWanted
        Choose which classes stay.
    """

    classesWanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._told: tuple[object, ...] = ()
        self.title = label("", "heading")
        self.list = QListWidget()
        self.list.setAccessibleName("Parts of the block that stay")
        self.list.itemChanged.connect(self._ticked)
        self.list.itemClicked.connect(self._go)
        self.classes = QPushButton()
        self.classes.setToolTip("Choose the classes that the network still detects")
        self.classes.clicked.connect(self.classesWanted)
        self.look = QPushButton("Look for units")
        self.look.setToolTip("Find what can be removed of this network besides channels")
        self.look.clicked.connect(self._session.structures.want_parts)
        self.setLayout(column(self.title, self.look, self.list, self.classes, margins=0))
        self.hide()

    def show_parts(self) -> None:
        """Show those of the block in focus."""
        session, parts = self._session, self._session.structures.parts
        block = session.focused
        own = parts.of_block(block) if parts is not None and block is not None else []
        head = self._is_head() and parts is not None and parts.classes
        missing = parts is None and block is not None and self._may_have_parts(block)
        self.setVisible(bool(own) or head or missing)
        for widget, wanted in ((self.look, missing), (self.title, not missing)):
            widget.setVisible(wanted)
        if missing:
            self.list.hide()
            self.classes.hide()
            self._told = ()
        told = (block, parts, session.plan.structure, session.plan.classes, session.plan.locked)
        if parts is None or told == self._told:
            return
        self._told = told
        kinds = list(dict.fromkeys(part.kind for part in own))
        self.title.setText(" and ".join(TITLES[kind] for kind in kinds).capitalize() or "Classes")
        self.classes.setVisible(head)
        self.classes.setText(self._classes_text())
        self.list.setVisible(bool(own))
        self._fill(own, parts)

    def _may_have_parts(self, block: int) -> bool:
        """Whether a block holds more than one layer, so that it may do without some."""
        table = self._session.table
        return table is not None and sum(table.layers[n].mixes for n in table.layers_of(block)) > 1

    def _is_head(self) -> bool:
        table = self._session.table
        return table is not None and self._session.focused == len(table.blocks) - 1

    def _classes_text(self) -> str:
        model, kept = self._session.model, self._session.plan.classes
        if kept is None or model is None:
            return "Keep only some classes…"
        return f"{len(kept)} of {len(model.facts.classes)} classes stay…"

    def _fill(self, own: list[Part], parts: Parts) -> None:
        row = self.list.currentRow()
        self.list.blockSignals(True)
        # A click that ticks is told of afterwards: the item under it must still be there.
        items = [self.list.item(number) for number in range(self.list.count())]
        if [item.data(PART) for item in items] != own:
            self.list.clear()
            items = [QListWidgetItem(self.list) for _ in own]
        for item, part in zip(items, own, strict=True):
            item.setText(f"{part.title}{self._about(part)}")
            item.setData(PART, part)
            gone = is_gone(part, self._session.plan)
            reason = "" if gone else reason_to_stay(part, parts, self._session.plan)
            tick = Qt.CheckState
            item.setCheckState(tick.Unchecked if gone else tick.Checked)
            enabled = Qt.ItemFlag.ItemIsEnabled
            item.setFlags(item.flags() & ~enabled if reason else item.flags() | enabled)
            item.setToolTip(reason or "Clear the tick to remove it, with what it needs alone")
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, reason)
            item.setSizeHint(QSize(0, self.fontMetrics().height() + 8))
        high = (self.fontMetrics().height() + 8) * min(len(own), ROWS) + 4
        self.list.setFixedHeight(high)
        self.list.setCurrentRow(min(row, len(own) - 1))
        self.list.blockSignals(False)

    def _about(self, part: Part) -> str:
        table = self._session.table
        if table is None:
            return ""
        if part.kind == "scale":
            return f" (with {_listed(part.feeds)})" if part.feeds else ""
        return f" ({part.type}, {formats.count(parameters_of(table, part))} parameters)"

    def _ticked(self, item: QListWidgetItem) -> None:
        part = item.data(PART)
        stays = item.checkState() == Qt.CheckState.Checked
        if stays == is_gone(part, self._session.plan):
            actions.toggle(self._session, part)

    def _go(self, item: QListWidgetItem) -> None:
        """Bring a unit's first layer into focus."""
        part, table = item.data(PART), self._session.table
        if table is None or part.kind == "scale":
            return
        layer = next((la.name for la in table.layers if part.holds(la.name)), "")
        if layer:
            self._session.focus_layer(layer)


def parameters_of(table: ChannelTable, part: Part) -> int:
    """Count the parameters of the layers in a unit or branch."""
    cost, pairs = table.coefficients, table.in_counts.astype(int) * table.out_counts
    numbers = [n for n in table.layers_of(part.block) if part.holds(table.layers[n].name)]
    return int(sum(cost[0, n] * pairs[n] + cost[1, n] * table.out_counts[n] for n in numbers))


def _listed(blocks: tuple[int, ...]) -> str:
    if len(blocks) > 2 and blocks[-1] - blocks[0] == len(blocks) - 1:
        return f"blocks {blocks[0]}–{blocks[-1]}"
    word = "block" if len(blocks) == 1 else "blocks"
    return f"{word} {', '.join(map(str, blocks))}"
