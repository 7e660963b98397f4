"""A sensitivity scan by Ray on this computer against the same in one process, in turns.

``python -m tests.benchmarks.ray MODEL DATA`` scans in one process, by Ray, and with the home-made
spreading where there are several devices, each ``--turns`` times in turns. Prints seconds of the
wall clock, of Ray's start and of the processor, their ratios, and whether all figures are equal.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import torch


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
    return parser.parse_args()


class Took(NamedTuple):
    """Seconds: by the wall clock, of them the start, and of the processor in all processes."""

    wall: float
    start: float
    processor: float


class Clock:
    """A progress that reads the clocks of this process and of those that it started."""

    def __init__(self) -> None:
        self._since, self._ready = time.perf_counter(), 0.0
        self._mine, self._theirs = time.process_time(), {}

    def __call__(self, share: float, text: str) -> None:
        if text == "Reading the dataset":
            self._ready = time.perf_counter() - self._since
        self._look()

    def partial(self, data: dict) -> None:
        self._look()

    def _look(self) -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._theirs[process] = times.user + times.system

    def took(self) -> Took:
        """Return the seconds so far; processes that have ended count as they were seen last."""
        processor = time.process_time() - self._mine + sum(self._theirs.values())
        return Took(time.perf_counter() - self._since, self._ready, processor)


def reported(threads: int, took: dict[str, list[Took]], figures: list) -> dict[str, object]:
    """Return what is printed: medians of ratios of the same turn."""
    turns = list(zip(took["one"], took["ray"], strict=True))
    report = {
        "points": len(figures[0][1]),
        "images": figures[0][0]["images"],
        "threads": threads,
        "took": {name: np.round(each, 1).tolist() for name, each in took.items()},
        "ratio_wall": statistics.median(ray.wall / one.wall for one, ray in turns),
        "ratio_without_start": statistics.median(
            (ray.wall - ray.start) / (one.wall - one.start) for one, ray in turns
        ),
        "ratio_processor": statistics.median(ray.processor / one.processor for one, ray in turns),
        "equal": all(one == figures[0] for one in figures),
    }
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in report.items()}


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
    ways = {"one": (data, None), "ray": (data, Place.parse("ray"))}
    if options.spread:
        ways["spread"] = replace(data, device=options.spread), None
    plan = Plan(criterion="l2")
    sensitivity(loaded, data, None, plan=plan, blocks=[21], ratios=[0.5])  # libraries warm up
    took: dict[str, list[Took]] = {name: [] for name in ways}
    figures = []
    for _ in range(options.turns):
        for name, (images, place) in ways.items():
            clock = Clock()
            found = sensitivity(
                loaded, images, None, plan=plan, blocks=options.blocks, on=place, progress=clock
            )
            took[name].append(clock.took())
            figures.append((found.baseline, found.points))
    print(json.dumps(reported(options.threads, took, figures)))


if __name__ == "__main__":
    main()
