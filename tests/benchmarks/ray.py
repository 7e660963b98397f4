"""A sensitivity scan by Ray on this computer against the same in one process, in turns.

``python -m tests.benchmarks.ray MODEL DATA`` scans in one process, by Ray, and with the home-made
spreading where there are several devices, each ``--turns`` times in turns. Prints the wall-clock
seconds, the ratio with and without Ray's start, and whether all figures are equal.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

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
    took: dict[str, list[float]] = {name: [] for name in ways}
    starts, figures = [], []
    for _ in range(options.turns):
        for name, (images, place) in ways.items():
            since, ready = time.perf_counter(), []

            def progress(share: float, text: str, ready: list[float] = ready) -> None:
                if text == "Reading the dataset" and not ready:
                    ready.append(time.perf_counter())

            found = sensitivity(
                loaded, images, None, plan=plan, blocks=options.blocks, on=place, progress=progress
            )
            took[name].append(time.perf_counter() - since)
            figures.append((found.baseline, found.points))
            if name == "ray":
                starts.append(ready[0] - since)
    ratios = [ray / one for one, ray in zip(took["one"], took["ray"], strict=True)]
    pure = [
        (ray - start) / one
        for one, ray, start in zip(took["one"], took["ray"], starts, strict=True)
    ]
    report = {
        "points": len(figures[0][1]),
        "images": figures[0][0]["images"],
        "threads": options.threads,
        "seconds": {name: [round(s, 1) for s in each] for name, each in took.items()},
        "start_s": [round(s, 1) for s in starts],
        "ratio": round(statistics.median(ratios), 3),
        "ratio_without_start": round(statistics.median(pure), 3),
        "equal": all(one == figures[0] for one in figures),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
