"""The devices that were measured: their addresses, names and processors. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError
from core.plan.latency.files import latency_folder, read_about
from core.system.budget import CACHED, SETTINGS, read_json
from core.system.files import write_json
from core.system.paths import data_folder

NAME = r"^[\w][\w .+-]{0,63}$"

KIT = "kit:"
"""What the address of a device begins with that has no shell to reach; its name follows."""
NEEDS = {
    "onnx": ("onnxruntime", "onnxruntime"),
    "openvino": ("openvino", "openvino"),
    "ncnn": ("ncnn", "ncnn"),
}
"""The module that a runtime needs on a device, and what to pass to pip there."""
LAYERED_THERE = "onnx"
"""The runtime of latency tables of other devices."""


class Device(BaseModel):
    """A device, by the name that people gave it.

    Attributes
    ----------
    name, address : str
        ``ssh://user@host:port``, or what an archive of a device without a shell was made for.
    processor : str
        As the device states it.
    cores : int
    libraries : dict
        Versions of the runtimes there, by name.
    measured : str
        When a table was last measured, in ISO 8601.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(pattern=NAME)
    address: str = Field(min_length=1, max_length=300)
    processor: str = Field(max_length=300)
    cores: int = Field(ge=1)
    libraries: dict[str, str | None]
    measured: str = Field(default="", max_length=40)

    @property
    def reachable(self) -> bool:
        """Whether it has a shell that can be reached from here."""
        return not self.address.startswith(KIT)

    def version_of(self, runtime: str) -> str | None:
        """Return the version of a runtime there; None where it is missing."""
        return self.libraries.get(NEEDS[runtime][0]) if runtime in NEEDS else None


def devices_file() -> Path:
    """Return where they are listed."""
    return data_folder() / "devices.json"


def known_devices() -> tuple[Device, ...]:
    """Return the devices by name; entries that cannot be read are left out."""
    try:
        listed = read_json(devices_file(), SETTINGS)
    except (OSError, ValueError):
        return ()
    if not isinstance(listed, list):
        return ()
    found: dict[str, Device] = {}
    for entry in listed:
        try:
            device = Device.model_validate(entry)
        except ValidationError:
            continue
        found.setdefault(device.address, device)
    return tuple(sorted(found.values(), key=lambda device: device.name.casefold()))


def find_device(text: str) -> Device | None:
    """Return the device of a name or an address."""
    devices = known_devices()
    return next((d for d in devices if text in (d.name, d.address)), None)


def device_of(text: str) -> Device:
    """Return the device of a name or an address.

    Raises
    ------
    UserError
        If none was measured under it.
    """
    found = find_device(text)
    if found is None:
        names = ", ".join(device.name for device in known_devices())
        raise UserError(
            f"No device is known as “{text}”.",
            f"Known: {names}."
            if names
            else "Measure one: `secateur latency-table MODEL --on ssh://user@host`.",
        )
    return found


def remember(device: Device) -> Device:
    """Add a device, or what is new of a known one, which keeps its name."""
    known = {d.address: d for d in known_devices()}
    old = known.get(device.address)
    name = old.name if old else _free(device.name, known.values())
    measured = device.measured or (old.measured if old else "")
    kept = device.model_copy(update={"name": name, "measured": measured})
    _write({**known, device.address: kept}.values())
    return kept


def rename(text: str, name: str) -> Device:
    """Give a device another name.

    Raises
    ------
    UserError
        If there is no such device, or the name is taken or not one.
    """
    device = device_of(text)
    check_name(name, device.address)
    renamed = device.model_copy(update={"name": name})
    _write([*(d for d in known_devices() if d.address != device.address), renamed])
    return renamed


def check_name(name: str, address: str) -> None:
    """Refuse a name that is none, or that of a device with another address.

    Raises
    ------
    UserError
    """
    if not re.fullmatch(NAME, name):
        raise UserError(f"“{name}” is not a name.", "Use up to 64 letters, digits, spaces, - or _.")
    if any(name == other.name for other in known_devices() if other.address != address):
        raise UserError(f"Another device is called {name}.", "Choose another name.")


def forget(text: str) -> tuple[Device, int]:
    """Forget a device and remove its latency tables; return it, and how many there were."""
    device = device_of(text)
    _write(d for d in known_devices() if d.address != device.address)
    gone = 0
    for path in latency_folder().glob("*.npz"):
        about = read_about(path)
        if about is not None and about.get("on") == device.address:
            path.unlink(missing_ok=True)
            gone += 1
    for path in latency_folder().glob("layers-*.json"):
        try:
            on = read_json(path, CACHED)["about"].get("on")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if on == device.address:
            path.unlink(missing_ok=True)
    return device, gone


def _free(name: str, others: Iterable[Device]) -> str:
    taken = {device.name for device in others}
    plain = re.sub(r"[^\w .+-]", "-", name).strip(" .+-")[:50] or "device"
    numbered = (plain, *(f"{plain} {n}" for n in range(2, len(taken) + 3)))
    return next(each for each in numbered if each not in taken)


def _write(devices: Iterable[Device]) -> None:
    devices_file().parent.mkdir(parents=True, exist_ok=True)
    write_json(devices_file(), [device.model_dump() for device in devices])
