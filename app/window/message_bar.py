"""Messages in the window: what happened, what to do about it, and buttons to do it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.kit import theme
from app.kit.widgets import label
from app.state.open_model import Message

MOST = 3
COLOURS = {"info": "accent", "success": "success", "warning": "warning", "error": "blocked"}


class MessageRow(QFrame):
    """One message."""

    def __init__(self, message: Message, bar: MessageBar) -> None:
        super().__init__()
        self.message = message
        self.setObjectName("message")
        self.setAccessibleName(f"{message.text} {message.hint}")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 8, 8, 8)
        picture = QLabel()
        colour = theme.colour(COLOURS[message.kind]).name()
        picture.setPixmap(theme.render(message.kind, 20, colour, 2.0))
        words = QVBoxLayout()
        words.setSpacing(2)
        title = label(message.text, "heading")
        title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words.addWidget(title)
        if message.hint:
            words.addWidget(label(message.hint, "muted"))
        layout.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        self.buttons: list[QPushButton] = []
        for text, act in message.actions:
            button = QPushButton(text)
            # Dismiss first: what the button does may raise a message of its own.
            button.clicked.connect(lambda: bar.dismiss(self))
            button.clicked.connect(lambda _=False, a=act: a())
            layout.addWidget(button)
            self.buttons.append(button)
        close = QToolButton()
        theme.set_icon(close, "close", "muted")
        close.setAutoRaise(True)
        close.setToolTip("Dismiss")
        close.setAccessibleName("Dismiss the message")
        close.clicked.connect(lambda: bar.dismiss(self))
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)


class MessageBar(QWidget):
    """The latest messages above the graph."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 6, 6, 0)
        self._layout.setSpacing(6)
        self.hide()

    @property
    def rows(self) -> list[MessageRow]:
        """Messages that show, oldest first."""
        items = (self._layout.itemAt(n) for n in range(self._layout.count()))
        found = [item.widget() for item in items if item is not None]
        return [row for row in found if isinstance(row, MessageRow)]

    def show_message(self, message: Message) -> None:
        """Show a message in the place of its like."""
        for row in self.rows:
            if row.message.text == message.text or (message.key and row.message.key == message.key):
                self.dismiss(row)
        for row in self.rows[: max(0, len(self.rows) - MOST + 1)]:
            self.dismiss(row)
        self._layout.addWidget(MessageRow(message, self))
        self.show()

    def dismiss(self, row: MessageRow) -> None:
        """Take a message away."""
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()
        self.setVisible(bool(self.rows))

    def dismiss_key(self, key: str) -> None:
        """Take the message of this key away, if it shows."""
        for row in self.rows:
            if row.message.key == key:
                self.dismiss(row)
