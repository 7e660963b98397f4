"""Whose milliseconds count: a part of the panel “Latency”."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QWidget

from app.context import Context
from app.kit import formats
from app.kit.controls import add_items, choose, combo
from app.kit.widgets import Elided
from core.system.visible import visible

TIP = "Milliseconds in the graph, the scorecard and the goal are those of this device"


class DevicePart(QWidget):
    """Chooses a device, and says what is known of it.

    Signals
    -------
    deviceChosen(str)
        By its address; this computer when empty.
    addWanted, manageWanted
    """

    deviceChosen = Signal(str)
    addWanted = Signal()
    manageWanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._devices = context.session, context.session.devices
        self._shown: tuple[object, ...] = ()
        self.box: QComboBox = combo({}, "Device whose milliseconds count")
        self.box.setMinimumContentsLength(16)
        self.box.activated.connect(self._chose)
        self.add = QPushButton("Add de&vice…")
        self.add.setToolTip("A computer or board that can be reached over SSH")
        self.add.clicked.connect(self.addWanted)
        self.manage = QPushButton("Mana&ge devices…")
        self.manage.setToolTip("Rename devices, measure them again, forget them")
        self.manage.clicked.connect(self.manageWanted)
        self.about = Elided("muted")
        title = QLabel("&On")
        title.setBuddy(self.box)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (title, self.box, self.add, self.manage):
            layout.addWidget(part)
        layout.addWidget(self.about, 1)
        for signal in (
            self._devices.changed,
            self._session.modelChanged,
            self._session.planChanged,
            self._session.measured.clockChanged,
            self._session.shipped.runtimesChanged,
        ):
            signal.connect(self.show_devices)
        self.show_devices()

    # ---- showing ------------------------------------------------------------------------------

    def show_devices(self) -> None:
        """Show the devices, and the one that the plan names."""
        known, wanted = self._devices.known, self._session.plan.device
        device = self._devices.find(wanted)
        current = wanted if device is None else device.address
        if (known, current) != self._shown:
            self._shown = known, current
            self.box.clear()
            add_items(self.box, {"": ("This computer", TIP)})
            add_items(self.box, {d.address: (d.name, visible(d.address)) for d in known})
            if current and device is None:
                name = f"{self._devices.name_of(current)} (unknown)"
                add_items(self.box, {current: (name, "The plan names this device")})
            choose(self.box, current)
        words = self._words()
        self.about.set_whole(words, words)
        self.box.setEnabled(self._session.model is not None)

    def _words(self) -> str:
        """Describe the device, and what is missing."""
        session = self._session
        wanted, clock = session.plan.device, session.measured.clock
        device = self._devices.find(wanted)
        if wanted and device is None:
            return "Not known on this computer: add it, or choose another device."
        if clock is not None:
            about = clock.latency.about
            return f"{visible(str(about.get('device', '')))}, {formats.timed_how(about)}"
        if session.model is None:
            return ""
        if device is None:
            return "No latency table of this model yet: press Measure layers."
        there = f"{visible(device.processor)}, {formats.counted(device.cores, 'core')}."
        if not device.reachable:
            return f"{there} No latency table of this model yet: write a measurement kit."
        return f"{there} No latency table of this model yet: press Measure layers."

    # ---- asking -------------------------------------------------------------------------------

    def _chose(self, number: int) -> None:
        self.deviceChosen.emit(str(self.box.itemData(number) or ""))
