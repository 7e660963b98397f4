"""A plan settled: its units chosen, its target met and, for times, checked by measuring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from core.checkpoint import Loaded
from core.checkpoint.facts import kept_dtype
from core.errors import UserError, no_dataset
from core.plan.cost import CostModel
from core.plan.goal import MODELS, Goal
from core.plan.latency.clock import Clock, LatencyTable
from core.plan.latency.cost import Milliseconds
from core.plan.predict import Prediction
from core.plan.resolve import Resolution
from core.plan.schema import Plan, Target
from core.plan.target import settled
from core.progress import Progress, Span, silent
from core.ship.devices.ssh import AwayError
from core.ship.latency.usual import latency_for

if TYPE_CHECKING:
    from core.choose.ranking import TriedRanking
    from core.choose.suggest import Chooser
    from core.cluster.pool import Pool
    from core.data.stream import DataSettings
    from core.plan.latency.times import Times
    from core.structure.stage import Stage

MISS = 0.02
"""How far a measured time may be from a target and still count as met, as a share of it."""
CORRECTIONS = 3
"""How often a plan is corrected by what was measured."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a plan comes to.

    Attributes
    ----------
    stage : Stage
        What its structure leaves of the network.
    plan : Plan
        As it was carried out: structure and exact channels, without target.
    resolution : Resolution
        Channels of the stage that go.
    times : Times or None
        What the unpruned and the pruned network take, measured in turns; only for a target that
        is a time.
    chooser : Chooser or None
        What chose the channels; None where none were to be chosen.
    data : DataSettings or None
        The images that they were ranked on.
    rankings : tuple of TriedRanking
        Where several were tried.
    """

    stage: Stage
    plan: Plan
    resolution: Resolution
    times: Times | None = None
    chooser: Chooser | None = None
    data: DataSettings | None = None
    rankings: tuple[TriedRanking, ...] = ()


class Settler:
    """Settles plans for one network.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    data : DataSettings, optional
        Images, for a criterion that uses them and for choosing units.
    cache : bool
        Whether to read and write the user's cache.
    pool : Pool, optional
        What looks at images to rank on, by criteria whose images can be shared out.
    """

    def __init__(
        self,
        loaded: Loaded,
        data: DataSettings | None = None,
        *,
        cache: bool = True,
        pool: Pool | None = None,
    ) -> None:
        self.loaded, self.data, self.cache, self.pool = loaded, data, cache, pool

    def settle(self, plan: Plan, progress: Progress = silent) -> Settled:
        """Choose units where the plan asks for that, meet its target, and check a time.

        Raises
        ------
        UserError
            For a plan that does not fit the network, a target that cannot be reached, or data
            that is missing or cannot be used.
        """
        deep = plan.depth and plan.target is not None
        chosen = Span(progress, 0.0, 0.7) if deep else silent
        rest = Span(progress, 0.7, 1.0) if deep else progress
        plan = self._with_units(plan, chosen)
        by_time = plan.target is not None and plan.target.by_time
        found = self.allocate(plan, Span(rest, 0.0, 0.6) if by_time else rest)
        return self._as_measured(plan, found, Span(rest, 0.6, 1.0)) if by_time else found

    def allocate(
        self, plan: Plan, progress: Progress = silent, data: DataSettings | None = None
    ) -> Settled:
        """Settle a plan without choosing units or measuring.

        ``data`` are the images to rank on, instead of those that are there.
        """
        from core.structure.stage import stage_of

        stage = stage_of(self.loaded, plan, cache=self.cache)
        if not stage.is_whole and stage.asks_nothing:
            check_strategy(stage.plan)
            return Settled(stage, stage.replayed(stage.plan, plan), nothing_of(stage))
        if plan.rankings > 1 and stage.plan.target is not None and data is None:
            return self._closest(stage, plan, progress)
        return self._ranked(stage, plan, data, progress)

    def _ranked(
        self, stage: Stage, plan: Plan, data: DataSettings | None, progress: Progress
    ) -> Settled:
        """Settle a plan by one ranking."""
        chooser = self.chooser(stage, progress, data, plan)
        found, resolution = resolved(chooser, progress)
        made = found if stage.is_whole else stage.replayed(found, plan)
        return Settled(stage, made, resolution, chooser=chooser, data=data or self.data)

    def _closest(self, stage: Stage, plan: Plan, progress: Progress) -> Settled:
        """Settle a plan by several rankings, and take the one that repairs best."""
        from core.sensitivity.rankings import check_rankings, closest, draws_of

        data = check_rankings(plan, self.data)
        draws = list(draws_of(data, plan.rankings))
        found = []
        for number, draw in enumerate(draws):
            start, end = (0.7 * n / len(draws) for n in (number, number + 1))
            name = f"Ranking {number + 1} of {len(draws)}: "
            found.append(self._ranked(stage, plan, draw, Span(progress, start, end, name)))
        masks = [one.resolution.removed for one in found]
        tried = closest(stage, draws, masks, data, Span(progress, 0.7, 1.0))
        best = next(n for n, one in enumerate(tried) if one.kept)
        return replace(found[best], rankings=tried)

    def chooser(
        self,
        stage: Stage,
        progress: Progress,
        data: DataSettings | None = None,
        asked: Plan | None = None,
    ) -> Chooser:
        """Return what turns a stage's plan into channels to remove.

        ``asked`` is the plan that made the stage, where it takes structure away.
        """
        from core.choose.elsewhere import Elsewhere
        from core.choose.ranking import Ranker
        from core.choose.suggest import Chooser

        check_strategy(stage.plan)
        latency = self._latency(stage, stage.plan, progress)
        plan, latency = stage.settled(latency), stage.timed(latency)
        cost = None if latency is None else Milliseconds(stage.analysis.table, latency)
        there, table = None, stage.analysis.table
        if self.pool is not None:
            there = Elsewhere(self.pool, stage.original, asked or stage.plan, table)
        ranker = Ranker(stage.loaded, plan, data or self.data, cache=self.cache, elsewhere=there)
        return Chooser(ranker, table, plan, cost)

    def _latency(self, stage: Stage, plan: Plan, progress: Progress) -> LatencyTable | None:
        whole = stage.before
        return latency_for(
            stage.original.model, whole.table, whole.facts, plan, self.cache, progress
        )

    # ---- units --------------------------------------------------------------------------------

    def _with_units(self, plan: Plan, progress: Progress) -> Plan:
        if not plan.depth or plan.target is None:
            return plan
        from core.sensitivity.depth import check_depth, choose_units
        from core.structure.stage import stage_of

        data, target = check_depth(self.data), plan.target
        first = stage_of(self.loaded, plan.model_copy(update={"structure": ()}), cache=self.cache)
        latency = self._latency(first, plan, Span(progress, 0.0, 0.05))
        share = self._shares(first, target, latency)
        goal = self._goal(first, target, latency)

        def allocate(trial: Plan, report: Progress) -> tuple[Stage, Resolution]:
            found = self.allocate(trial, report, data)  # by one ranking
            return found.stage, found.resolution

        show = Span(progress, 0.05, 1.0)
        return choose_units(self.loaded, plan, data, goal, share, allocate, show)

    def _goal(self, stage: Stage, target: Target, latency: LatencyTable | None) -> float:
        """Return a target as a share of the whole network's cost."""
        table = stage.before.table
        model = None if latency is None else Milliseconds(table, latency)
        ms = None if model is None else model.whole()
        wanted = settled(target, table, kept_dtype(stage.original.facts), ms)
        if wanted is None:  # a file of that size holds the whole network
            return 1.0
        goal = Goal.of(table, wanted, model=model)
        return goal.amount / goal.model.whole()

    def _shares(
        self, first: Stage, target: Target, latency: LatencyTable | None
    ) -> Callable[[Stage], float]:
        """Return what tells the share of the whole network's cost that a stage has."""
        key = "params" if target.file_bytes is not None else next(k for k, v in target if v)

        def model(stage: Stage) -> CostModel:
            table = stage.analysis.table
            timed = stage.timed(latency)
            return MODELS[key](table) if timed is None else Milliseconds(table, timed)

        whole = first.before.table
        full = MODELS[key](whole) if latency is None else Milliseconds(whole, latency)
        cost = full.whole()
        return lambda stage: model(stage).cost(stage.nothing) / cost

    # ---- times --------------------------------------------------------------------------------

    def _as_measured(self, plan: Plan, found: Settled, progress: Progress) -> Settled:
        """Measure what was found, and correct the target until the time is met as measured."""
        stage = found.stage
        latency = self._latency(stage, plan, progress)
        if latency is None or not found.resolution.removed.any():
            return found
        table = stage.before.table
        whole = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
        target = settled(plan.target, table, "float32", whole) if plan.target else None
        if target is None or target.latency_ms is None:
            return found
        goal = target.latency_ms / whole
        try:
            tried = [self._timed(found, latency, Span(progress, 0.0, 0.25))]
        except AwayError:  # the device's table is what there is
            return found
        asked = goal
        for number in range(CORRECTIONS):
            reached = tried[-1].times.share if tried[-1].times else goal
            if abs(reached / goal - 1) <= MISS:
                break
            asked *= goal / reached
            span = Span(progress, 0.25 * (number + 1), 0.25 * (number + 2), "Correcting: ")
            corrected = Target(latency_ms=asked * whole)
            try:
                asked_now = plan.model_copy(update={"target": corrected})
                again = self.allocate(asked_now, span, found.data)
            except UserError:  # what was found is the nearest that can be had
                break
            again = replace(again, rankings=found.rankings)
            tried.append(self._timed(again, latency, span))
        progress(1.0, "Measured")
        return min(tried, key=lambda one: abs((one.times.share if one.times else goal) - goal))

    def _timed(self, found: Settled, latency: LatencyTable, progress: Progress) -> Settled:
        from core.ship.latency.check import measured_times

        times = measured_times(
            found.stage, found.resolution.removed, latency, cache=self.cache, progress=progress
        )
        return replace(found, times=times)


