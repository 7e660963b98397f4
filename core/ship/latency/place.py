"""Where layers and networks are timed: on this machine, or on another device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.plan.latency.devices import KIT
from core.progress import Progress, Span
from core.ship.devices.bench import by_point
from core.ship.devices.hollow import hollow
from core.ship.devices.known import check_runtime
from core.ship.devices.ssh import Address, AwayError, Connection
from core.ship.latency.layers import TIMERS, Point, onnx_layers
from core.ship.latency.measure import Numbers, interleave
from core.ship.latency.packing import packed
from core.ship.latency.runtime import Settings
from core.ship.latency.runtimes import runtime_of
from core.system.scratch import Scratch

if TYPE_CHECKING:
    from torch import nn


class Place(Protocol):
    """Times layers and networks in one runtime."""

    def layers(
        self, points: Sequence[Point], settings: Settings, repeats: int
    ) -> NDArray[np.float64]:
        """Return the milliseconds of layers that take turns."""

    def networks(
        self, models: Sequence[nn.Module], settings: Settings, repeats: int, progress: Progress
    ) -> tuple[Numbers, Numbers]:
        """Return what ``core.ship.latency.measure.interleave`` does, of networks in turns."""


@dataclass(frozen=True, slots=True)
class Here:
    """The machine that Secateur runs on."""

    runtime: str

    def layers(
        self, points: Sequence[Point], settings: Settings, repeats: int
    ) -> NDArray[np.float64]:
        """Return the milliseconds of layers that take turns."""
        return TIMERS[self.runtime](points, settings, repeats)

    def networks(
        self, models: Sequence[nn.Module], settings: Settings, repeats: int, progress: Progress
    ) -> tuple[Numbers, Numbers]:
        """Return what networks take in turns."""
        import torch

        chosen, before = runtime_of(self.runtime), torch.get_num_threads()
        with Scratch("latency") as place:
            runs = []
            for number, model in enumerate(models):
                progress(0.5 * number / len(models), "Preparing whole networks")
                folder = Path(place) / str(number)
                folder.mkdir()
                runs.append(chosen.run(model, settings, folder))
            try:
                return interleave(runs, repeats, Span(progress, 0.5, 1.0))
            finally:
                torch.set_num_threads(before)


@dataclass(frozen=True, slots=True)
class There:
    """Another device: networks go there without their weights."""

    connection: Connection
    runtime: str

    def layers(
        self, points: Sequence[Point], settings: Settings, repeats: int
    ) -> NDArray[np.float64]:
        """Return the milliseconds of layers that take turns."""
        self._put("layers.onnx", hollow(onnx_layers(points, settings.batch)))
        request = {"do": "profile", "file": "layers.onnx", "threads": settings.threads}
        told = self.connection.ask({**request, "repeats": repeats})
        return np.array(by_point(told["nodes"], len(points)))

    def networks(
        self, models: Sequence[nn.Module], settings: Settings, repeats: int, progress: Progress
    ) -> tuple[Numbers, Numbers]:
        """Return what networks take in turns."""
        names = []
        for name, content in packed(models, self.runtime, settings, Span(progress, 0.0, 0.5)):
            self._put(name, content)
            names.append(name)
        request = {"do": "turns", "runtime": self.runtime, "files": names}
        told = self.connection.ask(
            {**request, "threads": settings.threads, "repeats": repeats},
            tell=lambda done: progress(0.5 + 0.5 * done, "Measuring"),
        )
        self.connection.ask({"do": "drop", "files": names})
        return np.array(told["wall"]), np.array(told["cpu"])

    def _put(self, name: str, content: bytes) -> None:
        self.connection.ask({"do": "put", "file": name}, content)


@contextmanager
def place_of(about: Mapping[str, Any]) -> Iterator[Place]:
    """Open where a table's times are measured.

    Parameters
    ----------
    about : mapping
        Machine, runtime and settings; ``on`` is the address of another device.

    Raises
    ------
    UserError
        When the runtime cannot run there, or the device cannot be reached.
    """
    runtime = str(about["runtime"])
    if not about.get("on"):
        runtime_of(runtime)
        yield Here(runtime)
        return
    if str(about["on"]).startswith(KIT):
        raise AwayError(
            f"{about['on'][len(KIT) :]} cannot be reached from here.",
            "Write an archive for it with `secateur latency-kit MODEL`.",
        )
    with Connection(Address.parse(str(about["on"]))) as connection:
        found = connection.ask({"do": "describe"})
        check_same(about, found)
        check_runtime(connection.address, found, runtime)
        yield There(connection, runtime)


@contextmanager
def place_or(place: Place | None, about: Mapping[str, Any]) -> Iterator[Place]:
    """Take a place as it is, or open where a table's times are measured."""
    if place is not None:
        yield place
        return
    with place_of(about) as opened:
        yield opened


def check_same(about: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Refuse a device that is not as it was when it was described."""
    if found["processor"] != about["device"]:
        raise UserError(
            f"{about['on']} is another device now: {found['processor']}, not {about['device']}.",
            "Measure its latency table again with `secateur latency-table MODEL --on ADDRESS`.",
        )
