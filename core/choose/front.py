"""Alternatives next to a suggestion: what more or less pruning would cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.graph.table import ChannelTable
from core.plan.allocate import explicit_plan
from core.plan.resolve import Resolver, Scores
from core.plan.schema import Plan
from core.plan.widths import Mask, compute_widths


@dataclass(frozen=True, slots=True)
class Alternative:
    """One network that can be had.

    Attributes
    ----------
    macs, params : float
        Multiply-adds and parameters kept, as fractions of the whole network.
    score : float
        Predicted cost: the sum of the scores of what goes, in the criterion's own unit. Only
        comparable within one front.
    plan : Plan
        Names the exact channels, so it replays without data.
    """

    macs: float
    params: float
    score: float
    plan: Plan

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "macs": self.macs,
            "params": self.params,
            "score": self.score,
            "plan": self.plan.to_json(),
        }


class Descent:
    """Removals along one way down, each with the scores it was chosen by.

    Parameters
    ----------
    table : ChannelTable
    """

    def __init__(self, table: ChannelTable) -> None:
        self.table = table
        self.steps: list[tuple[Mask, float]] = [(np.zeros(table.atom_count, bool), 0.0)]

    @property
    def removed(self) -> Mask:
        """What is gone at the end."""
        return self.steps[-1][0]

    def add(self, removed: Mask, scores: Scores) -> None:
        """Go one step further down; its cost is the score of what goes now."""
        before, cost = self.steps[-1]
        if (removed != before).any():
            self.steps.append((removed.copy(), cost + float(scores[removed & ~before].sum())))


def front_of(
    resolver: Resolver, plan: Plan, steps: list[tuple[Mask, float]]
) -> tuple[Alternative, ...]:
    """Return the steps that no other is at least as good as in all three figures.

    Parameters
    ----------
    resolver : Resolver
    plan : Plan
        Its constraints and names go into every alternative.
    steps : list of (mask, cost)
        The empty removal counts as known and is left out.
    """
    table = resolver.table
    whole = compute_widths(table, np.zeros(table.atom_count, bool))
    figures = []
    for removed, cost in steps:
        now = compute_widths(table, removed)
        figures.append((now.macs / whole.macs, now.parameters / whole.parameters, cost))
    chosen = [
        number
        for number in not_dominated(np.array(figures).reshape(-1, 3))
        if steps[number][0].any()
    ]
    return tuple(
        Alternative(*figures[number], explicit_plan(resolver, plan, steps[number][0]))
        for number in chosen
    )


def not_dominated(figures: Scores) -> list[int]:
    """Return the rows that no other row beats: none is as small in all and smaller in one.

    Of rows that are the same, the first stays.
    """
    chosen = []
    for number, row in enumerate(figures):
        as_small = (figures <= row).all(1)
        smaller = (figures < row).any(1)
        same_before = as_small & ~smaller & (np.arange(len(figures)) < number)
        if not (as_small & smaller).any() and not same_before.any():
            chosen.append(number)
    return chosen
