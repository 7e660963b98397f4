"""Devices looked at: what is there is described, and the device is remembered."""

from __future__ import annotations

import datetime
from importlib import metadata
from typing import Any

from core.errors import UserError
from core.plan.latency.devices import Device, find_device, remember
from core.ship.devices.ssh import Address, Connection
from core.system.size import ImageSize, SizeLike

NEEDS = {"onnx": ("onnxruntime", "onnxruntime"), "openvino": ("openvino", "openvino")}
"""The module that a runtime needs on a device, and what to pass to pip there."""
ROOM = 64 << 20
"""Bytes that must be free in the temporary folder of a device."""


def address_of(text: str) -> Address:
    """Return the address that is meant by an address or the name of a known device."""
    known = find_device(text)
    return Address.parse(known.address if known else text)


def look(connection: Connection, runtime: str) -> Device:
    """Describe a device, and remember it.

    Raises
    ------
    UserError
        When the runtime is not there, or there is no room.
    """
    found = connection.ask({"do": "describe"})
    address = connection.address
    if runtime not in NEEDS:
        raise UserError(
            f"{runtime} is not measured on other devices.", f"Use {' or '.join(NEEDS)}."
        )
    module, package = NEEDS[runtime]
    if found["libraries"].get(module) is None:
        raise UserError(
            f"{address} has no {module} for its Python {found['python']}.",
            f"Install it there: python3 -m pip install {package}.",
        )
    if found["free"] < ROOM:
        raise UserError(
            f"{address} has {found['free'] >> 20} MB free in its temporary folder; "
            f"{ROOM >> 20} MB are needed.",
            "Remove files there, or set TMPDIR to another folder.",
        )
    return remember(
        Device(
            name=address.host,
            address=str(address),
            processor=str(found["processor"])[:300],
            cores=int(found["cores"]),
            libraries=dict(found["libraries"]),
            measured=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
    )


def describe_there(
    device: Device,
    runtime: str,
    *,
    threads: int | None = None,
    batch: int = 1,
    image_size: SizeLike = 640,
) -> dict[str, Any]:
    """Describe a table of another device, as ``describe_here`` does of this machine."""
    return {
        "device": device.processor,
        "on": device.address,
        "runtime": runtime,
        "version": device.libraries[NEEDS[runtime][0]],
        "ultralytics": metadata.version("ultralytics"),
        "threads": threads or device.cores,
        "batch": batch,
        "image_size": ImageSize.of(image_size).plain,
        "precision": "fp32",
    }


def described_on(on: str, runtime: str, **settings: Any) -> dict[str, Any]:
    """Look at a device and describe a table of it.

    Parameters
    ----------
    on : str
        Name or address.
    runtime : str
        One with layer tables.
    **settings
        As `describe_there` takes them.

    Raises
    ------
    UserError
        When it cannot be reached or measured.
    """
    if runtime != "onnx":
        raise UserError(f"Latency tables of other devices support onnx, not {runtime}.", "")
    with Connection(address_of(on)) as connection:
        device = look(connection, runtime)
    return describe_there(device, runtime, **settings)
