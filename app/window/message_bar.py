"""Messages in the window: what happened, what to do about it, and buttons to do it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt, QTime, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.engine.hints import in_window
from app.kit import theme
from app.kit.dialogs import show_dialog
from app.kit.widgets import column, label
from app.state.open_model import Message

MOST = 8
"""Messages that may wait below the one in view."""
LOGGED = 300
WIDEST = 860
"""Pixels; longer lines are hard to read."""
LIFE_MS = 12_000
LASTING = ("recovery",)
"""Keys of messages that are about no model, and stay when another one is opened."""
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
        self._more = QToolButton()
        self._more.setAutoRaise(True)
        self._more.setToolTip("Show all messages")
        self._more.clicked.connect(bar.show_log)
        layout.addWidget(self._more, 0, Qt.AlignmentFlag.AlignTop)
        close = QToolButton()
        theme.set_icon(close, "close", "muted")
        close.setAutoRaise(True)
        close.setToolTip("Dismiss")
        close.setAccessibleName("Dismiss the message")
        close.clicked.connect(lambda: bar.dismiss(self))
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

    def set_waiting(self, count: int) -> None:
        """Describe how many messages wait below this one."""
        self._more.setText(f"{count} more")
        self._more.setVisible(count > 0)


class MessageBar(QWidget):
    """The message of the moment above the graph, and a log of all.

    One message is in view: the latest that is not dismissed, superseded or expired. Those below it
    come back when it goes. What needs no answer expires automatically.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        if parent is not None:
            parent.installEventFilter(self)
        self.log: deque[tuple[QTime, Message]] = deque(maxlen=LOGGED)
        self._waiting: list[Message] = []
        self._row: MessageRow | None = None
        self._life = QTimer(self, singleShot=True)
        self._life.timeout.connect(self._expire)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 6, 6, 0)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the top of the parent when its size changes."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        """Lie over the top of the parent: what comes and goes must not move the graph."""
        parent = self.parentWidget()
        if parent is not None and self._row is not None:
            width = min(parent.width(), WIDEST)
            sides = self._layout.contentsMargins()
            self._row.ensurePolished()
            inside = self._row.heightForWidth(width - sides.left() - sides.right())
            inside = inside if inside > 0 else self._row.sizeHint().height()
            height = inside + sides.top() + sides.bottom()
            self.setGeometry((parent.width() - width) // 2, 0, width, height)
            self.raise_()

    @property
    def rows(self) -> list[MessageRow]:
        """The message in view, if there is one."""
        return [] if self._row is None else [self._row]

    @property
    def waiting(self) -> int:
        """Messages that come back when the one in view goes."""
        return max(0, len(self._waiting) - 1)

    def show_message(self, message: Message) -> None:
        """Show a message, in the words of the window, instead of a similar one."""
        message = replace(message, text=in_window(message.text), hint=in_window(message.hint))
        self.log.append((QTime.currentTime(), message))
        self._waiting = [m for m in self._waiting if not (_expires(m) or _alike(m, message))]
        self._waiting = [*self._waiting[-MOST:], message]
        self._show()

    def dismiss(self, row: MessageRow) -> None:
        """Take a message away."""
        self._drop(lambda message: message is row.message)

    def dismiss_key(self, key: str) -> None:
        """Take the message of this key away; an empty key represents all about the open model."""
        self._drop(lambda message: message.key == key if key else message.key not in LASTING)

    def show_log(self) -> None:
        """Show what was said so far, the latest first."""
        show_dialog(MessageLog(self.log, self.window()))

    def _drop(self, goes: Callable[[Message], bool]) -> None:
        self._waiting = [message for message in self._waiting if not goes(message)]
        self._show()

    def _expire(self) -> None:
        if self._row is not None and self._row.underMouse():
            self._life.start()  # it is being read
        elif self._row is not None:
            self.dismiss(self._row)

    def _show(self) -> None:
        message = self._waiting[-1] if self._waiting else None
        if self._row is not None and self._row.message is message:
            self._row.set_waiting(self.waiting)
            return
        if self._row is not None:
            self._layout.removeWidget(self._row)
            self._row.hide()
            self._row.deleteLater()
            self._row = None
        self._life.stop()
        if message is not None:
            self._row = MessageRow(message, self)
            self._row.set_waiting(self.waiting)
            self._layout.addWidget(self._row)
            if _expires(message):
                self._life.start(LIFE_MS)
        self.setVisible(message is not None)
        self._place()


def _expires(message: Message) -> bool:
    """Whether a message asks for nothing, and so goes automatically."""
    return message.kind in ("info", "success") and not message.actions


def _alike(one: Message, other: Message) -> bool:
    return one.text == other.text or bool(one.key and one.key == other.key)


class MessageLog(QDialog):
    """All messages so far, the latest first.

    Parameters
    ----------
    log : iterable of (QTime, Message)
    parent : QWidget
    """

    def __init__(self, log: Iterable[tuple[QTime, Message]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Messages")
        self.list = QListWidget()
        self.list.setAccessibleName("Messages, the latest first")
        self.list.setWordWrap(True)
        self.list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        for when, message in reversed(list(log)):
            words = f"{when.toString('HH:mm')}  {message.text} {message.hint}".strip()
            icon = theme.render(message.kind, 16, theme.colour(COLOURS[message.kind]).name(), 2.0)
            QListWidgetItem(QIcon(icon), words, self.list)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        self.setLayout(column(self.list, close))
        self.resize(640, 420)
