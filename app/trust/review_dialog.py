"""A module as it would run, and the question whether to trust it. No is the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.kit.controls import row
from app.kit.widgets import label
from core.system.visible import visible

CHANGED = "It has changed since you trusted it."
WARNING = (
    "The code below runs with your permissions whenever a network that needs it is opened. Trust "
    "it only if you know where it comes from. You are asked again when its content changes."
)


class ReviewDialog(QDialog):
    """Shows a module's file, hash, classes and source; accepted when the user trusts it.

    Parameters
    ----------
    found : mapping
        What the engine's ``review_module`` returned.
    parent : QWidget, optional
    """

    def __init__(self, found: Mapping[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Trust a module")
        self.resize(820, 640)
        classes = ", ".join(map(str, found["classes"])) or "none"
        facts = QFormLayout()
        self.facts: dict[str, QLineEdit] = {}
        for title, text in (
            ("File", str(found["file"])),
            ("Imported as", str(found["name"])),
            ("SHA-256", str(found["sha256"])),
            ("Classes", classes),
        ):
            self.facts[title] = _line(text)
            self.facts[title].setAccessibleName(title)
            facts.addRow(f"{title}:", self.facts[title])
        self.source = QPlainTextEdit()
        self.source.setPlainText(str(found["text"]))
        self.source.setReadOnly(True)
        self.source.setTabChangesFocus(True)
        self.source.setAccessibleName("Source of the module")
        self.source.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.source.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.trust = QPushButton("&Trust this module")
        self.trust.setAutoDefault(False)
        self.trust.clicked.connect(self.accept)
        self.refuse = QPushButton("&Do not trust")
        self.refuse.setDefault(True)
        self.refuse.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.addWidget(label("Trust this Python module?", "heading"))
        if found["state"] == "changed":
            layout.addWidget(label(CHANGED, "blocked"))
        layout.addWidget(label(WARNING, "muted"))
        layout.addLayout(facts)
        layout.addWidget(self.source, 1)
        layout.addWidget(row(None, self.trust, self.refuse))
        self.refuse.setFocus()


def _line(text: str) -> QLineEdit:
    """Return a line that shows words from a file as they are, whatever marks are in them."""
    line = QLineEdit(visible(text))
    line.setReadOnly(True)
    line.setCursorPosition(0)
    return line
