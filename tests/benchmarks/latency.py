"""How well a latency table predicts random plans.

``python -m tests.benchmarks.latency MODEL [--runtime onnx] [--threads 1] [--plans 20]`` prints, for
every plan, the predicted and the measured time, and at the end the errors. The plans take a random
ratio for every block, and round to 1, 8 or the table's step in turns. Networks are measured a few
in turns together, each time next to the unpruned one.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import core
from core.plan.latency.clock import Clock
from core.plan.resolve import Resolver
from core.plan.schema import Entry, Plan
from core.pruning.surgery import cut_network
from core.ship.latency.table import (
    build_latency,
    describe_here,
    settings_of,
    time_networks,
)

AT_ONCE = 5


def random_masks(table, step: int, count: int, seed: int) -> list[tuple[int, np.ndarray]]:
    generator = np.random.default_rng(seed)
    resolver = Resolver(table)
    masks = []
    for number in range(count):
        most = generator.uniform(0.2, 0.9)
        entries = tuple(
            Entry(block=b.index, ratio=float(generator.uniform(0, most))) for b in table.blocks
        )
        rounding = (1, 8, step)[number % 3]
        scores = generator.random(table.atom_count)
        plan = Plan(selection=entries, round_to=rounding)
        masks.append((rounding, resolver.resolve(plan, scores).removed))
    return masks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--runtime", default="onnx")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--image-size", type=int, default=640)
    parser.add_argument("--plans", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--renew", action="store_true", help="calibrate again")
    options = parser.parse_args()
    loaded = core.load(options.model)
    table = core.analyse(loaded).table
    about = describe_here(
        options.runtime, threads=options.threads, image_size=options.image_size, device="cpu"
    )
    started = time.perf_counter()
    latency = build_latency(loaded.model, table, loaded.facts.sha256, about, renew=options.renew)
    print(f"Table: {time.perf_counter() - started:.0f} s, step {latency.step}, {about}")
    print(
        f"scale {latency.scale:.3f}, constant {latency.constant:.3f} ms, error {latency.error:.1%}"
    )
    clock = Clock(latency, table)
    whole = clock.ms(np.zeros(table.atom_count, bool))
    masks = random_masks(table, latency.step, options.plans, options.seed)
    errors, ratios = [], []
    print("| rounding | predicted ms | measured ms | error | predicted share | measured share |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for first in range(0, len(masks), AT_ONCE):
        part = masks[first : first + AT_ONCE]
        models = [loaded.model, *(cut_network(loaded.model, table, mask) for _, mask in part)]
        times = time_networks(models, options.runtime, settings_of(about), options.repeats)
        for (rounding, mask), ms in zip(part, times[1:], strict=True):
            guess = clock.ms(mask)
            errors.append(guess / ms - 1)
            ratios.append((guess / whole) / (ms / times[0]) - 1)
            row = f"{guess:.2f} | {ms:.2f} | {errors[-1]:+.1%} | {guess / whole:.3f}"
            print(f"| {rounding} | {row} | {ms / times[0]:.3f} |", flush=True)
    for name, values in (("time", np.abs(errors)), ("share of the unpruned", np.abs(ratios))):
        text = f"median {np.median(values):.1%}, largest {values.max():.1%}"
        print(f"{name}: {text}, {(values <= 0.1).sum()} of {len(values)} within 10%")


if __name__ == "__main__":
    main()