def resolved(chooser: Chooser, progress: Progress) -> tuple[Plan, Resolution]:
    """Resolve a plan; raises ``UserError`` where all it selects is locked, or as `Chooser`."""
    plan, resolution = chooser.resolve(progress)
    refused = {blocked.constraint for blocked in resolution.blocked}
    if not resolution.removed.any() and refused == {"locked"}:
        raise UserError(
            "All selected blocks and layers are locked.", "Unlock a block, or select another."
        )
    return plan, resolution


def nothing_of(stage: Stage) -> Resolution:
    """Return the resolution of a plan that asks for no channels."""
    return Resolution(stage.nothing, (), ())


def check_strategy(plan: Plan) -> None:
    """Raise ``UserError`` for a strategy that needs labelled images."""
    if plan.strategy == "one_by_one":
        raise no_dataset(
            "The strategy one_by_one",
            "Pass a dataset YAML with --data (in Python, core.measure.prune_one_by_one), or use "
            "the strategy structural.",
        )


def nothing_to_choose(plan: Plan) -> UserError:
    """Return why a plan is refused that leaves no channels to choose."""
    return UserError(
        "What the plan removes meets its target already."
        if plan.target is not None
        else "The plan asks for no channels to be chosen.",
        "Prune with it as it is, or set a lower target.",
    )


def removes_nothing(prediction: Prediction) -> UserError:
    """Return why a plan that removes nothing is refused."""
    if prediction.blocked:
        first = prediction.blocked[0]
        hint = ""
        if first.nearest:
            hint = f"The nearest possible selection: {first.nearest[0].to_json()}."
        return UserError(f"The plan removes nothing. {first.message}", hint, (first.layer,))
    return UserError(
        "The plan removes nothing: its ratios are too small for the rounding.",
        "Increase the ratios, or set a smaller round_to.",
    )
