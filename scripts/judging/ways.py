"""Ways to make a smaller network, by the name that the command line knows them by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from core.repair import RepairSettings, parse_steps, repair
from scripts.judging.tuned import tuned

if TYPE_CHECKING:
    from scripts.judging.bench import Bench

Way = Callable[..., nn.Module]


class Ways(dict[str, Way]):
    """Ways by name; names of steps of repair need no entry.

    What follows a colon is passed to the way: ``tuned:recover_quickly``.
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


WAYS = Ways(raw=raw, tuned=tuned)
