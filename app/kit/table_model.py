"""Tables as Qt models: columns are data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor

from app.kit import theme
from app.kit.qt_guard import guarded

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
SORT_ROLE = Role.UserRole
ROW_ROLE = Role.UserRole + 1
NO_PARENT = QModelIndex()


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column.

    Attributes
    ----------
    show : callable
        The text of a row.
    value : callable, optional
        What to sort by; the text otherwise.
    tip : str
        What the column means, in plain words.
    colour : callable, optional
        Name of the theme colour of a row's text, or "".
    right : bool
        Whether numbers are flushed right.
    hint : callable, optional
        The tip of a cell; its text otherwise.
    """

    title: str
    show: Callable[[Row], str]
    value: Callable[[Row], object] | None = None
    tip: str = ""
    colour: Callable[[Row], str] | None = None
    right: bool = False
    hint: Callable[[Row], str] | None = None


class TableModel(QAbstractTableModel, Generic[Row]):
    """Rows shown through columns; read-only."""

    def __init__(self, columns: Sequence[Column[Row]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.rows: list[Row] = []

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows; the same number of rows keeps selection and scroll position."""
        rows = list(rows)
        if len(rows) == len(self.rows):
            self.rows = rows
            self.refresh()
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def refresh(self) -> None:
        """Read every value again."""
        if self.rows:
            last = self.index(len(self.rows) - 1, len(self.columns) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        """Number of rows."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        """Number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    @guarded
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> object:
        """Title and explanation of a column."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        tip = f"{column.title}\n{column.tip}".strip()
        answers = {Role.DisplayRole: column.title, Role.ToolTipRole: tip}
        if role == Role.TextAlignmentRole:
            return _side(column)
        return answers.get(Role(role)) if role in answers else None

    @guarded
    def data(self, index: Index, role: int = Role.DisplayRole) -> object:
        """Everything about one cell."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row, column = self.rows[index.row()], self.columns[index.column()]
        answer = _ANSWERS.get(role)
        return answer(row, column) if answer else None


def _side(column: Column[Row]) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _colour(row: Row, column: Column[Row]) -> QColor | None:
    name = column.colour(row) if column.colour else ""
    return theme.colour(name) if name else None


# A row is of any type here; column and row come from one model and fit each other.
_ANSWERS: dict[int, Callable[[Any, Column[Any]], object]] = {
    Role.DisplayRole: lambda row, column: column.show(row),
    Role.ToolTipRole: lambda row, column: (column.hint or column.show)(row),
    Role.AccessibleTextRole: lambda row, column: f"{column.title}: {column.show(row)}",
    Role.TextAlignmentRole: lambda row, column: _side(column),
    Role.ForegroundRole: _colour,
    SORT_ROLE: lambda row, column: column.value(row) if column.value else column.show(row),
    ROW_ROLE: lambda row, column: row,
}


class SortedProxy(QSortFilterProxyModel):
    """Sorts by value and filters by words in any column."""

    def __init__(self, source: QAbstractTableModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setSortRole(SORT_ROLE)
        self.setFilterKeyColumn(-1)
        self.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setSourceModel(source)
