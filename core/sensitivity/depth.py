"""Depth: units and scales chosen together with channels, by what each costs for what it saves.

What one loses after a quick repair cannot be read from weights or gradients: what follows it
adapts. So every unit and every scale is taken out, repaired and judged alone (as PRACTISE,
2202.07861, orders blocks by their error after repair for the time they take), and the channels' own
loss is judged at the goal and half way to it. The best rows of units and scales, with as many
channels as then remain to go, are judged as they are, and the best of them stays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import UserError, no_dataset
from core.plan.schema import Plan, Removal, Target
from core.progress import Progress, Span, publish, silent
from core.sensitivity.trials import Trials
from core.structure.scales import feeding_alone, modules_of, strides_of
from core.structure.stage import Stage, stage_of
from core.structure.units import Unit, find_units

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.data.stream import DataSettings
    from core.plan.resolve import Resolution

Allocate = Callable[[Plan, Progress], "tuple[Stage, Resolution]"]
"""Turns a plan without depth into what is left of the network, and the channels that go of it."""
Share = Callable[[Stage], float]
"""Tells which share of the whole network's cost a stage has, with all its channels."""

LEAST_LOSS = 0.002
"""No unit counts as harmless: less than this is noise."""
POWERS = (1.0, 4.0)
"""How the channels' loss grows with what they save, between these powers."""
JUDGED = 3
"""Rows of units that are judged with their channels."""


@dataclass(frozen=True, slots=True)
class UnitCost:
    """What one unit, or one detection scale, costs alone.

    Attributes
    ----------
    name : str
        For people.
    modules : tuple of str
        That go, by their dotted names.
    removal : Removal
    saved : float
        Share of the whole network's cost.
    lost : float
        As in `core.sensitivity.trials.Trial`.
    """

    name: str
    modules: tuple[str, ...]
    removal: Removal
    saved: float
    lost: float

    @property
    def price(self) -> float:
        """Loss for what is saved."""
        return max(self.lost, LEAST_LOSS) / self.saved

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"name": self.name, "saved": self.saved, "lost": self.lost}


@dataclass(frozen=True, slots=True)
class Channels:
    """What channels alone cost.

    Attributes
    ----------
    saved, lost : float
        At the goal.
    power : float
        Of what is saved, by which the loss grows.
    """

    saved: float
    lost: float
    power: float

    @classmethod
    def of(cls, saved: float, lost: float, half: float) -> Channels:
        """Return the curve through the losses at the goal and half way to it."""
        if not math.isfinite(lost):  # they alone do not reach the goal
            lost = 10.0 * (max(half, 1.0) if math.isfinite(half) else 1.0)
        ratio = max(lost, LEAST_LOSS) / max(half, LEAST_LOSS)
        return cls(saved, max(lost, LEAST_LOSS), min(max(math.log2(ratio), POWERS[0]), POWERS[1]))

    def at(self, saved: float) -> float:
        """Return the loss for what is saved."""
        return float(self.lost * (max(saved, 0.0) / self.saved) ** self.power)


def rows_of(units: Sequence[UnitCost], channels: Channels) -> list[tuple[UnitCost, ...]]:
    """Return rows of units, the cheapest first in each, that with channels cost least.

    Parameters
    ----------
    units : sequence of UnitCost
    channels : Channels

    Returns
    -------
    list
        The best first, at most ``JUDGED``; the empty row is not among them.
    """
    # What holds cheaper parts of itself would never get its turn behind them.
    holders = [unit for unit in units if any(_nested(unit, one) for one in units if one != unit)]
    found = {
        row: total
        for first in ((), *((unit,) for unit in holders))
        for total, row in _grown(first, units, channels)
    }
    return sorted(found, key=lambda row: found[row])[:JUDGED]


def _grown(
    first: tuple[UnitCost, ...], units: Sequence[UnitCost], channels: Channels
) -> Iterator[tuple[float, tuple[UnitCost, ...]]]:
    """Add the cheapest units to a row one by one; yield every row with what it loses."""
    row: list[UnitCost] = []
    for unit in (*first, *sorted(units, key=lambda one: one.price)):
        if any(unit == other or _nested(unit, other) for other in row):
            continue
        row.append(unit)
        rest = channels.saved - sum(one.saved for one in row)
        if rest < 0:
            row.pop()  # too large for what is left, a later one may fit
            continue
        total = sum(max(one.lost, LEAST_LOSS) for one in row) + channels.at(rest)
        yield total, tuple(sorted(row, key=lambda one: one.price))


def _nested(one: UnitCost, other: UnitCost) -> bool:
    pairs = itertools.product(one.modules, other.modules)
    return any(f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}.") for a, b in pairs)


def choose_units(
    loaded: Loaded,
    plan: Plan,
    data: DataSettings,
    goal: float,
    share: Share,
    allocate: Allocate,
    progress: Progress = silent,
) -> Plan:
    """Return a plan that names the units to go, for channels to do the rest of its target.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plan : Plan
        With ``depth`` and a target.
    data : DataSettings
        Images to repair and judge with.
    goal : float
        The target as a share of the whole network's cost.
    share, allocate : callable
        See `Share` and `Allocate`.
    progress : Progress
        May cancel. Told what each unit costs as a partial result.

    Raises
    ------
    UserError
        For a target that cannot be reached, or a network whose outputs cannot be matched.
    """
    search = _Search(loaded, plan.model_copy(update={"depth": False}), data, share, allocate)
    return search.run(goal, progress)


