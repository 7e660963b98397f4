"""A sensitivity scan against evaluating each of its points from scratch, in one run.

``python -m tests.benchmarks.sensitivity MODEL DATA`` times the scan's evaluations and then every
n-th point as ``evaluate`` does it, on the same machine. Wall-clock and processor seconds; figures
must agree.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch


def points_of(table, scores, ratios):
    from core.plan.resolve import Resolver
    from core.plan.schema import Plan
    from core.sensitivity.scan import scan_points

    return scan_points(Resolver(table), Plan(), scores, ratios, None)[0]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument(
        "--every", type=int, default=6, help="of the points, evaluated from scratch"
    )
    parser.add_argument("--workers", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def seconds() -> np.ndarray:
    """Return wall-clock and processor seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    from core.data.evaluate import evaluate
    from core.data.stream import ALL, DataSettings
    from core.data.validation import Validation
    from core.pipeline import analyse, load
    from core.plan.ratio import SCANNED
    from core.pruning.criteria import score_atoms
    from core.pruning.surgery import cut_network
    from core.sensitivity.cuts import CutEvaluator

    options = parsed()
    torch.set_num_threads(options.threads)
    loaded = load(options.model)
    facts, table = loaded.facts, analyse(loaded).table
    data = DataSettings(options.data, images=ALL, split="val", image_size=options.image_size)
    points = points_of(table, score_atoms(loaded.model, table, "bn_scale", 0), SCANNED)
    evaluate(loaded.model, data, facts.classes, facts.task)  # libraries warm up

    start = seconds()
    unlike = {point.atoms: point for point in points}
    validation = Validation(loaded.model, data, facts.classes, facts.task)
    evaluator = CutEvaluator(loaded.model, table, validation, workers=options.workers)
    evaluator.baseline()
    cuts = list(unlike.values())
    found = {
        cuts[place].atoms: accuracy
        for place, accuracy in evaluator.evaluate([p.removed for p in cuts])
    }
    scan = seconds() - start

    sample = points[:: options.every]
    start = seconds()
    gap = 0.0
    for point in sample:
        cut = cut_network(loaded.model, table, point.removed)
        accuracy = evaluate(cut, data, facts.classes, facts.task)
        gap = max(gap, abs(accuracy.map50_95 - found[point.atoms].map50_95))
    scratch = (len(points) + 1) / len(sample) * (seconds() - start)
    report = {
        "points": len(points),
        "unlike": len(cuts),
        "blocks": len({point.block for point in points}),
        "threads": options.threads,
        "scan_s": scan,
        "scratch_s": scratch,
        "ratio_wall": scratch[0] / scan[0],
        "ratio_processor": scratch[1] / scan[1],
        "largest_gap": gap,
    }
    print(json.dumps({key: np.round(value, 4).tolist() for key, value in report.items()}))


if __name__ == "__main__":
    main()
