"""A target for the whole network turned into ratios or exact channels, from one ranking."""

from __future__ import annotations

import numpy as np

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.allocate import FLOOR, ORDERS, Allocator, check_reached, explicit_plan
from core.plan.cost import CostModel, Parameters
from core.plan.goal import TOLERANCE, Goal
from core.plan.live import file_size
from core.plan.ratio import WHOLE, within
from core.plan.resolve import Resolver, Scores
from core.plan.schema import Entry, Plan, Target
from core.plan.widths import Mask

__all__ = ["TOLERANCE", "meet_target", "scaled", "settled"]


def meet_target(
    resolver: Resolver, plan: Plan, scores: Scores, model: CostModel | None = None
) -> Plan:
    """Return the plan with its target replaced by ratios or by exact channels.

    Parameters
    ----------
    resolver : Resolver
    plan : Plan
        Its allocation decides: ``uniform`` gives one ratio to all it selects (an empty selection
        means every block), ``ratios`` multiplies the ratios given by one factor, the others rank
        over the whole network. ``auto`` is ``core.plan.allocate.BEST``.
    scores : float array, shape (atoms,)
    model : CostModel, optional
        For a target in milliseconds.

    Raises
    ------
    UserError
        For a target that cannot be met within the tolerance; the nearest is named.
    """
    if plan.target is None:
        return plan
    goal = Goal.of(resolver.table, plan.target, model=model)
    if plan.allocation in ORDERS or plan.allocation == "auto":
        allocator = Allocator(resolver, plan, FLOOR)
        removed = allocator.reduce(allocator.start(), scores, goal)
        check_reached(resolver.table, removed, goal)
        return explicit_plan(resolver, plan, removed)
    return _by_ratio(resolver, plan, scores, goal)


def settled(target: Target, table: ChannelTable, dtype: str, ms: float | None) -> Target | None:
    """Return a target as a share of the parameters or multiply-adds, or in milliseconds.

    Parameters
    ----------
    target : Target
    table : ChannelTable
    dtype : str
        That the file is saved in.
    ms : float or None
        Of the unpruned network, where it was timed.

    Returns
    -------
    Target or None
        None where a file of that size is no smaller than the network's.

    Raises
    ------
    UserError
        For a file that could not hold any weights.
    """
    if target.latency is not None and ms is not None:
        return Target(latency_ms=target.latency * ms)
    if target.file_bytes is None:
        return target
    whole = Parameters(table).whole()
    overhead, each = file_size(0, dtype), file_size(1, dtype) - file_size(0, dtype)
    share = (target.file_bytes - overhead) / each / whole
    if share <= 0:
        raise UserError(
            f"No network fits into {target.file_bytes:,} bytes.",
            f"A file without weights takes about {overhead:,} bytes: set a larger target.",
        )
    now = Parameters(table).cost(np.zeros(table.atom_count, bool))
    return Target(params=share) if share < now / whole else None


def scaled(plan: Plan, factor: float) -> Plan:
    """Return the plan with all its ratios multiplied by a factor, at most 1."""
    chosen = tuple(
        e if e.ratio is None else e.model_copy(update={"ratio": within(e.ratio * factor)})
        for e in plan.selection
    )
    return plan.model_copy(update={"selection": chosen, "target": None})


def _start(plan: Plan, blocks: int) -> Plan:
    """Return the plan at its most: its own ratios in proportion, the largest 1, or 1 for all."""
    entries = plan.selection or tuple(Entry(block=number, ratio=WHOLE) for number in range(blocks))
    most = max((e.ratio or 0.0 for e in entries), default=0.0)
    own = plan.allocation == "ratios" and most > 0
    chosen = tuple(
        e
        if e.ratio is None
        else e.model_copy(update={"ratio": within(e.ratio / most) if own else WHOLE})
        for e in entries
    )
    return plan.model_copy(update={"selection": chosen, "target": None})


def _by_ratio(resolver: Resolver, plan: Plan, scores: Scores, goal: Goal) -> Plan:
    """Search the factor whose removal is just below the goal, then meet it between two steps."""
    table = resolver.table
    most = _start(plan, len(table.blocks))

    def removal(factor: float) -> tuple[Plan, Mask]:
        trial = scaled(most, factor)
        return trial, resolver.resolve(trial, scores).removed

    small, large = removal(0.0), removal(1.0)
    if goal.model.cost(large[1]) > goal.amount:
        check_reached(table, large[1], goal)
        return large[0]
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = (low + high) / 2
        trial = removal(middle)
        if goal.model.cost(trial[1]) <= goal.amount:
            high, large = middle, trial
        else:
            low, small = middle, trial
    if goal.met(goal.model.cost(large[1])):
        return large[0]
    return _between(resolver, plan, scores, goal, small[1], large[1])


def _between(
    resolver: Resolver, plan: Plan, scores: Scores, goal: Goal, small: Mask, large: Mask
) -> Plan:
    """Take the last step, which is too large as a whole, unit by unit.

    Rounding makes all layers of a width step at the same ratio; the target may be between.
    """
    if goal.met(goal.model.cost(small)):
        return explicit_plan(resolver, plan, small)
    allocator = Allocator(resolver, plan, 0.0, only=large & ~small)
    removed = allocator.reduce(small, scores, goal)
    check_reached(resolver.table, removed, goal, (large,))
    return explicit_plan(resolver, plan, removed)
