"""From a target to exact channels: rank, take the least, rank what is left again.

Importance changes as neighbours go, so a large target is met in rounds, each on the network as
cut so far (2108.00708, section 3.4, prunes and renews in turns as well).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.allocate import FLOOR, Allocator, Goal, check_reached, explicit_plan
from core.plan.cost import CostModel
from core.plan.resolve import Resolver, Scores
from core.plan.schema import Plan
from core.plan.shrink import shrink_table
from core.plan.widths import Mask
from core.progress import Progress, silent
from core.pruning.surgery import cut_network

if TYPE_CHECKING:
    from torch import nn

Score = Callable[["nn.Module", ChannelTable, Progress], Scores]

ROUND = 0.035
"""Share of the whole cost that one round takes at most."""


def rank_to_target(
    model: nn.Module,
    resolver: Resolver,
    plan: Plan,
    score: Score,
    *,
    rounds: int | None = None,
    floor: float = FLOOR,
    progress: Progress = silent,
    watch: Callable[[Mask], None] | None = None,
    cost: CostModel | None = None,
) -> Plan:
    """Return the plan with its target replaced by the exact channels that go.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    resolver : Resolver
        Of that network.
    plan : Plan
        With a target; locks, rounding, floor and selection hold. Channels it names exactly go
        first.
    score : callable
        Scores the atoms of a network; asked again in every round, for the network as cut so far.
    rounds : int, optional
        How often; by default as many as keep each round small.
    floor : float
        Share of its outputs that every layer keeps.
    progress : Progress
        May cancel.
    watch : callable, optional
        Told the removal after every round.
    cost : CostModel, optional
        For a target in milliseconds: what tells them.

    Returns
    -------
    Plan
        It resolves to the same atoms whatever the scores.

    Raises
    ------
    UserError
        When the target cannot be reached; the nearest is named.
    """
    if plan.target is None:
        raise UserError("The plan has no target.", 'Add one, for example "target": {"macs": 0.7}.')
    table = resolver.table
    last = Goal.of(table, plan.target, model=cost)
    rounds = rounds or max(1, math.ceil((1.0 - last.amount / last.model.whole()) / ROUND - 1e-9))
    allocator = Allocator(resolver, plan, floor)
    removed = allocator.start()
    # What no ranking can reach is refused before the first one, which may take minutes.
    check_reached(table, allocator.reduce(removed, np.ones(table.atom_count), last), last)
    for number in range(rounds):
        goal = Goal.of(table, plan.target, (number + 1) / rounds, cost)
        part = _part(progress, number, rounds)
        scores = score(cut_network(model, table, removed), shrink_table(table, removed), part)
        removed = allocator.reduce(removed, scores, goal)
        if watch is not None:
            watch(removed)
    check_reached(table, removed, last)
    return explicit_plan(resolver, plan, removed)


def _part(progress: Progress, number: int, rounds: int) -> Progress:
    def report(fraction: float, text: str) -> None:
        progress((number + fraction) / rounds, f"Round {number + 1} of {rounds}: {text}")

    return report
