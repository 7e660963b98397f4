"""Accuracy after pruning and repair: the table of docs/repair.md.

    python scripts/repair_table.py yolov8n-coco.pt coco128/coco128.yaml --cpu-minutes

Channels are ranked and weights repaired on the train split only, labels unused in repair; figures
are from the val split; in brackets, the share of the unpruned network with its 95% interval (a
paired bootstrap over images). With --cpu-minutes distillation is given as much processor time as
the threads would have in those minutes, so that a figure does not depend on what else the machine
does.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

import core
from core.data.stream import DataSettings
from core.pipeline import analyse, resolve
from core.plan.schema import Plan, Target
from core.plan.widths import compute_widths
from core.pruning.surgery import cut_network
from core.repair import Repaired, RepairSettings, parse_steps, repair
from scripts.judging.shares import Val


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--criterion", default="fisher")
    parser.add_argument("--steps", default="auto")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--cpu-minutes", action="store_true")
    parser.add_argument("--less", type=float, nargs="*", default=[0.1, 0.2, 0.3, 0.5])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    loaded = core.load(options.model)
    analysis = analyse(loaded)
    table = analysis.table
    data = DataSettings(
        Path(options.data),
        images=options.images,
        seed=options.seed,
        image_size=options.size,
        device=options.device,
    )

    val = Val(loaded, data)
    print(f"Unpruned: {val(loaded.model).figure:.4f} mAP50-95 on val at {options.size} px\n")
    print("| GFLOPs | raw | repaired | steps (held-out gap) | seconds |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for less in options.less:
        target = Target(macs=1 - less)
        plan = Plan(criterion=options.criterion, target=target, round_to=1, seed=options.seed)
        removed = resolve(loaded, analysis, plan, data)[1].removed
        pruned = cut_network(loaded.model, table, removed)
        start = time.perf_counter()
        result = mended(loaded, pruned, table, removed, data, options)
        seconds = time.perf_counter() - start
        before, after = val(pruned), val(result.model)
        steps = ", ".join(
            f"{s.step} {s.before.gap:.2f} → {s.after.gap:.2f}{'' if s.kept else ' (not kept)'}"
            for s in result.steps
        )
        reached = compute_widths(table, removed).macs / sum(b.macs for b in table.blocks) - 1
        cells = (
            f"{reached:+.1%}",
            str(before),
            str(after),
            steps,
            f"{seconds:.0f}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


def mended(loaded, pruned, table, removed, data, options) -> Repaired:
    minutes = options.minutes * (options.threads if options.cpu_minutes else 1)
    settings = RepairSettings(
        parse_steps(options.steps), minutes=minutes, seed=options.seed, images=options.images
    )
    return repair(
        loaded.model,
        pruned,
        table,
        removed,
        data,
        settings,
        classes=loaded.facts.classes,
        task=loaded.facts.task,
        clock=time.process_time if options.cpu_minutes else time.monotonic,
    )


if __name__ == "__main__":
    main()
