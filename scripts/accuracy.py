"""Accuracy after pruning, for every criterion: the table of docs/accuracy.md.

    python scripts/accuracy.py ../shared/data/yolov8n-coco.pt ../shared/data/coco128/coco128.yaml

Scores come from the train split only, figures from the val split; no weight is changed. The
dataset is only read. Criteria that need data are renewed in rounds and allocated by cost; those
that need none are shown both ways, by cost from one ranking and by one ratio for all.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import core
from core.data.evaluate import evaluate
from core.data.stream import DataSettings, Stream
from core.errors import UserError
from core.plan.resolve import Resolver
from core.plan.schema import Plan, Target
from core.plan.target import meet_target
from core.plan.widths import compute_widths
from core.prune.criteria import CRITERIA, DATA_CRITERIA, score_atoms
from core.prune.rank import rank_to_target
from core.prune.surgery import cut_network

STEPS = (0.9, 0.8, 0.7)
ROUNDS_PER_STEP = 3


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.loaded = core.load(options.model)
        self.table = core.analyse(self.loaded).table
        self.resolver = Resolver(self.table)
        self.data = DataSettings(
            Path(options.data),
            images=options.images,
            seed=options.seed,
            image_size=options.size,
            device=options.device,
        )
        self.classes = self.loaded.facts.classes
        self.stream = Stream(self.data, self.loaded.facts.task, self.classes)
        self.plan = Plan(round_to=options.round_to, seed=options.seed)
        self.whole = self.macs(np.zeros(self.table.atom_count, bool))
        self.unpruned = self.accuracy(self.loaded.model)

    def macs(self, removed: np.ndarray) -> int:
        return compute_widths(self.table, removed).macs

    def accuracy(self, model) -> float:
        settings = replace(self.data, split="val", images=10**9)
        return evaluate(model, settings, self.classes).map50_95

    def score(self, criterion: str):
        def rate(model, table, progress):
            return score_atoms(model, table, criterion, self.data.seed, self.stream, progress)

        return rate

    def by_cost(self, criterion: str) -> tuple[list[np.ndarray], float]:
        """Return the removals at every step along one descent, and its seconds."""
        plan = self.plan.model_copy(update={"target": Target(macs=STEPS[-1])})
        masks: list[np.ndarray] = []
        start = time.perf_counter()
        rank_to_target(
            self.loaded.model,
            self.resolver,
            plan,
            self.score(criterion),
            rounds=len(STEPS) * ROUNDS_PER_STEP,
            watch=masks.append,
        )
        return masks[ROUNDS_PER_STEP - 1 :: ROUNDS_PER_STEP], time.perf_counter() - start

    def by_ratio(self, criterion: str) -> tuple[list[np.ndarray], float]:
        start = time.perf_counter()
        scores = score_atoms(self.loaded.model, self.table, criterion, self.data.seed)
        masks = []
        for step in STEPS:
            plan = self.plan.model_copy(update={"target": Target(macs=step)})
            chosen = meet_target(self.resolver, plan, scores)
            masks.append(self.resolver.resolve(chosen, scores).removed)
        return masks, time.perf_counter() - start

    def row(self, name: str, way: str, masks: list[np.ndarray], seconds: float) -> str:
        cells = []
        for removed in masks:
            figure = self.accuracy(cut_network(self.loaded.model, self.table, removed))
            share = self.macs(removed) / self.whole - 1
            cells.append(f"{figure:.4f} ({figure / self.unpruned:.1%} at {share:+.1%})")
        return f"| `{name}` | {way} | {' | '.join(cells)} | {seconds:.0f} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--round-to", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", help="criteria; all of them by default")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    bench = Bench(options)
    print(f"Unpruned: {bench.unpruned:.4f} mAP50-95 on val at {options.size} px; round_to")
    print(f"{options.round_to}, {len(bench.stream)} training images, {options.threads} thread(s)\n")
    print("| criterion | allocation | −10 % | −20 % | −30 % | time to −30 % |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in (*DATA_CRITERIA, *CRITERIA):
        if options.only and name not in options.only:
            continue
        ways = {"by cost": bench.by_cost}
        if name in CRITERIA:
            ways["one ratio"] = bench.by_ratio
        for way, find in ways.items():
            try:
                print(bench.row(name, way, *find(name)), flush=True)
            except UserError as error:
                print(f"| `{name}` | {way} | {error.message} | | | |", flush=True)


if __name__ == "__main__":
    main()
