"""The table of blocks; one selection with the graph."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QItemSelectionModel
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.kit.table_model import ROW_ROLE, SortedProxy, TableModel
from app.kit.widgets import OnScreen, column, set_widths, table_view
from app.plan.tables import block_columns
from core.graph.table import Block

WIDTHS = (58, 96, 84, 84, 100, 100, 92, 108, 110)


class BlocksPanel(OnScreen, QWidget):
    """Every block with its widths and cost."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self.model: TableModel[Block] = TableModel(block_columns(context.session), self)
        self.proxy = SortedProxy(self.model, self)
        self.view = table_view(self.proxy, "Blocks of the model", multiple=True)
        set_widths(self.view, WIDTHS)
        self.setLayout(column(self.view, margins=4))
        self.setFocusProxy(self.view)
        session = context.session
        session.modelChanged.connect(self._load)
        session.predictionChanged.connect(self._refresh)
        session.selectionChanged.connect(self._show_selection)
        self.view.selectionModel().selectionChanged.connect(self._selected)
        self._load()

    def _load(self) -> None:
        table = self._session.table
        self.model.set_rows(table.blocks if table else ())

    def _refresh(self) -> None:
        if self.shown:
            self.model.refresh()

    def catch_up(self) -> None:
        """Read everything again."""
        self.model.refresh()

    def _chosen(self) -> frozenset[int]:
        rows = self.view.selectionModel().selectedRows()
        return frozenset(row.data(ROW_ROLE).index for row in rows)

    def _selected(self) -> None:
        chosen = self._chosen()
        if chosen != self._session.selection:
            current = self.view.currentIndex()
            self._session.select(chosen)
            block = current.data(ROW_ROLE)
            if block is not None and block.index in chosen:
                self._session.select({block.index}, "add")

    def _show_selection(self) -> None:
        wanted = self._session.selection
        if wanted == self._chosen():
            return
        chosen = QItemSelection()
        last = self.proxy.columnCount() - 1
        focus = None
        for row in range(self.proxy.rowCount()):
            index = self.proxy.index(row, 0)
            block = index.data(ROW_ROLE).index
            if block in wanted:
                chosen.select(index, self.proxy.index(row, last))
                if focus is None or block == self._session.focused:
                    focus = index
        flags = QItemSelectionModel.SelectionFlag
        model = self.view.selectionModel()
        if focus is not None:
            model.setCurrentIndex(focus, flags.NoUpdate)
            self.view.scrollTo(focus)
        model.select(chosen, flags.ClearAndSelect)