def check_depth(data: DataSettings | None) -> DataSettings:
    """Return the images that units are chosen by; raises ``UserError`` without any."""
    if data is None:
        raise no_dataset(
            "Choosing units",
            "Pass a dataset YAML (--data), or name the units to remove.",
            labels=False,
        )
    return data


class _Search:
    def __init__(
        self, loaded: Loaded, plan: Plan, data: DataSettings, share: Share, allocate: Allocate
    ) -> None:
        self.loaded, self.plan = loaded, plan
        self.share, self.allocate = share, allocate
        self.stage = stage_of(loaded, plan)
        self.trials = Trials(self.stage, data)

    def run(self, goal: float, progress: Progress) -> Plan:
        whole = self.share(self.stage)
        if whole <= goal:
            return self.plan
        channels, alone = self._channels(whole, goal, Span(progress, 0.0, 0.3))
        units = self._units(whole, Span(progress, 0.3, 0.7))
        publish(progress, {"units": [unit.to_json() for unit in units]})
        return self._best(rows_of(units, channels), alone, Span(progress, 0.7, 1.0))

    def _channels(self, whole: float, goal: float, progress: Progress) -> tuple[Channels, float]:
        """Judge channels alone, at the goal and half way to it."""
        losses = []
        for number, way in enumerate((1.0, 0.5)):
            part = Span(progress, number / 2, (number + 1) / 2, "Channels alone: ")
            target = _towards(self.plan, goal + (1 - way) * (whole - goal), goal)
            plan = self.plan.model_copy(update={"target": target})
            losses.append(self._judge(plan, part))
        full, half = losses
        return Channels.of(whole - goal, full, half), full

    def _judge(self, plan: Plan, progress: Progress) -> float:
        try:
            stage, found = self.allocate(plan, Span(progress, 0.0, 0.7))
        except UserError:  # a target that cannot be reached this way
            return math.inf
        return self.trials(stage, found.removed, Span(progress, 0.7, 1.0)).lost

    def _units(self, whole: float, progress: Progress) -> list[UnitCost]:
        """Judge every unit and scale alone, but for those that are locked or save nothing."""
        parts = candidates(self.stage.loaded.model)
        found = []
        for number, (name, modules, removal) in enumerate(parts):
            span = Span(progress, number / len(parts), (number + 1) / len(parts))
            span(0.0, f"Trying without {name} ({number + 1} of {len(parts)})")
            told = self._unit(removal, whole, Span(span, 0.0, 1.0, f"Without {name}: "))
            if told is not None:
                found.append(UnitCost(name, modules, removal, *told))
        return found

    def _unit(
        self, removal: Removal, whole: float, progress: Progress
    ) -> tuple[float, float] | None:
        """Return what is saved and what is lost."""
        plan = self.plan.model_copy(
            update={
                "structure": (*self.plan.structure, removal),
                "selection": (),
                "target": None,
            }
        )
        try:
            stage = stage_of(self.loaded, plan)
        except UserError:  # locked, or something else reads the scale
            return None
        saved = whole - self.share(stage)
        if saved <= 0:
            return None
        return saved, self.trials(stage, stage.nothing, progress).lost

    def _best(self, rows: Sequence[tuple[UnitCost, ...]], alone: float, progress: Progress) -> Plan:
        best, least = self.plan, alone
        for number, row in enumerate(rows):
            names = ", ".join(unit.name for unit in row)
            part = Span(progress, number / len(rows), (number + 1) / len(rows), "Together: ")
            part(0.0, f"without {names}")
            structure = (*self.plan.structure, *(unit.removal for unit in row))
            plan = self.plan.model_copy(update={"structure": structure})
            lost = self._judge(plan, part)
            publish(progress, {"row": {"units": [unit.name for unit in row], "lost": lost}})
            if lost < least:
                best, least = plan, lost
        if not math.isfinite(least):
            raise UserError(
                "The target cannot be reached, with units or without.",
                "Set a higher target, unlock some blocks, or set a smaller round_to.",
            )
        return best


def candidates(model: nn.Module) -> list[tuple[str, tuple[str, ...], Removal]]:
    """Return what may go of a network: a name for people, the modules, and the plan's entry.

    Parameters
    ----------
    model : nn.Module
    """
    units = [(unit.name, (unit.name,), removal_of(unit)) for unit in find_units(model)]
    return [*units, *_scales(model)]


def _scales(model: nn.Module) -> list[tuple[str, tuple[str, ...], Removal]]:
    strides = strides_of(model)
    if len(strides) < 2:
        return []
    found = []
    for level, stride in enumerate(strides):
        blocks = (f"model.{n}" for n in sorted(feeding_alone(model, (level,))))
        modules = (*modules_of(model, level), *blocks)
        found.append((f"the scale of stride {stride}", modules, Removal(scale=stride)))
    return found


def removal_of(unit: Unit) -> Removal:
    """Return a plan's entry for a unit: by its place in the block where it has one."""
    if unit.place < 0:
        return Removal(branch=unit.name)
    return Removal(block=unit.block, units=(unit.place,))


def _towards(plan: Plan, share: float, goal: float) -> Target:
    """Return the plan's target at another share of the whole cost."""
    assert plan.target is not None
    ((key, value),) = [(k, v) for k, v in plan.target if v is not None]
    return Target.model_validate(
        {key: value if share == goal else type(value)(value * share / goal)}
    )
