"""What a search varies: a table of axes, those that apply to a network, and the plan of a point.

Needs no torch: what it has to know of a network is a `Subject`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.plan.criteria import CRITERIA
from core.plan.schema import Plan, Removal, Target
from core.system.size import ImageSize

Settings = dict[str, Any]
"""A value for every axis, as plain data."""

AMOUNTS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
"""What trials aim at, as shares of the budget."""
SIDES = (0.7, 0.8, 0.9, 1.0, 1.1)
"""Image sizes, as shares of the network's own."""
RANKINGS = ("fisher", "taylor", "hessian", "activation", "l2", "lamp")
"""Criteria of the program that are tried, with all that were added to it."""
MOST_REMOVED = 2
"""Units and scales that one trial removes at most."""
ALL_LEFT = 0.98
"""Share of the cost from which there is no channel worth removing."""
BY_PIXELS = ("macs", "latency", "latency_ms", "peak_memory")
"""Targets that smaller images help to meet."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What the space depends on.

    Attributes
    ----------
    image_size : ImageSize
        That the unpruned network runs at.
    unit : int
        Pixels that sides are a multiple of.
    budget : Target
    base : Plan
        That every trial starts from.
    removals : tuple of (str, Removal)
        Units and scales that the network runs without, by their names for people.
    """

    image_size: ImageSize
    unit: int
    budget: Target
    base: Plan
    removals: tuple[tuple[str, Removal], ...] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that varies.

    Attributes
    ----------
    title : str
        For people.
    choices : callable
        Returns its values for a network; with fewer than two, it does not apply.
    usual : callable
        Returns the value that one suggestion takes.
    ordered : bool
        Whether neighbours are alike.
    """

    title: str
    choices: Callable[[Subject], Sequence[Any]]
    usual: Callable[[Subject], Any]
    ordered: bool = False


def budget_of(target: Target) -> tuple[str, float]:
    """Return the key and the value of a target."""
    return next((key, float(value)) for key, value in target if value is not None)


def _amounts(subject: Subject) -> list[float]:
    key, value = budget_of(subject.budget)
    share = key not in ("latency_ms", "file_bytes")
    return [a for a in AMOUNTS if a == 1.0 or not share or a * value < ALL_LEFT]


def _sizes(subject: Subject) -> list[int | list[int]]:
    own = subject.image_size
    shrunk = (
        ImageSize(*(max(1, round(s * side / subject.unit)) * subject.unit for side in own))
        for s in SIDES
    )
    return [size.plain for size in sorted({own, *shrunk}, key=lambda size: size.area)]


def _criteria(subject: Subject) -> list[str]:
    added = (name for name in CRITERIA if not CRITERIA.is_own(name))
    return list(dict.fromkeys((*RANKINGS, *added, subject.base.criterion)))


def _with(usual: Any, *others: Any) -> list[Any]:
    """Return values in order, the one of the base plan among them."""
    return sorted({usual, *others})


def _rounding(subject: Subject) -> list[Any]:
    own = subject.base.round_to
    return [own] if own == "auto" else _with(own, 4, 8, 16)


def _least(subject: Subject) -> list[int]:
    return _with(subject.base.minimum_channels, 1, 8, 16)


AXES: Mapping[str, Axis] = {
    "amount": Axis("share of the budget", _amounts, lambda subject: 1.0, ordered=True),
    "image_size": Axis("image size", _sizes, lambda s: s.image_size.plain, ordered=True),
    "criterion": Axis("criterion", _criteria, lambda s: s.base.criterion),
    "allocation": Axis(
        "allocation",
        lambda s: ("auto", "global", "isomorphic", "uniform"),
        lambda s: "auto",
    ),
    "minimum_channels": Axis(
        "channels left at least", _least, lambda s: s.base.minimum_channels, ordered=True
    ),
    "round_to": Axis("rounding", _rounding, lambda s: s.base.round_to, ordered=True),
    "removed": Axis(
        "units and scales removed",
        lambda s: range(min(MOST_REMOVED, len(s.removals)) + 1),
        lambda s: 0,
        ordered=True,
    ),
}
"""The axes by name. Which units and scales go is drawn once it is known how many."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A plan that a suggestion gave.

    Attributes
    ----------
    amount : float
        About what it leaves, as a share of what the suggestion for the budget leaves.
    plan : Plan
    """

    amount: float
    plan: Plan

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"amount": self.amount, "plan": self.plan.to_json()}


class Space:
    """The axes that apply to one network.

    Parameters
    ----------
    subject : Subject

    Attributes
    ----------
    axes : dict of str to list
        The values of every axis.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.axes: dict[str, list[Any]] = {
            n: list(axis.choices(subject)) for n, axis in AXES.items()
        }

    @property
    def usual(self) -> Settings:
        """What one suggestion takes."""
        return {name: axis.usual(self.subject) for name, axis in AXES.items()}

    @property
    def names(self) -> list[str]:
        """Names of the units and scales that may go."""
        return [name for name, _ in self.subject.removals]

    def places_of(self, settings: Settings) -> list[str]:
        """Return the names under which a point says which units and scales go."""
        return [f"removed_{n + 1}" for n in range(settings["removed"])]

    def choices(self, name: str) -> tuple[list[Any], bool]:
        """Return the values that a setting can have, and whether they are ordered."""
        axis = AXES.get(name)
        return (self.names, False) if axis is None else (self.axes[name], axis.ordered)

    def holds(self, settings: Settings) -> bool:
        """Whether settings out of a file are a point of this space, with a value for every axis."""
        if any(settings.get(name, self) not in values for name, values in self.axes.items()):
            return False
        removed = self.places_of(settings)
        whole = set(settings) == {*self.axes, *removed}
        return whole and all(settings[name] in self.names for name in removed)

    def nearest(self, name: str, value: float) -> Any:
        """Return the value of an ordered axis that is nearest to a number."""
        return min(self.axes[name], key=lambda one: abs(one - value))

    def removals_of(self, settings: Settings) -> tuple[Removal, ...]:
        """Return the units and scales that a point removes, each once."""
        known = dict(self.subject.removals)
        names = dict.fromkeys(settings[place] for place in self.places_of(settings))
        return tuple(known[name] for name in names)

    def plan_of(self, settings: Settings) -> Plan:
        """Return the plan of a point: what is left of its budget once its images are smaller.

        Its target is None where no channel has to go.
        """
        key, value = budget_of(self.subject.budget)
        size = ImageSize.of(settings["image_size"])
        pixels = size.area / self.subject.image_size.area if key in BY_PIXELS else 1.0
        wanted = value * settings["amount"] / pixels
        share = key not in ("latency_ms", "file_bytes")
        target = None
        if not share or wanted < ALL_LEFT:
            target = Target.model_validate({key: int(wanted) if key == "file_bytes" else wanted})
        base = self.subject.base
        return base.model_copy(
            update={
                "target": target,
                "structure": (*base.structure, *self.removals_of(settings)),
                **{
                    name: settings[name]
                    for name in ("criterion", "allocation", "minimum_channels", "round_to")
                },
            }
        )
