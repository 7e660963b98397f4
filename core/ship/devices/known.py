"""Devices looked at: what is there is described, and the device is remembered."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from core.errors import UserError
from core.plan.latency.devices import (
    LAYERED_THERE,
    NEEDS,
    Device,
    check_name,
    find_device,
    remember,
    rename,
)
from core.ship.devices.ssh import Address, Connection
from core.system.size import ImageSize, SizeLike

ROOM = 64 << 20
"""Bytes that must be free in the temporary folder of a device."""


def address_of(text: str) -> Address:
    """Return the address that is meant by an address or the name of a known device."""
    known = find_device(text)
    return Address.parse(known.address if known else text)


def add_device(text: str, name: str = "") -> Device:
    """Reach a device, describe it and remember it; nothing is measured.

    Parameters
    ----------
    text : str
        Its address.
    name : str
        What to call it; by its host when empty.

    Raises
    ------
    UserError
        When it cannot be reached, or the name is taken or not one.
    """
    address = Address.parse(text)
    if name:
        check_name(name, str(address))
    with Connection(address) as connection:
        device = remember(_device(connection, connection.ask({"do": "describe"})))
    return rename(device.address, name) if name else device


def look(connection: Connection, runtime: str) -> Device:
    """Describe a device that is measured now, and remember it.

    Raises
    ------
    UserError
        When the runtime is not there, or there is no room.
    """
    found = connection.ask({"do": "describe"})
    check_runtime(connection.address, found, runtime)
    if found["free"] < ROOM:
        raise UserError(
            f"{connection.address} has {found['free'] >> 20} MB free in its temporary folder; "
            f"{ROOM >> 20} MB are needed.",
            "Remove files there, or set TMPDIR to another folder.",
        )
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return remember(_device(connection, found).model_copy(update={"measured": now}))


def check_runtime(address: object, found: Mapping[str, Any], runtime: str) -> None:
    """Refuse a runtime that a device does not have, by how the device describes itself.

    Raises
    ------
    UserError
    """
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


def _device(connection: Connection, found: Mapping[str, Any]) -> Device:
    return Device(
        name=connection.address.host,
        address=str(connection.address),
        processor=str(found["processor"])[:300],
        cores=int(found["cores"]),
        libraries=dict(found["libraries"]),
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
    if runtime != LAYERED_THERE:
        raise UserError(
            f"Latency tables of other devices support {LAYERED_THERE}, not {runtime}.",
            "`secateur latency` measures whole networks in every runtime.",
        )
    with Connection(address_of(on)) as connection:
        device = look(connection, runtime)
    return describe_there(device, runtime, **settings)
