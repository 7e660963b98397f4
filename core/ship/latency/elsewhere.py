"""Networks timed against each other on another device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.plan.latency.devices import NEEDS
from core.progress import Progress, Span, silent
from core.ship.devices.known import address_of, look
from core.ship.devices.ssh import Connection
from core.ship.latency.measure import REPEATS, Measured, Numbers, timings_of
from core.ship.latency.packing import PACKS
from core.ship.latency.place import There
from core.ship.latency.runtime import Settings
from core.ship.latency.unfinished import Unfinished
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
    hashes: Sequence[str] = (),
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
    hashes : sequence of str
        SHA-256 of the models' files, if they have some: the same request then continues after an
        interruption, with what was measured in each runtime and batch size.
    progress : Progress
        May cancel.

    Raises
    ------
    UserError
        When the device cannot be reached, or nothing can be timed there.
    """
    address, size = address_of(on), ImageSize.of(image_size)
    with Connection(address) as connection:
        found, missing = _available(connection, runtimes)
        machine = _machine(found[0][1])
        request = {**machine, "models": list(hashes), "image_size": size.plain, "threads": threads}
        unfinished = Unfinished(request, (repeats, len(models))) if hashes else None
        timings = []
        cases = [(runtime, device, batch) for runtime, device in found for batch in batches]
        for number, (runtime, device, batch) in enumerate(cases):
            part = Span(progress, number / len(cases), (number + 1) / len(cases))
            settings = Settings(batch, size, threads or device.cores)
            place = There(connection, runtime)
            taken = _turns(place, list(models.values()), settings, unfinished, repeats, part)
            timings += timings_of(list(models), runtime, settings, *taken)
    if unfinished is not None:
        unfinished.over()
    progress(1.0, "Done")
    return Measured(tuple(timings), tuple(missing), machine)


def _turns(
    place: There,
    models: Sequence[nn.Module],
    settings: Settings,
    unfinished: Unfinished | None,
    repeats: int,
    progress: Progress,
) -> tuple[Numbers, Numbers]:
    """Return what networks take in turns; what an interrupted run measured is taken from it."""
    case = f"{place.runtime} {settings.batch}"
    known = None if unfinished is None else unfinished.find(case)
    if known is not None:
        return known
    taken = place.networks(models, settings, repeats, progress)
    if unfinished is not None:
        unfinished.keep(case, *taken)
    return taken


def _available(
    connection: Connection, runtimes: Sequence[str]
) -> tuple[list[tuple[str, Device]], list[tuple[str, str]]]:
    found, missing = [], []
    last = UserError("No runtime was given.", f"Use some of {', '.join(NEEDS)}.")
    for runtime in runtimes:
        try:
            device = look(connection, runtime)
            if (problem := PACKS[runtime].missing()) is not None:
                raise problem
            found.append((runtime, device))
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
