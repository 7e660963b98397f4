"""How well a latency table predicts random plans.

``python -m tests.benchmarks.latency MODEL [--runtime onnx] [--threads 1] [--plans 20]`` prints, for
every plan, the predicted and the measured time, and at the end the errors. The plans take a random
ratio for every block, and round to 1, 8 or the table's step in turns; with ``--structure`` up to
five units or branches and sometimes a scale go as well. Networks are measured a few in turns
together, each time next to the unpruned one.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

import core
from core.plan.latency.clock import Clock
from core.plan.resolve import Resolver
from core.plan.schema import parse_plan
from core.pruning.surgery import cut_network
from core.ship.latency.table import (
    build_latency,
    describe_here,
    settings_of,
    time_networks,
)
from core.structure.listing import listing
from core.structure.stage import Stage, stage_of

AT_ONCE = 5


@dataclass(frozen=True)
class Variant:
    """A random plan, and what is left of the network under it."""

    words: str
    stage: Stage
    removed: np.ndarray

    @property
    def model(self):
        return cut_network(self.stage.loaded.model, self.stage.analysis.table, self.removed)


def random_structure(loaded, generator: np.random.Generator) -> list[dict]:
    told = listing(loaded)
    every = [{"block": u["block"], "units": [u["place"]]} for u in told["units"]]
    every += [{"branch": b["name"]} for b in told["branches"]]
    count = int(generator.integers(1, 6))
    chosen = [every[n] for n in generator.permutation(len(every))[:count]]
    if len(told["scales"]) > 1 and generator.random() < 0.3:
        chosen.append({"scale": int(generator.choice(told["scales"]))})
    return chosen


def random_variants(loaded, step: int, count: int, seed: int, structure: bool) -> list[Variant]:
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        parts = random_structure(loaded, generator) if structure else []
        most = generator.uniform(0.2, 0.9)
        rounding = (1, 8, step)[number % 3]
        blocks = core.analyse(loaded).table.blocks
        channels = [
            {"block": b.index, "ratio": float(generator.uniform(0.01, most))} for b in blocks
        ]
        plan = {"version": 1, "round_to": rounding, "selection": [*parts, *channels]}
        stage = stage_of(loaded, parse_plan(plan))
        table = stage.analysis.table
        scores = generator.random(table.atom_count)
        removed = Resolver(table).resolve(stage.plan, scores).removed
        found.append(Variant(f"{rounding}, {len(parts)} parts", stage, removed))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--runtime", default="onnx")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--image-size", type=int, default=640)
    parser.add_argument("--plans", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--structure", action="store_true", help="units and scales go as well")
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
    whole = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
    variants = random_variants(loaded, latency.step, options.plans, options.seed, options.structure)
    errors, ratios = [], []
    print("| rounding | predicted ms | measured ms | error | predicted share | measured share |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for first in range(0, len(variants), AT_ONCE):
        part = variants[first : first + AT_ONCE]
        models = [loaded.model, *(variant.model for variant in part)]
        times = time_networks(models, options.runtime, settings_of(about), options.repeats)
        for variant, ms in zip(part, times[1:], strict=True):
            clock = Clock(variant.stage.timed(latency), variant.stage.analysis.table)
            guess = clock.ms(variant.removed)
            errors.append(guess / ms - 1)
            ratios.append((guess / whole) / (ms / times[0]) - 1)
            row = f"{guess:.2f} | {ms:.2f} | {errors[-1]:+.1%} | {guess / whole:.3f}"
            print(f"| {variant.words} | {row} | {ms / times[0]:.3f} |", flush=True)
    errors, ratios = np.array(errors), np.array(ratios)
    for name, values in (("time", np.abs(errors)), ("share of the unpruned", np.abs(ratios))):
        text = f"median {np.median(values):.1%}, largest {values.max():.1%}"
        print(f"{name}: {text}, {(values <= 0.1).sum()} of {len(values)} within 10%")


if __name__ == "__main__":
    main()
