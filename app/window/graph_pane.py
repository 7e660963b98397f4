"""The middle of the window: messages, search, and the graph or the empty page."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.kit import theme
from app.welcome.start_page import StartPage
from app.window.graph_binding import GraphHost
from app.window.message_bar import MessageBar

LEAST = QSize(400, 130)
"""Room for the graph, in pixels: at 200% scale, a window may have no more than 800 × 500."""


class SearchBar(QWidget):
    """Finds blocks in the graph; Enter goes from one to the next."""

    def __init__(self, context: Context, host: GraphHost) -> None:
        super().__init__()
        self._session, self._host = context.session, host
        self._found: list[int] = []
        self._place = -1
        self.field = QLineEdit(placeholderText="Find a block: index, type or layer")
        self.field.setAccessibleName("Find a block")
        self.field.setClearButtonEnabled(True)
        self.field.setProperty("field", "true")
        self.count = QLabel()
        close = QToolButton(autoRaise=True)
        theme.set_icon(close, "close", "muted")
        close.setToolTip("Close the search (Escape)")
        close.setAccessibleName("Close the search")
        close.clicked.connect(self.close_search)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        for part in (self.field, self.count, close):
            layout.addWidget(part)
        self.field.textChanged.connect(self._search)
        self.field.returnPressed.connect(self._next)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self.close_search)
        self._session.modelChanged.connect(self.close_search)
        self.hide()

    def open_search(self) -> None:
        """Show the field and type into it."""
        self.show()
        self.field.setFocus()
        self.field.selectAll()

    def close_search(self) -> None:
        """Hide the field and end the search."""
        if not self.isHidden():
            self.hide()
            self.field.clear()
            self._host.view.setFocus()

    def _search(self, text: str) -> None:
        self._found = self._host.view.search(text)
        self._place = -1
        self.count.setText(f"{len(self._found)} found" if text else "")

    def _next(self) -> None:
        if self._found:
            self._place = (self._place + 1) % len(self._found)
            block = self._found[self._place]
            self.count.setText(f"{self._place + 1} of {len(self._found)}")
            self._session.select({block})
            self._host.view.focus_block(block)


class GraphPane(QWidget):
    """Stacks what the middle shows."""

    def __init__(self, context: Context, host: GraphHost) -> None:
        super().__init__()
        self._session, self._host = context.session, host
        self.messages = MessageBar(self)
        self.search = SearchBar(context, host)
        self.start_page = StartPage(context)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.start_page)
        self.stack.setMinimumSize(LEAST)  # else the start page would ask for its width for good
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for part in (self.search, self.stack):
            layout.addWidget(part)
        layout.setStretchFactor(self.stack, 1)
        self._session.modelChanged.connect(self._show)
        self._session.messageRaised.connect(self.messages.show_message)
        self._session.messageWithdrawn.connect(self.messages.dismiss_key)

    def _show(self) -> None:
        if self._session.model is None:
            self.stack.setCurrentWidget(self.start_page)
            return
        view = self._host.view
        if self.stack.indexOf(view) < 0:
            self.stack.addWidget(view)
            zoom = view.zoom_control
            order = (self.search.field, view, zoom.out, zoom.percent, zoom.enlarge, zoom.whole)
            for before, after in pairwise(order):
                QWidget.setTabOrder(before, after)
        self.stack.setCurrentWidget(view)
