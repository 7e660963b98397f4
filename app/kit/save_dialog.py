"""A dialog that asks where something is saved, above what else is asked about it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.kit.controls import row
from app.kit.widgets import label


class SaveDialog(QDialog):
    """Asks for a file; whoever derives from it adds rows to ``form`` and answers `accept`.

    Parameters
    ----------
    title : str
        Of the window.
    what : str
        Is saved, such as ``the report``.
    suggested : Path
    kinds : str
        Of files, as Qt's file dialog takes them.
    action : str
        The word on the button that continues.
    about : str
        What there is to know, beneath the form.

    Attributes
    ----------
    path : QLineEdit
    form : QFormLayout
    go : QPushButton
    """

    def __init__(
        self,
        title: str,
        what: str,
        suggested: Path,
        kinds: str,
        action: str,
        about: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._what, self._kinds = what, kinds
        self.setWindowTitle(title)
        self.path = QLineEdit(str(suggested))
        self.path.setAccessibleName(f"File of {what}")
        self.path.setProperty("field", "true")
        browse = QPushButton("&Browse…")
        browse.setAutoDefault(False)  # Enter in the field continues
        browse.clicked.connect(self._browse)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.addRow("Save as", row(self.path, browse, stretch=0))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = QPushButton(action)
        self.go.setProperty("primary", "true")
        self.buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addLayout(self.form)
        layout.addWidget(label(about, "muted"))
        layout.addWidget(self.buttons)
        # Once it is in the dialog: else Enter in the field would cancel after Tab has been there.
        self.go.setDefault(True)

    def file(self, suffix: str) -> Path:
        """Return the file that is named, with a suffix where it has none."""
        path = Path(self.path.text().strip())
        return path if path.suffix else path.with_suffix(suffix)

    def _browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, f"Save {self._what} as", self.path.text(), self._kinds
        )
        if name:
            self.path.setText(name)
