"""What follows from the plan, layer by layer with its reason; a part of the panel “Inspector”."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from app.context import Context
from app.kit import formats, theme
from app.kit.widgets import WrappedTree, column, label
from app.plan.conflicts.finder import KINDS, ConflictFinder

if TYPE_CHECKING:
    from core.plan.blocked import Blocked
    from core.plan.why.conflicts import Conflict

LAYER = Qt.ItemDataRole.UserRole
COUNTED = {"scale": "scales", "classes": "classes"}
"""What a conflict counts, where that is not channels."""
MOST = 60
"""So many layers are listed; the rest is counted, and listed in “Conflicts”."""


class CascadePart(QWidget):
    """Counts and lists what the plan changes beyond the selection, in the order of the network.

    Parameters
    ----------
    context : Context
    finder : ConflictFinder
    """

    def __init__(self, context: Context, finder: ConflictFinder) -> None:
        super().__init__()
        self._session, self._finder = context.session, finder
        self._listed: tuple[Conflict, ...] = ()
        self._marked: int | None = None
        self.title = label("", "heading")
        self.blocked = label("", "blocked")
        self.tree = WrappedTree()
        self.tree.setRootIsDecorated(False)
        self.tree.setMinimumHeight(120)
        self.tree.setAccessibleName("What follows from the plan")
        self.tree.itemActivated.connect(self._go)
        self.tree.itemClicked.connect(self._go)
        self.setLayout(column(self.title, self.blocked, self.tree, margins=0))
        context.theme.changed.connect(self._restyle)

    def show_cascade(self) -> None:
        """Show what follows from the plan as it is."""
        conflicts, blocked = self._finder.conflicts, self._finder.blocked
        self.setVisible(bool(conflicts or blocked))
        self.title.setVisible(bool(conflicts))
        self.title.setText(self._heading(len(conflicts)))
        self.blocked.setVisible(bool(blocked))
        self.blocked.setText(
            f"{formats.counted(len(blocked), 'entry', 'entries')} of the plan cannot be done"
            f"{_in_full(blocked)}: see Conflicts."
        )
        self.tree.setVisible(bool(conflicts))
        if conflicts is not self._listed:
            self._listed = conflicts
            self._fill(conflicts)
        self._mark()

    @staticmethod
    def _heading(count: int) -> str:
        return f"{formats.counted(count, 'layer')} adjusted by Secateur"

    def _fill(self, conflicts: tuple[Conflict, ...]) -> None:
        keep = self.tree.verticalScrollBar().value()
        self.tree.clear()
        self.tree.addTopLevelItems([_item(conflict) for conflict in conflicts[:MOST]])
        if len(conflicts) > MOST:
            more = QTreeWidgetItem([f"{len(conflicts) - MOST} more: see Conflicts"])
            more.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.tree.addTopLevelItem(more)
        self.tree.expandAll()
        self._marked = None
        self.tree.verticalScrollBar().setValue(keep)

    def _restyle(self) -> None:
        """Take on the colours of the theme."""
        self._fill(self._listed)
        self._mark()

    def _mark(self) -> None:
        """Set the layers of the block in focus in bold, and scroll to the first."""
        model, here = self._session.model, self._session.focused
        if model is None or here == self._marked:
            return
        self._marked, first = here, None
        for number, conflict in enumerate(self._listed[:MOST]):
            item = self.tree.topLevelItem(number)
            if item is None:
                break
            own = here is not None and model.predictor.block_of(conflict.layer) == here
            font = item.font(0)
            font.setBold(own)
            item.setFont(0, font)
            first = item if own and first is None else first
        if first is not None and not self.tree.hasFocus():
            self.tree.scrollToItem(first, QTreeWidget.ScrollHint.PositionAtTop)

    def _go(self, item: QTreeWidgetItem) -> None:
        layer = item.data(0, LAYER)
        if layer:
            self._session.focus_layer(layer)


def _item(conflict: Conflict) -> QTreeWidgetItem:
    what = COUNTED.get(conflict.kind, "channels")
    head = f"{conflict.layer}: {formats.widths(conflict.expected, conflict.got)} {what}"
    item, reason = QTreeWidgetItem([head]), QTreeWidgetItem([conflict.reason])
    item.setToolTip(0, f"Without Secateur: {KINDS.get(conflict.kind, conflict.kind)}")
    reason.setForeground(0, theme.colour("muted"))
    reason.setToolTip(0, conflict.reason)
    for row in (item, reason):
        row.setData(0, LAYER, conflict.layer)
    item.addChild(reason)
    return item


def _in_full(blocked: Sequence[Blocked]) -> str:
    return " in full" if all(refused.partly for refused in blocked) else ""
