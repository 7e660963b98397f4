"""A frame around the control that has the keyboard, for whoever uses the keyboard."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFocusFrame,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from app.kit import theme

OWN = (QAbstractItemView, QPlainTextEdit, QTextEdit)
"""They show where the keyboard is by a row or a cursor."""


class FocusFrame(QFocusFrame):
    """Follows the keyboard from control to control; the mouse takes it away.

    Parameters
    ----------
    window : QWidget
        The window whose controls it is for, and of its dialogs.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._follow)

    def _follow(self, _: QWidget | None, now: QWidget | None) -> None:
        shown = now is not None and not isinstance(now, OWN) and now.objectName() != "graphView"
        by_key = Qt.WidgetAttribute.WA_KeyboardFocusChange
        if now is not None and shown and now.window().testAttribute(by_key):
            self.setWidget(now)
        else:
            self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 4, 4)
