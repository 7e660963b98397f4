"""Files dropped anywhere on the window: reports what will happen while they hover, and does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QDragMoveEvent,
    QDropEvent,
    QFont,
    QPainter,
    QPaintEvent,
    QPen,
    QWindow,
)
from PySide6.QtWidgets import QWidget

from app.files.dropped import Dropped, announce, sort_dropped
from app.kit import theme

GAP = 12
"""Pixels between the edge of the window and the frame."""
LEAVE_MS = 80
"""A platform that says leave between two enters must not make the overlay flicker."""


class Opener(Protocol):
    """What takes the files."""

    def open_dropped(self, dropped: Dropped, compare: bool) -> None:
        """Open them, or compare them with the open model."""


class DropOverlay(QWidget):
    """Takes files dropped on any pixel of a window, before the widget under the pointer sees them.

    The platform hands a drag to the native window first. That is where it is caught, so that
    graphs, tables and text fields need not know of files, and keep what else is dragged to them.

    Parameters
    ----------
    window : QWidget
        The window that it covers.
    opener : Opener
    model : callable
        Returns the path of the open model, empty if none is open.
    """

    def __init__(self, window: QWidget, opener: Opener, model: Callable[[], str]) -> None:
        super().__init__(window)
        self._window, self._opener, self._model = window, opener, model
        self._dropped: Dropped | None = None
        self._title = self._more = ""
        self._handle: QWindow | None = None
        self._gone = QTimer(self, singleShot=True, interval=LEAVE_MS)
        self._gone.timeout.connect(self._end)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("What dropping the files will do")
        self.hide()
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    @property
    def texts(self) -> tuple[str, str]:
        """What it says will happen, and what else is possible."""
        return self._title, self._more

    # ---- the window's events ------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take drags of files; everything else continues to the window."""
        kind, kinds = event.type(), QEvent.Type
        if kind in (kinds.Show, kinds.WinIdChange, kinds.PlatformSurface):
            self._watch_handle()
        elif kind == kinds.Resize and self.isVisible():
            self.setGeometry(self._window.rect())
        elif kind == kinds.DragLeave and self._dropped is not None:
            self._gone.start()
            return True
        elif isinstance(event, QDropEvent):  # enter and move are kinds of it
            return self._take(event)
        return False

    def _watch_handle(self) -> None:
        handle = self._window.windowHandle()
        if handle is not None and handle is not self._handle:
            self._handle = handle
            handle.installEventFilter(self)

    def _take(self, event: QDropEvent) -> bool:
        """Welcome, follow or open files; False for what is no file."""
        paths = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        if not paths:
            return False
        copy = Qt.DropAction.CopyAction
        able = bool(event.possibleActions() & copy)
        event.setDropAction(copy if able else event.proposedAction())
        event.accept()
        compare = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._gone.stop()
        if self._dropped is None or set(self._dropped.paths) != set(paths):
            self._dropped = sort_dropped(paths)
        if isinstance(event, QDragMoveEvent):
            self._say(self._dropped, compare)
            return True
        dropped = self._dropped
        self._end()
        self._opener.open_dropped(dropped, compare)
        self._window.raise_()
        self._window.activateWindow()
        return True

    # ---- what shows ---------------------------------------------------------------------------

    def _say(self, dropped: Dropped, compare: bool) -> None:
        texts = announce(dropped, self._model(), compare)
        if self.isVisible() and texts == self.texts:
            return
        self._title, self._more = texts
        self.setAccessibleDescription(f"{self._title}. {self._more}")
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()
        self.update()

    def _end(self) -> None:
        self._dropped = None
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Dim the window, and write what will happen in a frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(theme.colour("window"))
        veil.setAlphaF(0.86)
        painter.fillRect(self.rect(), veil)
        frame = QRectF(self.rect()).adjusted(GAP, GAP, -GAP, -GAP)
        pen = QPen(theme.colour("accent"), 3, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRoundedRect(frame, 14, 14)
        font = QFont(self.font())
        font.setPointSizeF(self.font().pointSizeF() * 1.9)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        inside = frame.adjusted(24, 24, -24, -24)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        box = painter.boundingRect(inside, int(flags), self._title)
        painter.drawText(box, int(flags), self._title)
        font.setPointSizeF(self.font().pointSizeF() * 1.2)
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(theme.colour("muted"))
        below = QRectF(inside.left(), box.bottom() + 10, inside.width(), inside.height() / 3)
        top = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(below, int(top | Qt.TextFlag.TextWordWrap), self._more)
