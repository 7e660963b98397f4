"""What is remembered between starts, to be changed in one place."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from app.context import Context
from app.data.source_part import DEVICES
from app.kit.controls import choose, combo, row

APPEARANCES = {
    "system": ("Like the system", "Follow the system's colours"),
    "light": ("Light", "Always light"),
    "dark": ("Dark", "Always dark"),
}


class Preferences(QDialog):
    """Appearance, folder, device and notifications; what is changed holds at once.

    Parameters
    ----------
    context : Context
    parent : QWidget
    """

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings, self._theme = context.settings, context.theme
        self.setWindowTitle("Preferences")
        self.appearance: QComboBox = combo(APPEARANCES, "Appearance")
        choose(self.appearance, self._settings.appearance())
        self.appearance.activated.connect(self._set_appearance)
        self.folder = QLineEdit(self._settings.folder())
        self.folder.setAccessibleName("Folder in which file dialogs start")
        self.folder.editingFinished.connect(lambda: self._settings.set_folder(self.folder.text()))
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        self.device: QComboBox = combo(DEVICES, "Device for new datasets")
        choose(self.device, self._settings.device())
        self.device.activated.connect(
            lambda _: self._settings.set_device(str(self.device.currentData()))
        )
        self.notify = QCheckBox("&Notify when something long has ended")
        self.notify.setToolTip("On the desktop, while no window of Secateur is in front")
        self.notify.setChecked(self._settings.notifications())
        self.notify.toggled.connect(self._settings.set_notifications)
        forget = QPushButton("Clear recent files")
        forget.clicked.connect(lambda: self._settings.forget_recent())
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow("&Appearance", self.appearance)
        form.addRow("&Folder for files", row(self.folder, browse, stretch=0))
        form.addRow("&Device", self.device)
        form.addRow("", self.notify)
        form.addRow("", forget)
        form.addRow(close)
        self.resize(480, self.sizeHint().height())

    def _set_appearance(self) -> None:
        name = str(self.appearance.currentData())
        self._settings.set_appearance(name)
        self._theme.set_appearance(name)

    def _browse(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Choose a folder", self.folder.text())
        if path:
            self.folder.setText(path)
            self._settings.set_folder(path)
