"""How often every class occurs in every split: a table that is a bar chart too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.kit import theme
from app.kit.table_model import ROW_ROLE, Column, SortedProxy, TableModel
from app.kit.widgets import TableView, column, label, show_markup, table_view

if TYPE_CHECKING:
    from core.data.findings import DatasetCheck

SPLIT_COLOURS = {"train": "accent", "val": "cascade", "test": "coupled"}
BARS = 1
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: objects in each split, in the order of the splits."""

    name: str
    counts: tuple[int, ...]
    most: int


class _Bars(QStyledItemDelegate):
    """A bar for every split, one above the other, as long as the class is frequent."""

    def __init__(self, splits: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self._colours = [SPLIT_COLOURS.get(split, "muted") for split in splits]

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the bars; a class with objects has a bar, however few they are."""
        super().paint(painter, option, index)
        row = index.data(ROW_ROLE)
        place = QRectF(option.rect).adjusted(4, 4, -6, -4)
        high = place.height() / max(len(row.counts), 1)
        for number, count in enumerate(row.counts):
            if count:
                width = max(2.0, place.width() * count / max(row.most, 1))
                bar = QRectF(place.left(), place.top() + number * high, width, max(high - 1, 2))
                painter.fillRect(bar, theme.colour(self._colours[number]))


class ClassTable(QWidget):
    """Classes with their counts.

    Signals
    -------
    picked(str)
        A class was chosen; empty when none is.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.key = label("", wrap=False)
        show_markup(self.key)
        self.view: TableView | None = None
        self._layout = column(self.key, margins=0, spacing=3)
        self._splits: tuple[str, ...] = ()
        self.setLayout(self._layout)

    def set_check(self, check: DatasetCheck | None) -> None:
        """Show the counts of a check of a dataset, as `core.data.check` returns it."""
        if self.view is not None:
            self._layout.removeWidget(self.view)
            self.view.deleteLater()
            self.view = None
        splits = check["splits"] if check is not None else {}
        self._splits = tuple(splits)
        self.restyle()
        if check is None or not splits:
            return
        rows = class_rows(check)
        model: TableModel[ClassRow] = TableModel(self._columns())
        model.set_rows(rows)
        proxy = SortedProxy(model)
        self.view = table_view(proxy, "Objects per class")
        for owned in (model, proxy):
            owned.setParent(self.view)
        self.view.setItemDelegateForColumn(BARS, _Bars(self._splits, self.view))
        header = self.view.horizontalHeader()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(BARS, QHeaderView.ResizeMode.Stretch)
        self.view.sortByColumn(BARS, Qt.SortOrder.DescendingOrder)
        self.view.selectionModel().selectionChanged.connect(self._pick)
        self._layout.addWidget(self.view, 1)

    def _columns(self) -> list[Column[ClassRow]]:
        order = ", ".join(self._splits)
        return [
            Column("Class", lambda row: row.name),
            Column("", lambda row: "", lambda row: sum(row.counts), f"Objects as bars: {order}"),
            Column(
                order,
                lambda row: " · ".join(f"{count:,}" for count in row.counts),
                lambda row: row.counts[0],
                f"Objects in {order}",
                lambda row: "" if row.counts[0] else "warning",
                right=True,
            ),
        ]

    def _pick(self) -> None:
        assert self.view is not None
        rows = self.view.selectionModel().selectedRows()
        self.picked.emit(rows[0].data(ROW_ROLE).name if rows else "")

    def restyle(self) -> None:
        """Explain the bars in the colours of the theme."""
        words = [
            f'<span style="color:{theme.colour(SPLIT_COLOURS.get(split, "muted")).name()}">■</span>'
            f" {split}"
            for split in self._splits
        ]
        muted = theme.colours().muted
        self.key.setText(
            f'<b>Classes</b> &nbsp; <span style="color:{muted}">{" &nbsp; ".join(words)}</span>'
        )


def class_rows(check: DatasetCheck) -> list[ClassRow]:
    """Return every class of a dataset with its objects, also one that has none."""
    counts = [split["classes"] for split in check["splits"].values()]
    names = dict.fromkeys(
        [*check["classes"].values(), *(name for split in counts for name in split)]
    )
    found = {name: tuple(int(split.get(name, 0)) for split in counts) for name in names}
    most = max((count for row in found.values() for count in row), default=0)
    return [ClassRow(name, row, most) for name, row in found.items()]
