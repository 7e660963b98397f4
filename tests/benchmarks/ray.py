"""A sensitivity scan by Ray on this computer against the same in one process, in turns.

``python -m tests.benchmarks.ray MODEL DATA`` scans in one process (``one``), by Ray (``ray``), by
Ray that was started before (``started``), by one worker of that (``single``), and with the
home-made spreading where there are several devices, each ``--turns`` times in turns. Prints seconds
of the wall clock, until the baseline, and of the processor, their ratios, whether all figures are
equal, and a model of the time that N workers take, fitted to one worker and checked with all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import torch

OVERRIDE = "RAY_OVERRIDE_RESOURCES"
"""Ray takes what a computer has from this variable."""
WAYS = ("one", "ray", "started", "single")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--images", type=int)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="of one process and of Ray")
    parser.add_argument("--spread", help="devices of the home-made spreading: cuda:0,cuda:1")
    parser.add_argument("--blocks", type=int, nargs="+")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    return parser.parse_args()


class Took(NamedTuple):
    """Seconds: by the wall clock, of them until the baseline, and of the processor in all."""

    wall: float
    until_base: float
    processor: float


class Model(NamedTuple):
    """The time of a scan by N workers: ``start + serial + parallel / N`` seconds.

    ``start`` is of Ray; ``serial`` until the baseline is there: a worker imports, reads the
    dataset, and measures it; ``parallel`` measures the points.
    """

    start: float
    serial: float
    parallel: float

    @classmethod
    def of(cls, ray: list[Took], started: list[Took], single: list[Took]) -> Model:
        """Fit the model to what one worker took, turn by turn."""
        begun = statistics.median(a.wall - b.wall for a, b in zip(ray, started, strict=True))
        serial = statistics.median(one.until_base for one in single)
        rest = statistics.median(one.wall - one.until_base for one in single)
        return cls(max(0.0, begun), serial, rest)

    def seconds(self, workers: int, *, started: bool = False, points: float = 1.0) -> float:
        """Return the time for a number of workers.

        Parameters
        ----------
        workers : int
        started : bool
            Whether Ray runs already.
        points : float
            Times as many points as were measured.
        """
        begun = 0.0 if started else self.start
        return begun + self.serial + self.parallel * points / workers


class Clock:
    """A progress that reads the clocks of this process and of those that it started."""

    def __init__(self) -> None:
        self._since, self._base = time.perf_counter(), 0.0
        self._mine, self._theirs = time.process_time(), {}

    def __call__(self, share: float, text: str) -> None:
        self._look()

    def partial(self, data: dict) -> None:
        if not self._base:
            self._base = time.perf_counter() - self._since
        self._look()

    def _look(self) -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._theirs[process] = times.user + times.system

    def took(self) -> Took:
        """Return the seconds so far; processes that have ended count as they were seen last."""
        processor = time.process_time() - self._mine + sum(self._theirs.values())
        return Took(time.perf_counter() - self._since, self._base, processor)


def reported(
    threads: int, workers: int, took: dict[str, list[Took]], figures: list
) -> dict[str, object]:
    """Return what is printed: medians of ratios of the same turn, and the model."""
    one, ray = took["one"], took["ray"]
    report = {
        "points": len(figures[0][1]),
        "images": figures[0][0]["images"],
        "threads": threads,
        "took": {name: np.round(each, 1).tolist() for name, each in took.items()},
        "ratio_wall": ratio(ray, one),
        "ratio_processor": ratio(ray, one, "processor"),
        "equal": all(each == figures[0] for each in figures),
    }
    if not {"started", "single"} <= took.keys():
        return report
    model = Model.of(ray, took["started"], took["single"])
    checked = statistics.median(each.wall for each in took["started"])
    return report | {
        "workers": workers,
        "ratio_without_start": ratio(took["started"], one),
        "model": {name: round(value, 1) for name, value in model._asdict().items()},
        "model_seconds": {n: round(model.seconds(n), 1) for n in sorted({1, workers, 4, 8, 16})},
        "model_for_all_workers": round(model.seconds(workers, started=True) / checked, 3),
    }


def ratio(some: list[Took], others: list[Took], what: str = "wall") -> float:
    """Return the median of the ratios of the same turn."""
    pairs = zip(some, others, strict=True)
    return round(statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs), 3)


@contextlib.contextmanager
def running(workers: int | None, threads: int, device: str) -> Iterator[int]:
    """Start Ray with room for some workers (None: as many as there can be); tell how many."""
    from core.cluster.place import Place
    from core.cluster.pool import open_pool

    if workers is not None:
        gpus = device.startswith("cuda")
        room = {"CPU": workers, "GPU": workers} if gpus else {"CPU": workers * threads}
        os.environ[OVERRIDE] = json.dumps(room)
    try:
        with open_pool(Place.parse("ray"), device) as pool:
            yield pool.room
    finally:
        os.environ.pop(OVERRIDE, None)


def main() -> None:
    from core.cluster.place import Place
    from core.data.stream import ALL, DataSettings
    from core.measure import sensitivity
    from core.pipeline import load
    from core.plan.schema import Plan

    options = parsed()
    torch.set_num_threads(options.threads)
    loaded = load(options.model)
    data = DataSettings(
        options.data, images=options.images or ALL, split="val",
        image_size=options.image_size, device=options.device,
    )  # fmt: skip
    ray = Place.parse("ray")
    ways = {name: (data, None if name == "one" else ray) for name in options.ways}
    if options.spread:
        ways["spread"] = replace(data, device=options.spread), None
    plan = Plan(criterion="l2")
    sensitivity(loaded, data, None, plan=plan, blocks=[21], ratios=[0.5])  # libraries warm up
    took: dict[str, list[Took]] = {name: [] for name in ways}
    figures, workers = [], 1
    for _ in range(options.turns):
        for name, (images, place) in ways.items():
            with contextlib.ExitStack() as stack:
                if name in ("started", "single"):
                    wanted = 1 if name == "single" else None
                    room = stack.enter_context(running(wanted, options.threads, options.device))
                    workers = max(workers, room)
                clock = Clock()
                found = sensitivity(
                    loaded, images, None, plan=plan, blocks=options.blocks, on=place, progress=clock
                )
                took[name].append(clock.took())
            figures.append((found.baseline, found.points))
    print(json.dumps(reported(options.threads, workers, took, figures)))


if __name__ == "__main__":
    main()
