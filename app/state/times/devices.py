"""The devices whose milliseconds are known, by name; this computer is none of them.

A part of the session. Views subscribe; the list itself is on disk, shared with the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from core.system.visible import visible

if TYPE_CHECKING:
    from core.plan.latency.devices import Device

HERE = "this computer"
BRIEF = 18
"""Letters of a name that stand next to figures."""


class Devices(QObject):
    """Other devices.

    A device is meant by its address or its name, as in a plan; this computer by an empty text.

    Attributes
    ----------
    known : tuple of Device
        By name.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.known: tuple[Device, ...] = ()

    def refresh(self) -> None:
        """Read the list as it is on disk now."""
        from core.plan.latency.devices import known_devices

        known = known_devices()
        if known != self.known:
            self.known = known
            self.changed.emit()

    def find(self, text: str) -> Device | None:
        """Return the device that is meant; None for this computer, and one that is not known."""
        return next((d for d in self.known if text in (d.name, d.address)), None)

    def name_of(self, text: str) -> str:
        """Return its name, or what it is called by where it is not known."""
        device = self.find(text)
        if device is not None:
            return device.name
        return visible(text).replace("<", "‹")  # tips take markup

    def brief(self, text: str) -> str:
        """Return its name as it stands next to figures; the first letters of a long one."""
        name = self.name_of(text)
        return name if len(name) <= BRIEF else f"{name[: BRIEF - 1]}…"

    def where(self, text: str) -> str:
        """Write where times are of: on this computer, on kitchen."""
        return f"on {self.name_of(text) or HERE}"
