"""What the desktop does for the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def open_file(path: Path) -> None:
    """Open a file or folder by the program that the user uses for it."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
