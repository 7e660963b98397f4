"""Ways to make a smaller network, by the name that the command line knows them by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

import core
from core.plan.schema import Plan, Removal
from core.repair import RepairSettings, parse_steps, repair
from core.structure.scales import strides_of
from scripts.judging.rivals import fp32, int8, narrow, resolution, torch_pruning, uint8
from scripts.judging.tuned import tuned, turns

if TYPE_CHECKING:
    from scripts.judging.bench import Bench

Way = Callable[..., nn.Module]


class Ways(dict[str, Way]):
    """Ways by name; names of steps of repair need no entry.

    What follows a colon is passed to the way: ``int8:bn,refit``, ``tuned:recover_quickly``.
    """

    def make(self, name: str, bench: Bench, less: float) -> nn.Module:
        first, _, rest = name.partition(":")
        way = self.get(first)
        if way is None:
            return repaired(bench, less, name)
        return way(bench, less, *filter(None, [rest]))


def raw(bench: Bench, less: float) -> nn.Module:
    """Only prune."""
    return bench.cut(bench.removed(bench.plan(less)))


def repaired(bench: Bench, less: float, steps: str) -> nn.Module:
    """Prune, and repair without labels."""
    removed = bench.removed(bench.plan(less))
    facts = bench.loaded.facts
    return repair(
        bench.loaded.model,
        bench.cut(removed),
        bench.analysis.table,
        removed,
        bench.data,
        RepairSettings(
            parse_steps(steps),
            minutes=bench.options.minutes,
            seed=bench.options.seed,
            images=bench.options.images,
        ),
        classes=facts.classes,
        task=facts.task,
    ).model


STEPS = "bn,refit"
"""Of the repair, where a way does not name others."""


def deep(bench: Bench, less: float, steps: str = STEPS) -> nn.Module:
    """Let units and scales go as well as channels, as trials choose them."""
    return _by_plan(bench, bench.plan(less, depth=True), steps)


def coarse(bench: Bench, less: float, steps: str = STEPS) -> nn.Module:
    """Remove the finest scale, and channels for the rest."""
    finest = min(strides_of(bench.loaded.model))
    return _by_plan(bench, bench.plan(less, structure=(Removal(scale=finest),)), steps)


def several(bench: Bench, less: float, steps: str = STEPS) -> nn.Module:
    """Rank on four draws of the images, and take the one that repairs best."""
    return _by_plan(bench, bench.plan(less, rankings=4), steps)


def _by_plan(bench: Bench, plan: Plan, steps: str) -> nn.Module:
    settings = RepairSettings(
        parse_steps(steps),
        minutes=bench.options.minutes,
        seed=bench.options.seed,
        images=bench.options.images,
    )
    return core.prune(bench.loaded, plan, data=bench.data, repair=settings).model


WAYS = Ways(raw=raw, tuned=tuned, turns=turns, depth=deep, coarse=coarse, several=several)
RIVALS: dict[str, Way] = {
    "torch-pruning": torch_pruning,
    "narrow": narrow,
    "resolution": resolution,
    "fp32": fp32,
    "int8": int8,
    "uint8": uint8,
}
WAYS.update(RIVALS)
