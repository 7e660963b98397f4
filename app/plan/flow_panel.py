"""Who feeds whom, with which widths, and where channels are joined."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.context import Context
from app.kit import theme
from app.kit.table_copy import COPY_TABLE, copy_rows
from app.kit.table_model import ROW_ROLE, SortedProxy, TableModel
from app.kit.widgets import OnScreen, set_widths, table_view
from app.plan.tables import FLOW_COLUMNS, FlowRow, flow_rows


class FlowPanel(OnScreen, QWidget):
    """The channel-flow table of the whole model."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self.model: TableModel[FlowRow] = TableModel(FLOW_COLUMNS, self)
        self.proxy = SortedProxy(self.model, self)
        self.view = table_view(self.proxy, "Channel flow")
        set_widths(self.view, (160, 160, 110))
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter: a block, a type, Concat…")
        self.filter.setAccessibleName("Filter the channel flow")
        self.filter.setClearButtonEnabled(True)
        self.filter.setProperty("field", "true")
        self.filter.textChanged.connect(self.proxy.setFilterFixedString)
        copy = QPushButton(COPY_TABLE)
        theme.set_icon(copy, "copy")
        copy.setToolTip("Copy the shown rows, for a spreadsheet (Ctrl+Shift+C in the table)")
        copy.clicked.connect(lambda: copy_rows(self.view))
        top = QHBoxLayout()
        top.addWidget(self.filter, 1)
        top.addWidget(copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(top)
        layout.addWidget(self.view)
        self._session.modelChanged.connect(self._refresh)
        self._session.predictionChanged.connect(self._refresh)
        self.view.activated.connect(lambda index: self._go(index.data(ROW_ROLE)))
        self._load()

    def _refresh(self) -> None:
        if self.shown:
            self._load()

    def catch_up(self) -> None:
        """Show the widths of now."""
        self._load()

    def _load(self) -> None:
        self.model.set_rows(flow_rows(self._session))

    def _go(self, row: FlowRow) -> None:
        self._session.select({row.target})
