"""All keys of the window on one sheet, read from its menus."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QMenu, QMenuBar, QWidget

from app.graph_view.controls.input import GESTURES
from app.kit.table_model import Column, SortedProxy, TableModel
from app.kit.widgets import column, fit_columns, table_view

Line = tuple[str, str, str]


def shortcut_lines(bar: QMenuBar) -> list[Line]:
    """Return menu, action and keys of everything in the menus that has a key, then the graph's."""
    native = QKeySequence.SequenceFormat.NativeText
    lines = [
        (title, plain(action.text()), ", ".join(key.toString(native) for key in action.shortcuts()))
        for title, action in _walk(bar.actions(), "")
        if action.shortcuts()
    ]
    return [*lines, *(("Graph", what, keys) for keys, what in GESTURES)]


def _walk(actions: list[QAction], title: str) -> Iterator[tuple[str, QAction]]:
    for action in actions:
        menu = action.menu()
        if isinstance(menu, QMenu):
            yield from _walk(menu.actions(), title or plain(action.text()))
        else:
            yield title, action


def plain(text: str) -> str:
    """Return a menu's text without its mark-up."""
    return text.replace("&", "").removesuffix("…").strip()


class ShortcutSheet(QDialog):
    """The sheet.

    Parameters
    ----------
    bar : QMenuBar
    parent : QWidget
    """

    def __init__(self, bar: QMenuBar, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        columns: list[Column[Line]] = [
            Column("Where", lambda line: line[0]),
            Column("What", lambda line: line[1]),
            Column("Keys", lambda line: line[2]),
        ]
        self.model: TableModel[Line] = TableModel(columns, self)
        self.model.set_rows(shortcut_lines(bar))
        view = table_view(SortedProxy(self.model, self), "Keyboard shortcuts")
        view.sortByColumn(-1, view.horizontalHeader().sortIndicatorOrder())
        fit_columns(view)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        self.setLayout(column(view, close))
        self.resize(640, 520)
