"""Rows of a table on the clipboard, tab-separated with the headers, as spreadsheets paste them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QHeaderView, QTableView, QTreeView

from core.system.escape import spreadsheet_cell

COPY_ROWS, COPY_TABLE = "Copy rows", "Copy table"
"""Texts of the actions, by which a table's context menu is known."""
ROWS_KEYS, TABLE_KEYS = "Ctrl+C", "Ctrl+Shift+C"
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_MINUS = re.compile("\u2212(?=\\d)")


def offer_copy(view: QTableView | QTreeView) -> None:
    """Give a table its context menu and keys: Ctrl+C copies rows, Ctrl+Shift+C the whole table."""
    for text, keys, selected in ((COPY_ROWS, ROWS_KEYS, True), (COPY_TABLE, TABLE_KEYS, False)):
        action = QAction(text, view)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _=False, only=selected: copy_rows(view, only))
        view.addAction(action)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)


def copy_rows(view: QTableView | QTreeView, selected: bool = False) -> None:
    """Copy the rows as they are shown and sorted now; all of them, or those that are selected.

    Nothing is copied, and the clipboard stays as it is, where no row is selected.
    """
    model = view.model()
    rows = list(_selected(view) if selected else _below(model, QModelIndex()))
    if rows or not selected:
        QGuiApplication.clipboard().setText(table_text(view, rows))


def table_text(view: QTableView | QTreeView, rows: Iterable[QModelIndex]) -> str:
    """Return rows as lines of tab-separated cells, below the headers of the columns.

    Parameters
    ----------
    view : table or tree
        Columns that it hides are left out; those that were moved are where they show.
    rows : iterable of index
        The first cell of every row.
    """
    model, columns = view.model(), _columns(view)
    across = Qt.Orientation.Horizontal
    lines = [[cell_text(model.headerData(number, across)) for number in columns]]
    for first in rows:
        siblings = [first.siblingAtColumn(number) for number in columns]
        lines.append([cell_text(cell.data()) for cell in siblings])
    return "".join("\t".join(line) + "\n" for line in lines)


def cell_text(shown: object) -> str:
    """Write a cell as a spreadsheet reads it: numbers plain, no formula, everything on one line."""
    text = " ".join(str("" if shown is None else shown).split())
    plain = _MINUS.sub("-", text)
    if _GROUPED.fullmatch(plain):
        return plain.replace(",", "")
    return spreadsheet_cell(plain)


def _columns(view: QTableView | QTreeView) -> list[int]:
    header: QHeaderView
    header = view.horizontalHeader() if isinstance(view, QTableView) else view.header()
    places = (header.logicalIndex(place) for place in range(header.count()))
    return [number for number in places if not header.isSectionHidden(number)]


def _selected(view: QTableView | QTreeView) -> Iterator[QModelIndex]:
    """Go through the rows with a selected cell, in the order in which they show."""
    chosen = view.selectionModel()
    for first in _below(view.model(), QModelIndex()):
        if chosen.rowIntersectsSelection(first.row(), first.parent()):
            yield first


def _below(model: QAbstractItemModel, parent: QModelIndex) -> Iterator[QModelIndex]:
    """Go through all rows, those of a tree after the one they belong to."""
    for number in range(model.rowCount(parent)):
        first = model.index(number, 0, parent)
        yield first
        yield from _below(model, first)
