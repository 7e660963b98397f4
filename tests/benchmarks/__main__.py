"""Speed as ratios in one run: ``make bench`` (or ``python -m tests.benchmarks --models yolov8n``).

Every comparison runs the two sides in turn, so that a slow machine slows both. Nothing here can
make the test suite fail.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def clock(call: Callable[[], Any]) -> float:
    """Milliseconds one call takes."""
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    call()
    end = time.perf_counter()
    gc.enable()
    return 1000 * (end - start)


def in_turn(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each side, run one after the other in every round."""
    for call in sides.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            times[name].append(clock(call))
    return {name: statistics.median(values) for name, values in times.items()}


def analysis(family: str, rounds: int) -> dict[str, float]:
    from core.graph.builder import analyse_model
    from scripts.peer import networks as peer
    from tests.core.networks import network

    model = network(family)
    changed = peer.without_chunk(model)
    times = in_turn(
        {
            "secateur": lambda: analyse_model(model, 640),
            "tp_64": lambda: peer.groups(changed, 64, with_head=False),
            "tp_64_head": lambda: peer.groups(changed, 64, with_head=True),
            "tp_640": lambda: peer.groups(changed, 640, with_head=False),
        },
        rounds,
    )
    own = times["secateur"]
    return {**times, **{f"ratio_{n}": times[n] / own for n in times if n != "secateur"}}


def what_if(family: str, rounds: int) -> dict[str, float]:
    from core.plan.resolve import Resolver
    from core.plan.schema import Plan
    from core.plan.widths import compute_widths
    from tests.core.networks import table_of

    table = table_of(family)
    generator = np.random.default_rng(0)
    masks = [generator.random(table.atom_count) < share for share in np.linspace(0, 1, 50)]
    times = [
        clock(lambda m=mask: compute_widths(table, m)) for _ in range(rounds) for mask in masks
    ]
    resolver, scores = Resolver(table), generator.random(table.atom_count)
    plans = [
        Plan(selection=[{"block": b.index, "ratio": r} for b in table.blocks])
        for r in np.linspace(0.05, 0.9, 20)
    ]
    resolved = [clock(lambda p=plan: resolver.resolve(p, scores)) for plan in plans]
    return {
        "what_if_median": statistics.median(times),
        "what_if_p99": float(np.percentile(times, 99)),
        "resolve_all_blocks_median": statistics.median(resolved),
    }


def surgery(family: str, rounds: int) -> dict[str, float]:
    from core.plan.resolve import Resolver
    from core.plan.schema import Plan
    from core.pruning.criteria import score_atoms
    from core.pruning.surgery import cut_network
    from scripts.peer import networks as peer
    from tests.core.networks import network, table_of

    model, table = network(family), table_of(family)
    plan = Plan(selection=[{"block": b.index, "ratio": 0.5} for b in table.blocks], round_to=1)
    resolver = Resolver(table)
    changed = peer.without_chunk(model)
    own, theirs = [], []

    def whole() -> None:
        scores = score_atoms(model, table, "l2", 0)
        cut_network(model, table, resolver.resolve(plan, scores).removed)

    for _ in range(rounds + 1):
        ready = peer.pruner(copy.deepcopy(changed), 64)
        theirs.append(clock(ready.step))
        own.append(clock(whole))
    return {
        "secateur": statistics.median(own[1:]),
        "tp_step": statistics.median(theirs[1:]),
        "ratio_tp_step": statistics.median(theirs[1:]) / statistics.median(own[1:]),
    }


MEMORY = """
import sys
from pathlib import Path
import torch
from core.pipeline import load
loaded = load(sys.argv[1])
if sys.argv[2] == "analyse":
    from core.graph.builder import analyse_model
    analyse_model(loaded.model, 640)
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def memory(family: str) -> dict[str, float]:
    """Peak memory of analysing a saved model against that of having it loaded, in MiB."""
    import torch

    from tests.core.networks import network

    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        torch.save({"model": network(family), "train_args": {}}, path)
        for what in ("load", "analyse"):
            done = subprocess.run(
                [sys.executable, "-c", MEMORY, str(path), what],
                check=True,
                capture_output=True,
                text=True,
            )
            peaks[what] = int(done.stdout.strip().splitlines()[-1]) / 1024
    return {**peaks, "ratio": peaks["analyse"] / peaks["load"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["yolov8n", "yolov8x"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = {
        family: {
            "analysis (ms)": analysis(family, options.rounds),
            "what-if (ms)": what_if(family, options.rounds),
            "surgery with ranking (ms)": surgery(family, options.rounds),
            "peak memory (MiB)": memory(family),
        }
        for family in options.models
    }
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for family, parts in report.items():
        print(f"\n{family}")
        for part, values in parts.items():
            cells = ", ".join(f"{name} {value:.3g}" for name, value in values.items())
            print(f"  {part}: {cells}")


if __name__ == "__main__":
    main()
