"""Dialogs, as the window shows them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog


def show_dialog(dialog: QDialog) -> None:
    """Show a dialog over its window; it is gone when it closes."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
