"""Networks timed against each other, interleaved, in one run.

Times of one machine drift: it heats up, other programs come and go. So networks take turns, and
what is compared is the ratio within each turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.progress import Progress, Span, silent
from core.ship.devices import bench
from core.ship.latency.runtime import Run, Runtime, Settings, cuda_available
from core.ship.latency.runtimes import runtime_of
from core.system.machine import check_device, default_threads, processor
from core.system.scratch import Scratch
from core.system.size import ImageSize, SizeLike

if TYPE_CHECKING:
    from torch import nn

REPEATS = 30

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Numbers) -> Spread:
        """Return the spread of measured values."""
        low, median, high = np.percentile(values, [25, 50, 75])
        return cls(float(median), float(low), float(high))

    def to_json(self) -> dict[str, float]:
        """Return plain data: ``iqr`` is the distance of the quartiles."""
        return {**asdict(self), "iqr": self.high - self.low}


@dataclass(frozen=True, slots=True)
class Timing:
    """What one network took.

    Attributes
    ----------
    model, runtime : str
    precision : str
        ``fp32`` or ``fp16``; of an exported file its own (`core.ship.exported.metadata.Metadata`).
    batch, threads : int
    image_size : ImageSize
    wall : Spread
        Milliseconds on the clock.
    cpu : Spread or None
        Milliseconds that the one thread computed, which other programs hardly disturb; None
        where several threads, or a GPU, did the work.
    ratio, cpu_ratio : Spread or None
        To the first network, turn by turn; None for the first.
    """

    model: str
    runtime: str
    precision: str
    batch: int
    image_size: ImageSize
    threads: int
    wall: Spread
    cpu: Spread | None
    ratio: Spread | None
    cpu_ratio: Spread | None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""

        def plain(spread: Spread | None) -> dict[str, float] | None:
            return None if spread is None else spread.to_json()

        return {
            "model": self.model,
            "runtime": self.runtime,
            "precision": self.precision,
            "batch": self.batch,
            "image_size": self.image_size.plain,
            "threads": self.threads,
            "ms": plain(self.wall),
            "cpu_ms": plain(self.cpu),
            "ratio": plain(self.ratio),
            "cpu_ratio": plain(self.cpu_ratio),
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """All timings of one run, and the runtimes that could not take part."""

    timings: tuple[Timing, ...]
    missing: tuple[tuple[str, str], ...]
    machine: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "machine": dict(self.machine),
            "timings": [timing.to_json() for timing in self.timings],
            "missing": [{"runtime": name, "message": text} for name, text in self.missing],
        }


def brief_names(paths: Sequence[str]) -> list[str]:
    """Name models by their files, as briefly as tells them apart."""
    names = [Path(path).name for path in paths]
    if len(set(names)) < len(names):
        names = list(paths)
    return [n if names.count(n) == 1 else f"{n} ({i + 1})" for i, n in enumerate(names)]


def interleave(
    runs: Sequence[Run], repeats: int, progress: Progress = silent
) -> tuple[Numbers, Numbers]:
    """Let runs take turns.

    Parameters
    ----------
    runs : sequence of callables
    repeats : int
        Turns that count; a few more before them warm up.
    progress : Progress
        May cancel between runs.

    Returns
    -------
    wall, cpu : float arrays, shape (repeats, runs)
        Milliseconds on the clock, and of the calling thread's own computing.
    """
    taken = bench.interleave(runs, repeats, lambda done: progress(done, "Measuring"))
    return np.array(taken["wall"]), np.array(taken["cpu"])


def measure(
    models: Mapping[str, nn.Module],
    *,
    runtimes: Sequence[str] = ("torch", "onnx"),
    batches: Sequence[int] = (1,),
    image_size: SizeLike = 640,
    sizes: Mapping[str, SizeLike] | None = None,
    threads: int | None = None,
    repeats: int = REPEATS,
    device: str = "",
    progress: Progress = silent,
) -> Measured:
    """Time networks in every runtime, the first being what the others are compared with.

    Parameters
    ----------
    models : mapping of str to nn.Module
        By the name to report; left as they are.
    runtimes : sequence of str
        Those that are not installed are listed in ``missing``, unless none is.
    batches : sequence of int
    image_size : ImageSize, int or pair of int
        A square's side, or height and width.
    sizes : mapping of str to ImageSize, int or pair of int, optional
        Of networks that run at another size than the others, by their names.
    threads : int, optional
        By default one per core.
    repeats : int
        Turns.
    device : str
        ``cpu``, ``cuda``, or empty for a GPU if there is one.
    progress : Progress
        May cancel.

    Raises
    ------
    UserError
        When no runtime asked for can run here, or one fails.
    """
    import torch

    place = check_device(device) or ("cuda" if cuda_available() else "cpu")
    if place.startswith("cuda") and not cuda_available():
        raise UserError("No NVIDIA GPU was found.", "Measure on the CPU: --device cpu.")
    before = torch.get_num_threads()
    base = Settings(
        image_size=ImageSize.of(image_size), threads=threads or default_threads(), device=place
    )
    found, missing = available(runtimes)
    cases = [
        (runtime, replace(base, batch=batch, half=half))
        for runtime in found
        for batch in batches
        for half in ((False, True) if place.startswith("cuda") else (False,))
    ]
    timings: list[Timing] = []
    try:
        for number, (runtime, settings) in enumerate(cases):
            part = _part(progress, number, len(cases), runtime.title)
            own = {
                name: replace(
                    settings, image_size=ImageSize.of((sizes or {}).get(name, image_size))
                )
                for name in models
            }
            timings.extend(_measure_case(models, runtime, own, repeats, part))
    finally:
        torch.set_num_threads(before)
    progress(1.0, "Done")
    return Measured(tuple(timings), missing, machine(place))


def available(names: Sequence[str]) -> tuple[list[Runtime], tuple[tuple[str, str], ...]]:
    """Return the runtimes of these names that can run here, and why the others cannot.

    Raises
    ------
    UserError
        When none can.
    """
    found: list[Runtime] = []
    missing: list[tuple[str, str]] = []
    last = UserError("No runtime was given.", "Use at least one, such as torch.")
    for name in names:
        try:
            found.append(runtime_of(name))
        except UserError as error:
            missing.append((name, str(error)))
            last = error
    if not found:
        raise last
    return found, tuple(missing)


def _measure_case(
    models: Mapping[str, nn.Module],
    runtime: Runtime,
    settings: Mapping[str, Settings],
    repeats: int,
    progress: Progress,
) -> list[Timing]:
    runs: list[Run] = []
    with Scratch("latency") as place:
        for number, (name, model) in enumerate(models.items()):
            progress(0.4 * number / len(models), f"Preparing {name}")
            folder = Path(place) / str(number)
            folder.mkdir()
            runs.append(runtime.run(model, settings[name], folder))

        wall, cpu = interleave(runs, repeats, Span(progress, 0.4, 1.0))
    timings = timings_of(list(models), runtime.name, next(iter(settings.values())), wall, cpu)
    return [replace(one, image_size=settings[one.model].image_size) for one in timings]


def timings_of(
    names: Sequence[str], runtime: str, settings: Settings, wall: Numbers, cpu: Numbers
) -> list[Timing]:
    """Return what networks took, from their turns; the first is what others are compared with."""
    alone = settings.threads == 1 and settings.device == "cpu"
    return [
        Timing(
            model=name,
            runtime=runtime,
            precision="fp16" if settings.half else "fp32",
            batch=settings.batch,
            image_size=settings.image_size,
            threads=settings.threads,
            wall=Spread.of(wall[:, number]),
            cpu=Spread.of(cpu[:, number]) if alone else None,
            ratio=Spread.of(wall[:, number] / wall[:, 0]) if number else None,
            cpu_ratio=Spread.of(cpu[:, number] / cpu[:, 0]) if number and alone else None,
        )
        for number, name in enumerate(names)
    ]


def _part(progress: Progress, number: int, count: int, title: str) -> Progress:
    def report(fraction: float, text: str) -> None:
        progress((number + fraction) / count, f"{title}: {text}")

    return report


def machine(device: str = "cpu") -> dict[str, Any]:
    """Describe what was measured on."""
    import platform

    import torch
    import ultralytics

    gpu = device.startswith("cuda")
    return {
        "device": torch.cuda.get_device_name(0) if gpu else processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "ultralytics": str(ultralytics.__version__),
    }
