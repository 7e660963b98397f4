"""The devices in a table, to be renamed, measured again and forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.kit import formats
from app.kit.controls import row
from app.kit.table_model import Column, TableModel
from app.kit.widgets import label, table_view
from core.system.visible import visible

if TYPE_CHECKING:
    from app.state.times.devices import Devices
    from core.plan.latency.devices import Device

NONE = "No other device is known yet. Add one that can be reached over SSH."
ABOUT = "Devices whose milliseconds can count. Renaming keeps the tables; forgetting removes them."


def _runtimes(device: Device) -> str:
    there = {name: version for name, version in sorted(device.libraries.items()) if version}
    return ", ".join(f"{name} {version}" for name, version in there.items()) or "none"


def _address(device: Device) -> str:
    return visible(device.address) if device.reachable else "measurement kit"


def _processor(device: Device) -> str:
    return f"{visible(device.processor)}, {formats.counted(device.cores, 'core')}"


def _columns() -> list[Column[Device]]:
    return [
        Column("Name", lambda d: d.name),
        Column("Address", _address),
        Column("Processor", _processor, hint=_processor),
        Column("Runtimes", _runtimes, hint=_runtimes),
        Column("Last measured", lambda d: d.measured[:10] or "never", hint=lambda d: d.measured),
    ]


class DevicesDialog(QDialog):
    """Lists the devices.

    Signals
    -------
    addWanted
    renameWanted(str, str)
        Call the device at this address by that name.
    measureWanted(str)
        Measure the open model on the device at this address again.
    forgetWanted(str)

    Parameters
    ----------
    devices : Devices
    current : str
        Address or name of the one to select first.
    has_model : bool
        Whether there is a model to measure.
    parent : QWidget, optional
    """

    addWanted = Signal()
    renameWanted = Signal(str, str)
    measureWanted = Signal(str)
    forgetWanted = Signal(str)

    def __init__(
        self, devices: Devices, current: str, has_model: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Devices")
        self.resize(820, 380)
        self._devices, self._has_model = devices, has_model
        self._first = devices.find(current)
        self.words = label("", "muted")
        self.model = TableModel(_columns(), self)
        self.view = table_view(self.model, "Devices", stretch=2)
        self.name = QLineEdit()
        self.name.setProperty("field", "true")
        self.name.setAccessibleName("Name of the device")
        self.name.textChanged.connect(self._enable)
        self.name.returnPressed.connect(self._rename)
        self.rename = self._button("&Rename", self._rename)
        self.measure = self._button("&Measure again", self._measure)
        self.forget = self._button("&Forget…", self._forget)
        self.add = self._button("&Add…", self._add)
        close = self._button("Close", self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.addWidget(self.words)
        layout.addWidget(self.view, 1)
        named = label("&Name", wrap=False)
        named.setBuddy(self.name)
        layout.addWidget(row(named, self.name, self.rename, stretch=1))
        layout.addWidget(row(self.add, self.measure, self.forget, None, close))
        self.view.selectionModel().selectionChanged.connect(self._choose)
        devices.changed.connect(self.show_devices)
        self.show_devices()

    def _button(self, text: str, act: object) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)  # Enter in the name renames
        button.clicked.connect(act)
        return button

    # ---- showing ------------------------------------------------------------------------------

    def show_devices(self) -> None:
        """Show the list; the same device stays chosen, whatever it is called now."""
        before = self.chosen or self._first
        known = self._devices.known
        self.model.set_rows(known)
        self.words.setText(ABOUT if known else NONE)
        if known:
            places = [n for n, d in enumerate(known) if before and d.address == before.address]
            self.view.selectRow(places[0] if places else 0)
        self._choose()

    @property
    def chosen(self) -> Device | None:
        """The device in the row that is selected."""
        rows = self.view.selectionModel().selectedRows()
        number = rows[0].row() if rows else -1
        return self.model.rows[number] if 0 <= number < len(self.model.rows) else None

    def _choose(self) -> None:
        device = self.chosen
        self.name.setText("" if device is None else device.name)
        self._enable()

    def _enable(self) -> None:
        device, name = self.chosen, self.name.text().strip()
        self.name.setEnabled(device is not None)
        self.rename.setEnabled(device is not None and name not in ("", device.name))
        self.forget.setEnabled(device is not None)
        problem = ""
        if device is not None and not device.reachable:
            problem = f"{device.name} cannot be reached from here: write a measurement kit for it"
        elif not self._has_model:
            problem = "Open a model to measure"
        self.measure.setEnabled(device is not None and not problem)
        self.measure.setToolTip(problem or "Measure the layers of the open model there again")

    # ---- asking -------------------------------------------------------------------------------

    def _rename(self) -> None:
        device, name = self.chosen, self.name.text().strip()
        if device is not None and self.rename.isEnabled():
            self.renameWanted.emit(device.address, name)

    def _measure(self) -> None:
        if (device := self.chosen) is not None:
            self.accept()
            self.measureWanted.emit(device.address)

    def _forget(self) -> None:
        if (device := self.chosen) is not None:
            self.forgetWanted.emit(device.address)

    def _add(self) -> None:
        self.accept()
        self.addWanted.emit()
