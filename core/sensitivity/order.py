"""What one by one tries for a target: blocks in order of the least measured harm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from core.plan.resolve import Resolver, Scores
from core.plan.schema import Entry, Plan, Target
from core.plan.target import TOLERANCE, meet_target
from core.plan.widths import Mask, compute_widths
from core.progress import Progress
from core.sensitivity.cuts import CutEvaluator
from core.sensitivity.one_by_one import Run
from core.sensitivity.scan import scan_points
from core.system.journal import Journal


def entries_for_target(
    run: Run, target: Target, journal: Journal, scores: Scores, progress: Progress
) -> Iterator[Entry]:
    """Yield entries until the target is met.

    The ratio that would meet it in all blocks at once is tried in each, the one that costs least
    accuracy per multiply-add first; then, as long as it is not met, halfway from there to all.

    Parameters
    ----------
    run : Run
    target : Target
        In multiply-adds or parameters.
    journal : Journal
        Keeps the order found, so that a run continues in it.
    scores : float array, shape (atoms,)
        Of the unpruned network.
    progress : Progress
    """
    uniform = run.plan.model_copy(update={"target": target, "allocation": "uniform"})
    met = meet_target(run.resolver, uniform.model_copy(update={"selection": ()}), scores)
    ratio = max(entry.ratio or 0.0 for entry in met.selection)
    order = _order(run, journal, ratio, scores, progress)
    for wanted in (ratio, (1 + ratio) / 2):
        for block in order:
            if _share(run.resolver, run.standing.removed, target) <= _goal(target):
                return
            yield Entry(block=block, ratio=round(wanted, 6))


def _order(
    run: Run, journal: Journal, ratio: float, scores: Scores, progress: Progress
) -> Sequence[int]:
    for known in journal.records:
        if known.get("run") == run.key and "order" in known:
            return [int(block) for block in known["order"]]
    points, _ = scan_points(run.resolver, run.plan, scores, [ratio], None)
    table = run.resolver.table
    whole = compute_widths(table, np.zeros(table.atom_count, bool)).macs
    evaluator = CutEvaluator(run.loaded.model, table, run.validation)
    harm: dict[int, float] = {}
    for place, accuracy in evaluator.evaluate([p.removed for p in points], progress):
        lost = run.base["map50_95"] - accuracy.map50_95
        saved = (whole - points[place].macs) / whole
        # A gain counts more the less it saves: then the block is small and safe, and goes first.
        harm[points[place].block] = lost / max(saved, 1e-9)
    order = sorted(harm, key=lambda block: harm[block])
    journal.append({"run": run.key, "order": order})
    return order


def _goal(target: Target) -> float:
    return (target.macs or target.params or 1.0) * (1 + TOLERANCE)


def _share(resolver: Resolver, removed: Mask, target: Target) -> float:
    table = resolver.table
    whole = compute_widths(table, np.zeros(table.atom_count, bool))
    now = compute_widths(table, removed)
    if target.macs is not None:
        return now.macs / whole.macs
    return now.parameters / whole.parameters


def entries_given(plan: Plan) -> Sequence[Entry]:
    """Return the plan's own lines."""
    return plan.selection
