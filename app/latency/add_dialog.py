"""Asks for another device: its address, and what to call it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QWidget

from app.kit.dialogs import size_of_words
from app.kit.widgets import column, label
from core.errors import UserError

ABOUT = (
    "It is reached over SSH, as in a terminal: by the keys, the configuration and the known hosts "
    "of this computer. Nobody is asked for a password. It needs Python 3.8 or newer and "
    "onnxruntime; nothing is installed there, and the weights stay here."
)


class AddDialog(QDialog):
    """Asks for address and name; what is no address or name is said here.

    Signals
    -------
    chosen(str, str)
        Address and name; the name may be empty.

    Parameters
    ----------
    address, name : str
        What is offered first.
    parent : QWidget, optional
    """

    chosen = Signal(str, str)

    def __init__(self, address: str = "", name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a device")
        self.setMinimumWidth(440)
        self.address = _field("Address", address or "ssh://")
        self.address.setToolTip("ssh://user@host, or ssh://user@host:port")
        self.name = _field("Name", name)
        self.name.setPlaceholderText("its host name")
        self.problem = label("", "blocked")
        self.problem.hide()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("&Address", self.address)
        form.addRow("&Name", self.name)
        body = QWidget()
        body.setLayout(form)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = self.buttons.addButton("&Connect", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("primary", "true")
        self.go.setDefault(True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        words = label(ABOUT, "muted")
        self.setLayout(column(body, words, self.problem, self.buttons, margins=16, spacing=12))

    def sizeHint(self) -> QSize:
        """As high as the words need at the least width."""
        return size_of_words(self)

    def accept(self) -> None:
        """Emit the choice and close; what is no address, or no name, stays to be corrected."""
        from core.plan.latency.devices import check_name
        from core.ship.devices.ssh import Address

        text, name = self.address.text().strip(), self.name.text().strip()
        try:
            address = str(Address.parse(text))
            if name:
                check_name(name, address)
        except UserError as error:
            self.problem.setText(f"{error.message} {error.hint}")
            self.problem.show()
            self.resize(self.size().expandedTo(self.sizeHint()))
            return
        super().accept()
        self.chosen.emit(address, name)


def _field(name: str, text: str) -> QLineEdit:
    field = QLineEdit(text)
    field.setProperty("field", "true")
    field.setAccessibleName(name)
    return field
