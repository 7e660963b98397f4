"""A network from its description, by the name that Ultralytics gives it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QPushButton,
    QWidget,
)

from app.files.stock import stock_models
from app.kit.controls import row
from app.kit.widgets import column, label

DESCRIPTIONS = "Descriptions (*.yaml *.yml)"
FIRST = "yolo11n.yaml"


class NewDialog(QDialog):
    """Asks for a name, or a file.

    Parameters
    ----------
    folder : str
        Where the choice of a file starts.
    parent : QWidget
    """

    def __init__(self, folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.setWindowTitle("New from description")
        self.name = QComboBox()
        self.name.setEditable(True)
        self.name.addItems(stock_models())
        self.name.setCurrentText(FIRST)
        self.name.setAccessibleName("Name of the description")
        completer = QCompleter(list(stock_models()), self.name)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.name.setCompleter(completer)
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        words = "A network with untrained weights, by its name in Ultralytics or from a YAML file."
        self.setLayout(column(label(words), row(self.name, browse, stretch=0), self.buttons))
        self.name.currentTextChanged.connect(self._enable)
        field = self.name.lineEdit()
        if field is not None:
            field.selectAll()
        self.resize(460, self.sizeHint().height())

    @property
    def chosen(self) -> str:
        """The name or the path."""
        return self.name.currentText().strip()

    def _enable(self) -> None:
        open_ = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        open_.setEnabled(self.chosen.lower().endswith((".yaml", ".yml")))

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a description", self._folder, DESCRIPTIONS
        )
        if path:
            self.name.setCurrentText(path)
