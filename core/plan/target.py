"""A target for the whole network turned into ratios."""

from __future__ import annotations

import numpy as np

from core.errors import UserError
from core.plan.resolve import Resolver, Scores
from core.plan.schema import Entry, Plan
from core.plan.widths import compute_widths

TOLERANCE = 0.01
"""How near a target must be met to count as met."""


def meet_target(resolver: Resolver, plan: Plan, scores: Scores) -> Plan:
    """Return the plan with its target replaced by one ratio for all it selects.

    An empty selection means every block. The ratio is the smallest that meets the target.

    Raises
    ------
    UserError
        For a target that cannot be reached (the nearest is named), or one in milliseconds.
    """
    if plan.target is None:
        return plan
    if plan.target.latency_ms is not None:
        raise UserError(
            "A target in milliseconds needs a latency table, which this version does not have.",
            'Give the target as "macs" or "params".',
        )
    table = resolver.table
    entries = plan.selection or tuple(Entry(block=b.index, ratio=0.5) for b in table.blocks)
    whole = compute_widths(table, np.zeros(table.atom_count, bool))
    by_macs = plan.target.macs is not None
    goal = plan.target.macs or plan.target.params or 1.0

    def share(ratio: float) -> tuple[float, Plan]:
        chosen = tuple(
            e if e.ratio is None else e.model_copy(update={"ratio": ratio}) for e in entries
        )
        trial = plan.model_copy(update={"selection": chosen, "target": None})
        widths = compute_widths(table, resolver.resolve(trial, scores).removed)
        now, before = (
            (widths.macs, whole.macs) if by_macs else (widths.parameters, whole.parameters)
        )
        return now / before, trial

    least, trial = share(1.0)
    if least > goal * (1 + TOLERANCE):
        raise UserError(
            f"The target of {goal:.0%} cannot be reached: the least this selection allows is "
            f"{least:.1%}.",
            "Select more blocks, lower minimum_channels or round_to, or raise the target.",
        )
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        reached, candidate = share(middle)
        if reached <= goal:
            high, trial = middle, candidate
        else:
            low = middle
    return trial
