"""From a plan, perhaps with a target, to exact channels, with the alternatives next to them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.choose.front import Alternative, Descent, front_of
from core.choose.ranking import Ranker, Ranking, TriedRanking
from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.allocate import BEST, ORDERS, Allocator, explicit_plan
from core.plan.cost import CostModel
from core.plan.criteria import replays
from core.plan.goal import Goal
from core.plan.latency.times import Times
from core.plan.resolve import Resolution, Resolver, Scores
from core.plan.schema import Plan
from core.plan.target import meet_target, scaled
from core.plan.widths import Mask, Widths, compute_widths
from core.progress import Progress, Span, silent

if TYPE_CHECKING:
    from torch import nn

STEPS = 8
"""Alternatives on the way to a target where the ranking has no rounds of its own."""
BEYOND = (0.15, 0.3)
"""Alternatives past the target, as shares of the way to it."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to remove, and what else could be.

    Attributes
    ----------
    plan : Plan
        Names the exact channels: it replays without data.
    before, after : Widths
    scores : float array, shape (atoms,)
        Of the network as it is.
    file : Path or None
        Where the scores are kept.
    skipped : int
        Images that could not be read.
    front : tuple of Alternative
        Along the descent, the least pruned first.
    times : Times or None
        What the networks take, where the target was a time and was measured.
    hint : str
        What else may keep more accuracy; empty where nothing is known.
    rankings : tuple of TriedRanking
        Where several were tried.
    """

    plan: Plan
    before: Widths
    after: Widths
    scores: Scores
    file: Path | None
    skipped: int
    front: tuple[Alternative, ...]
    times: Times | None = None
    hint: str = ""
    rankings: tuple[TriedRanking, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "plan": self.plan.to_json(),
            "before": {"parameters": self.before.parameters, "macs": self.before.macs},
            "after": {"parameters": self.after.parameters, "macs": self.after.macs},
            "skipped": self.skipped,
            "times": None if self.times is None else self.times.to_json(),
            "hint": self.hint,
            "rankings": [tried.to_json() for tried in self.rankings],
            "front": [alternative.to_json() for alternative in self.front],
        }


DEEP = 0.75
"""Share of the multiply-adds below which structure is worth a trial: docs/accuracy.md."""


def hint_of(plan: Plan, before: Widths, after: Widths, scales: int) -> str:
    """Return what may keep more accuracy than a suggestion of channels alone.

    Parameters
    ----------
    plan : Plan
        As it was asked.
    before, after : Widths
        Of the suggestion.
    scales : int
        Detection scales of the network.
    """
    if scales < 2:  # there is none to remove; what its units cost was not measured
        return ""
    if plan.depth or plan.structure or plan.target is None or after.macs > DEEP * before.macs:
        return ""
    return (
        "At this depth, removing detection scales and units as well often keeps more accuracy "
        "than channels alone."
    )


class Chooser:
    """Turns one plan into atoms to remove.

    Parameters
    ----------
    ranker : Ranker
    table : ChannelTable
    plan : Plan
    cost : CostModel, optional
        For a target in milliseconds.
    """

    def __init__(
        self, ranker: Ranker, table: ChannelTable, plan: Plan, cost: CostModel | None = None
    ) -> None:
        self.ranker, self.table, self.cost, self.asked = ranker, table, cost, plan
        best = {"allocation": BEST} if plan.allocation == "auto" else {}
        self.plan = plan.model_copy(update=best)
        self.resolver = Resolver(table)
        self.first: Ranking | None = None
        self.descent = Descent(table)

    def resolve(self, progress: Progress = silent) -> tuple[Plan, Resolution]:
        """Return the plan with its target, if any, met, and the atoms it removes.

        With a criterion that uses images, allocation over the network goes in rounds and
        renews the scores (``core.pruning.rank``); everything else comes from one ranking.

        Raises
        ------
        UserError
            For a target that cannot be reached, or data that cannot be used.
        """
        plan = self.plan
        if replays(plan):
            scores = np.zeros(self.table.atom_count)
        elif plan.target is not None and self._in_rounds():
            plan, scores = self._by_rounds(progress), np.zeros(self.table.atom_count)
        else:
            scores = self._rank_whole(progress).scores
            plan = meet_target(self.resolver, plan, scores, self.cost)
        found = plan.model_copy(update={"allocation": self.asked.allocation})
        return found, replace(self.resolver.resolve(plan, scores), skipped=self.ranker.skipped)

    def _in_rounds(self) -> bool:
        return self.ranker.looks_at_images and self.plan.allocation in ORDERS

    def _rank_whole(self, progress: Progress) -> Ranking:
        if self.first is None:
            self.first = self.ranker.rank(self.ranker.loaded.model, self.table, progress)
        return self.first

    def _by_rounds(self, progress: Progress) -> Plan:
        from core.pruning.rank import rank_to_target

        last: list[Scores] = []

        def rate(model: nn.Module, table: ChannelTable, report: Progress) -> Scores:
            ranking = self.ranker.rank(model, table, report)
            if len(table.out_atoms) == len(self.table.out_atoms):  # nothing is cut yet
                self.first = self.first or ranking
            last[:] = [ranking.scores]
            return ranking.scores

        def watch(removed: Mask) -> None:
            self.descent.add(removed, last[0])

        model = self.ranker.loaded.model
        plan = rank_to_target(
            model, self.resolver, self.plan, rate, progress=progress, watch=watch, cost=self.cost
        )
        self._go_beyond(last[0])
        return plan

    def _go_beyond(self, scores: Scores) -> None:
        """Follow the last ranking past the target, for alternatives on the other side of it."""
        allocator = Allocator(self.resolver, self.plan)
        removed = self.descent.removed
        for goal in self._goals(tuple(1.0 + share for share in BEYOND)):
            removed = allocator.reduce(removed, scores, goal)
            self.descent.add(removed, scores)

    def _goals(self, shares: tuple[float, ...]) -> list[Goal]:
        if self.plan.target is None:
            return []
        goals = [Goal.of(self.table, self.plan.target, share, self.cost) for share in shares]
        return [goal for goal in goals if goal.amount > 0]

    # ---- the way to a suggestion ---------------------------------------------------------------

    def suggestion(
        self, found: Plan, resolution: Resolution, progress: Progress = silent
    ) -> Suggestion:
        """Return exact channels and the front.

        Parameters
        ----------
        found : Plan
        resolution : Resolution
            As `resolve` returned them.
        progress : Progress
            May cancel.

        Raises
        ------
        UserError
            For a plan that removes nothing.
        """
        check_removes(resolution.removed)
        first = self._rank_whole(Span(progress, 0.0, 0.5))
        progress(0.5, "Comparing alternatives")
        if not self._in_rounds() or self.plan.target is None:
            self._step_down(resolution.removed, first.scores)
        nothing = np.zeros(self.table.atom_count, bool)
        front = front_of(self.resolver, self.asked, self.descent.steps)
        progress(1.0, "Done")
        return Suggestion(
            explicit_plan(self.resolver, found, resolution.removed),
            compute_widths(self.table, nothing),
            compute_widths(self.table, resolution.removed),
            first.scores,
            first.file,
            first.skipped,
            front,
        )

    def _step_down(self, removed: Mask, scores: Scores) -> None:
        """Find alternatives by the same ranking at other amounts."""
        masks = [removed, *self._others(scores)]
        for mask in sorted(masks, key=np.count_nonzero):
            self.descent.steps.append((mask, float(scores[mask].sum())))

    def _others(self, scores: Scores) -> list[Mask]:
        shares = ((number + 1) / STEPS for number in range(STEPS - 1))
        amounts = (*shares, *(1.0 + share for share in BEYOND))
        if self.plan.target is None:
            plans = [scaled(self.plan, share) for share in amounts]
            return [self.resolver.resolve(plan, scores).removed for plan in plans]
        if self.plan.allocation in ORDERS:
            return self._by_order(self._goals(amounts), scores)
        return self._by_ratio(self._goals(amounts), scores)

    def _by_order(self, goals: list[Goal], scores: Scores) -> list[Mask]:
        allocator = Allocator(self.resolver, self.plan)
        removed = allocator.start()
        masks = []
        for goal in goals:
            removed = allocator.reduce(removed, scores, goal)
            masks.append(removed)
        return masks

    def _by_ratio(self, goals: list[Goal], scores: Scores) -> list[Mask]:
        masks = []
        for goal in goals:
            trial = self.plan.model_copy(update={"target": goal.as_target()})
            with contextlib.suppress(UserError):  # one that cannot be reached is no alternative
                plan = meet_target(self.resolver, trial, scores, self.cost)
                masks.append(self.resolver.resolve(plan, scores).removed)
        return masks


def check_removes(removed: Mask) -> None:
    """Refuse a suggestion that is empty.

    Raises
    ------
    UserError
        When nothing goes.
    """
    if not removed.any():
        raise UserError(
            "The plan removes nothing: its ratios are too small for the rounding.",
            "Increase the ratios, or set a smaller round_to.",
        )
