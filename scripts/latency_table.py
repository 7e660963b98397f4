"""What a target in milliseconds buys against one in multiply-adds: accuracy and measured time.

``python scripts/latency_table.py MODEL DATA`` prints the table of docs/latency.md. No weight is
changed, but for the column that ``--repair bn,refit`` adds. Scores come from the train split,
accuracy from the val split at ``--size``; times are those of ONNX Runtime at ``--latency-size``,
all networks in turns in one run, as ratios to the unpruned one. Networks:

- by multiply-adds to 0.7, no rounding (``round_to`` 1), and with the usual rounding of 8;
- by milliseconds, stopped where multiply-adds are 0.7;
- by milliseconds to 0.7, as predicted;
- by milliseconds to 0.7, as measured: the rounds of the same descent are timed, and it ends where
  they come to 0.7;
- by multiply-adds with the usual rounding, to the measured time of the last.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

import core
from core.choose.ranking import Ranker
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.plan.allocate import Allocator, Goal
from core.plan.cost import MultiplyAdds
from core.plan.latency.cost import Milliseconds, rounded
from core.plan.resolve import Resolver
from core.plan.schema import Plan, Target
from core.plan.widths import compute_widths
from core.pruning.rank import rank_to_target
from core.pruning.surgery import cut_network
from core.repair import RepairSettings, parse_steps, repair
from core.ship.latency.measure import measure
from core.ship.latency.table import build_latency, describe_here


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.loaded = core.load(options.model)
        self.table = core.analyse(self.loaded).table
        self.resolver = Resolver(self.table)
        self.data = DataSettings(
            Path(options.data), images=options.images, image_size=options.size, device="cpu"
        )
        about = describe_here(
            "onnx", threads=options.threads, image_size=options.latency_size, device="cpu"
        )
        facts = self.loaded.facts
        self.latency = build_latency(self.loaded.model, self.table, facts.sha256, about)
        self.cost = Milliseconds(self.table, self.latency)
        self.nothing = np.zeros(self.table.atom_count, bool)

    def macs(self, removed: np.ndarray) -> float:
        whole = compute_widths(self.table, self.nothing).macs
        return compute_widths(self.table, removed).macs / whole

    def descend(self, plan: Plan) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return, for every round, what was gone before, the scores, and what is gone after."""
        ranker = Ranker(self.loaded, plan, self.data)
        steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        before, scores = [self.nothing], [np.zeros(0)]

        def rate(model, table, progress):
            scores[0] = ranker.rank(model, table, progress).scores
            return scores[0]

        def watch(removed):
            steps.append((before[0], scores[0], removed))
            before[0] = removed
            share = self.cost.cost(removed) / self.cost.whole()
            print(f"  round {len(steps)}: GFLOPs {self.macs(removed):.3f}, ms {share:.3f}",
                  flush=True)  # fmt: skip

        by_time = plan.target is not None and plan.target.latency_ms is not None
        rank_to_target(
            self.loaded.model,
            self.resolver,
            plan,
            rate,
            rounds=self.options.rounds,
            watch=watch,
            cost=self.cost if by_time else None,
        )
        return steps

    def stop_at_macs(self, plan: Plan, steps: list, goal: float) -> np.ndarray:
        """Return the removal of a descent by milliseconds where multiply-adds reach a share."""
        before, scores, _ = first(steps, lambda removed: self.macs(removed) <= goal)
        allocator = Allocator(self.resolver, plan)
        low, high = 0.0, self.cost.cost(before)
        best = before
        for _ in range(30):
            middle = (low + high) / 2
            removed = allocator.reduce(before, scores, Goal(self.cost, middle))
            if abs(self.macs(removed) - goal) < abs(self.macs(best) - goal):
                best = removed
            low, high = (middle, high) if self.macs(removed) < goal else (low, middle)
        return best

    def stop_at_ms(self, plan: Plan, steps: list, goal: float) -> np.ndarray:
        """Return the removal of a descent by multiply-adds where the time reaches a share."""
        whole = self.cost.whole()
        before, scores, after = first(steps, lambda gone: self.cost.cost(gone) <= goal * whole)
        allocator, cost = Allocator(self.resolver, plan), MultiplyAdds(self.table)
        low, high, best = cost.cost(after), cost.cost(before), after
        for _ in range(30):
            middle = (low + high) / 2
            removed = allocator.reduce(before, scores, Goal(cost, middle))
            share = self.cost.cost(removed) / whole
            if abs(share - goal) < abs(self.cost.cost(best) / whole - goal):
                best = removed
            low, high = (middle, high) if share < goal else (low, middle)
        return best

    def stop_at_measured(self, plan: Plan, steps: list, goal: float) -> np.ndarray:
        """Return the removal of a descent by milliseconds where the measured time is a share."""
        masks = [self.nothing, *(step[2] for step in steps)]
        timings = self.time({str(number): mask for number, mask in enumerate(masks)})
        ratios = [(t.cpu_ratio or t.ratio).median for t in timings[1:]]
        shares = [self.cost.cost(mask) / self.cost.whole() for mask in masks[1:]]
        for share, ratio in zip(shares, ratios, strict=True):
            print(f"  predicted {share:.3f}, measured {ratio:.3f}", flush=True)
        wanted = float(np.interp(goal, ratios[::-1], shares[::-1])) * self.cost.whole()
        before, scores, _ = first(steps, lambda removed: self.cost.cost(removed) <= wanted)
        return Allocator(self.resolver, plan).reduce(before, scores, Goal(self.cost, wanted))

    def time(self, masks: dict[str, np.ndarray]):
        """Return the times of networks by what they lack, in turns."""
        model, table = self.loaded.model, self.table
        return measure(
            {name: cut_network(model, table, mask) for name, mask in masks.items()},
            runtimes=("onnx",),
            image_size=self.options.latency_size,
            threads=self.options.threads,
            repeats=self.options.repeats,
            device="cpu",
        ).timings

    def accuracy(self, model) -> float:
        settings = replace(self.data, split="val", images=10**9)
        return evaluate(model, settings, self.loaded.facts.classes).map50_95

    def repaired(self, model, removed: np.ndarray, steps: str):
        """Return the network after repair by the training images."""
        facts = self.loaded.facts
        settings = RepairSettings(parse_steps(steps), minutes=60.0, images=self.options.images)
        return repair(self.loaded.model, model, self.table, removed, self.data, settings,
                      classes=facts.classes, task=facts.task).model  # fmt: skip


