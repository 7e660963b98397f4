"""Dialogs, as the window shows them: over its middle, and never larger than the screen."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QDialog, QMessageBox, QWidget

FRAME = 40
"""Pixels of the screen that are left for the title bar."""


def show_dialog(dialog: QDialog) -> None:
    """Show a dialog over its window; it is gone when it closes."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    place(dialog)
    dialog.open()


def size_of_words(dialog: QDialog) -> QSize:
    """Return a hint of size: as high as the words need at the least width."""
    layout, width = dialog.layout(), dialog.minimumWidth()
    return QSize(width, layout.totalHeightForWidth(width) if layout is not None else 0)


def ask(box: QMessageBox) -> int:
    """Ask a question, and wait for the answer."""
    place(box)
    answer = box.exec()
    box.deleteLater()
    return answer


def place(dialog: QWidget) -> None:
    """Put a dialog over the middle of its window, as large as it likes to be and the screen is."""
    parent = dialog.parentWidget()
    if parent is None:
        return
    window = parent.window()
    room = window.screen().availableGeometry().adjusted(0, FRAME, 0, 0)
    dialog.ensurePolished()
    chosen = dialog.testAttribute(Qt.WidgetAttribute.WA_Resized)
    size = dialog.size() if chosen else dialog.sizeHint()
    size = size.expandedTo(dialog.minimumSizeHint()).boundedTo(room.size())
    spot = QRect(QPoint(), size)
    spot.moveCenter(window.geometry().center())
    spot.moveTo(max(room.left(), min(spot.left(), room.right() + 1 - size.width())),
                max(room.top(), min(spot.top(), room.bottom() + 1 - size.height())))  # fmt: skip
    if not isinstance(dialog, QMessageBox):  # whose size is its own affair
        dialog.resize(size)
    dialog.move(spot.topLeft())
