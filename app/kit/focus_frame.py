"""A frame around the control that has the keyboard, for whoever uses the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QTextEdit,
    QWidget,
)
from shiboken6 import isValid

from app.kit import theme
from app.kit.widgets import WrappedTree

OWN = (QAbstractItemView, QPlainTextEdit, QTextEdit)
"""They show where the keyboard is by a row or a cursor, but for a tree of texts."""


class FocusFrame(QObject):
    """Follows the keyboard from control to control; the mouse takes it away.

    Parameters
    ----------
    window : QWidget
        It lasts as long as this.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._frame: _Frame | None = None
        self._control: QWidget | None = None
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._follow)

    def _follow(self, _: QWidget | None, now: QWidget | None) -> None:
        if self._control is not None and isValid(self._control):
            self._control.removeEventFilter(self)
        self._control = now if now is not None and _wants_frame(now) else None
        if self._control is not None:
            self._control.installEventFilter(self)
        self._put()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay around the control."""
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Hide):
            self._put()
        return False

    def _put(self) -> None:
        control = self._control
        parent = control.parentWidget() if control is not None and isValid(control) else None
        if control is None or parent is None or not control.isVisible():
            if self._frame is not None and isValid(self._frame):
                self._frame.hide()
            return
        if self._frame is None or not isValid(self._frame):
            self._frame = _Frame(parent)
        if self._frame.parentWidget() is not parent:
            self._frame.setParent(parent)
        self._frame.setGeometry(control.geometry().adjusted(-2, -2, 2, 2))
        self._frame.show()
        self._frame.raise_()


def _wants_frame(control: QWidget) -> bool:
    by_key = control.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
    whole = isinstance(control.parentWidget(), (QSplitter, QStackedWidget))
    own = isinstance(control, OWN) and not isinstance(control, WrappedTree)
    own = own or control.objectName() == "graphView"
    return by_key and not own and not whole


class _Frame(QWidget):
    """What is drawn; it lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -2, -2), 4, 4)