def first(steps: list, reached: Callable[[np.ndarray], bool]) -> tuple:
    """Return the first round whose removal comes as far as asked, or the last."""
    return next((step for step in steps if reached(step[2])), steps[-1])


def find(bench: Bench, criterion: str) -> dict[str, np.ndarray]:
    found = {}
    for rounding in (1, 8):
        plan = Plan(criterion=criterion, round_to=rounding, allocation="cost",
                    target=Target(macs=0.7))  # fmt: skip
        print(f"target GFLOPs, round_to {rounding}", flush=True)
        found[f"target GFLOPs 0.7, `round_to` {rounding}"] = bench.descend(plan)[-1][2]
    goal = 0.7 * bench.cost.whole()
    plan = Plan(
        criterion=criterion, round_to="auto", allocation="cost", target=Target(latency_ms=goal)
    )
    plan = rounded(plan, bench.latency)
    print(f"target ms, round_to {plan.round_to}", flush=True)
    steps = bench.descend(plan)
    name = f"`round_to` {plan.round_to}"
    found[f"target ms until GFLOPs are 0.7, {name}"] = bench.stop_at_macs(plan, steps, 0.7)
    found[f"target ms 0.7, predicted, {name}"] = steps[-1][2]
    found[f"target ms 0.7, measured, {name}"] = bench.stop_at_measured(plan, steps, 0.7)
    plan = Plan(criterion=criterion, round_to=8, allocation="cost", target=Target(macs=0.5))
    print("target GFLOPs until the time is 0.7", flush=True)
    steps = bench.descend(plan)
    found["target GFLOPs until ms are 0.7, `round_to` 8"] = bench.stop_at_ms(plan, steps, 0.7)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--criterion", default="fisher")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, help="rankings per descent; enough by default")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--latency-size", type=int, default=640)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--repair", help="steps, such as bn,refit: a column after them as well")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    bench = Bench(options)
    found = {"unpruned": bench.nothing, **find(bench, options.criterion)}
    timings = bench.time(found)
    print(f"\n{bench.latency.about}, scores by `{options.criterion}`\n")
    heads = ["network", "GFLOPs", "predicted ms", "measured ms (quartiles)", "ratio",
             "mAP50-95", *(["repaired"] if options.repair else [])]  # fmt: skip
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    whole, accuracy = bench.cost.whole(), 0.0
    for (name, mask), timing in zip(found.items(), timings, strict=True):
        # On one thread the thread's own computing time is what other programs leave alone.
        time = timing.cpu or timing.wall
        ratio = timing.cpu_ratio or timing.ratio
        model = cut_network(bench.loaded.model, bench.table, mask)
        figure = bench.accuracy(model)
        accuracy = accuracy or figure
        guess = bench.cost.cost(mask)
        spread = f"{time.median:.2f} ({time.low:.2f} to {time.high:.2f})"
        share = "1" if ratio is None else f"{ratio.median:.3f}"
        cells = (
            name,
            f"{bench.macs(mask):.3f}",
            f"{guess:.2f} ({guess / whole:.3f})",
            spread,
            share,
            f"{figure:.4f} ({figure / accuracy:.1%})",
        )
        if options.repair:
            mended = figure
            if mask.any():
                mended = bench.accuracy(bench.repaired(model, mask, options.repair))
            cells = (*cells, f"{mended:.4f} ({mended / accuracy:.1%})")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
