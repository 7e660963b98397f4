"""The trusted modules in a table, to be looked at again, added to and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QPushButton, QVBoxLayout, QWidget

from app.kit.controls import row
from app.kit.table_model import Column, TableModel
from app.kit.widgets import label, table_view

_COLUMNS: list[Column[Mapping[str, Any]]] = [
    Column("Module", lambda r: str(r["name"])),
    Column("File", lambda r: str(r["file"])),
    Column("SHA-256", lambda r: str(r["sha256"])[:12], hint=lambda r: str(r["sha256"])),
    Column(
        "State",
        lambda r: "Trusted" if r["state"] == "trusted" else "Changed or missing",
        colour=lambda r: "" if r["state"] == "trusted" else "warning",
        hint=lambda r: str(r["state"]),
    ),
]


class ListDialog(QDialog):
    """Lists what is trusted.

    Signals
    -------
    addWanted
        Choose another module.
    lookWanted(dict)
        Show this one again: ``file`` and ``name``.
    removeWanted(str)
        Trust the module in this file no longer.
    """

    addWanted = Signal()
    lookWanted = Signal(dict)
    removeWanted = Signal(str)

    def __init__(self, modules: Sequence[Mapping[str, Any]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Trusted modules")
        self.resize(760, 380)
        self.model = TableModel(_COLUMNS, self)
        self.model.set_rows(modules)
        self.view = table_view(self.model, "Trusted modules", stretch=1)
        self.add = QPushButton("&Add…")
        self.add.clicked.connect(self.accept)
        self.add.clicked.connect(self.addWanted)
        self.look = QPushButton("&Show source…")
        self.look.clicked.connect(self._look)
        self.remove = QPushButton("&Remove")
        self.remove.clicked.connect(self._remove)
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        text = (
            "Python files with layers of your own. One runs when a network that needs it is opened."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.addWidget(label(text if modules else f"{text} None is trusted yet.", "muted"))
        layout.addWidget(self.view, 1)
        layout.addWidget(row(self.add, self.look, self.remove, None, close))
        self.view.selectionModel().selectionChanged.connect(self._enable)
        if modules:
            self.view.selectRow(0)
        self._enable()

    def _chosen(self) -> Mapping[str, Any] | None:
        chosen = self.view.selectionModel().selectedRows()
        return self.model.rows[chosen[0].row()] if chosen else None

    def _enable(self) -> None:
        for button in (self.look, self.remove):
            button.setEnabled(self._chosen() is not None)

    def _look(self) -> None:
        if module := self._chosen():
            self.accept()
            self.lookWanted.emit({"file": module["file"], "name": module["name"]})

    def _remove(self) -> None:
        module = self._chosen()
        if module is None:
            return
        self.removeWanted.emit(str(module["file"]))
        self.model.set_rows([one for one in self.model.rows if one["file"] != module["file"]])
        self._enable()
