"""Networks timed against each other on another device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.progress import Progress, Span, silent
from core.ship.devices.known import NEEDS, address_of, look
from core.ship.devices.ssh import Connection
from core.ship.latency.measure import REPEATS, Measured, timings_of
from core.ship.latency.place import There
from core.ship.latency.runtime import Settings
from core.system.size import ImageSize, SizeLike

if TYPE_CHECKING:
    from torch import nn

    from core.plan.latency.devices import Device


def measure_there(
    models: Mapping[str, nn.Module],
    on: str,
    *,
    runtimes: Sequence[str] = ("onnx",),
    batches: Sequence[int] = (1,),
    image_size: SizeLike = 640,
    threads: int | None = None,
    repeats: int = REPEATS,
    progress: Progress = silent,
) -> Measured:
    """Time networks on another device, the first being what the others are compared with.

    Parameters
    ----------
    models : mapping of str to nn.Module
        By the name to report; left as they are. They go to the device without their weights.
    on : str
        Name or address of the device.
    runtimes : sequence of str
        Those that are missing there are listed in ``missing``, unless all are.
    batches : sequence of int
    image_size : ImageSize, int or pair of int
    threads : int, optional
        By default one per core of the device.
    repeats : int
        Turns.
    progress : Progress
        May cancel.

    Raises
    ------
    UserError
        When the device cannot be reached, or nothing can be timed there.
    """
    with Connection(address_of(on)) as connection:
        found, missing = _available(connection, runtimes)
        timings = []
        cases = [(runtime, device, batch) for runtime, device in found for batch in batches]
        for number, (runtime, device, batch) in enumerate(cases):
            part = Span(progress, number / len(cases), (number + 1) / len(cases))
            settings = Settings(batch, ImageSize.of(image_size), threads or device.cores)
            place = There(connection, runtime)
            taken = place.networks(list(models.values()), settings, repeats, part)
            timings += timings_of(list(models), runtime, settings, *taken)
    progress(1.0, "Done")
    return Measured(tuple(timings), tuple(missing), _machine(found[0][1]))


def _available(
    connection: Connection, runtimes: Sequence[str]
) -> tuple[list[tuple[str, Device]], list[tuple[str, str]]]:
    found, missing = [], []
    last = UserError("No runtime was given.", f"Use some of {', '.join(NEEDS)}.")
    for runtime in runtimes:
        try:
            found.append((runtime, look(connection, runtime)))
        except UserError as error:
            missing.append((runtime, str(error)))
            last = error
    if not found:
        raise last
    return found, missing


def _machine(device: Device) -> dict[str, Any]:
    """Describe what was measured on."""
    return {
        "device": device.processor,
        "name": device.name,
        "on": device.address,
        "libraries": {name: version for name, version in device.libraries.items() if version},
    }
