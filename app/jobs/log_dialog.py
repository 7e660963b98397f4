"""The events of a long job, and what its libraries printed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from core.runs.folder import EVENTS, LOG
from core.runs.tail import RunEntry

SHOWN = 128 * 1024
"""Bytes from the end of a file; a long training tells far more than anybody reads."""


class JobLogDialog(QDialog):
    """Events, settings and log of a job, each under a tab; read once, when it opens."""

    def __init__(self, entry: RunEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        folder = Path(entry.folder)
        self.setWindowTitle(f"{entry.title}: log of the {entry.noun}")
        self.resize(860, 560)
        self.tabs = QTabWidget()
        settings = {"folder": entry.folder, "state": entry.state, **entry.arguments}
        for title, words in (
            ("&Events", tail_of(folder / EVENTS) or "No messages yet."),
            ("&Printed", tail_of(folder / LOG) or "No output."),
            ("&Settings", json.dumps(settings, indent=1, ensure_ascii=False)),
        ):
            self.tabs.addTab(_page(words, title.replace("&", "")), title)
        if entry.state == "failed":
            self.tabs.setCurrentIndex(1)
        show = QPushButton("Show &folder")
        show.setToolTip(entry.folder)
        show.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
        copy = QPushButton("&Copy")
        copy.clicked.connect(self._copy)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(show)
        buttons.addWidget(copy)
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.tabs)
        layout.addLayout(buttons)

    @property
    def words(self) -> str:
        """The text of the tab in front."""
        page = self.tabs.currentWidget()
        assert isinstance(page, QPlainTextEdit)
        return page.toPlainText()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.words)


def _page(words: str, name: str) -> QPlainTextEdit:
    page = QPlainTextEdit(words)
    page.setReadOnly(True)
    page.setAccessibleName(name)
    page.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    page.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    page.verticalScrollBar().setValue(page.verticalScrollBar().maximum())
    return page


def tail_of(path: Path, most: int = SHOWN) -> str:
    """Return the end of a text file, in whole lines; empty if there is none."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - most))
            data = stream.read()
    except OSError:
        return ""
    if size > most:
        data = "… earlier lines are in the file\n".encode() + data[data.find(b"\n") + 1 :]
    return data.decode("utf-8", errors="replace").rstrip()
