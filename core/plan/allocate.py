"""Allocation over the whole network: which units go, until a cost is reached.

Three orders, each a function in ``ORDERS``:

``cost``
    The least score for what it saves goes first. Group Fisher (2108.00708, section 3.3) divides
    each importance by the cost that its removal saves; here the saving is exact at the moment of
    each removal, since it shrinks as neighbours go.
``global``
    One threshold on the mean score of a unit's atoms, over the whole network.
``isomorphic``
    Isomorphic Pruning (2407.04616): scores are compared only between atoms whose coupled
    structure is alike, and every such group loses the same share.

Atoms go in *units* that keep every constraint automatically (``core.plan.units``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.cost import CostModel, Floats, cost_of
from core.plan.goal import MODELS, TOLERANCE, Goal
from core.plan.ratio import WHOLE
from core.plan.resolve import Resolver, Scores
from core.plan.savings import Savings
from core.plan.schema import Entry, Plan
from core.plan.structure import structure_of_atoms
from core.plan.units import label_units
from core.plan.widths import Mask

__all__ = ["FLOOR", "Allocator", "Goal", "check_reached", "cost_of", "explicit_plan", "nearest"]

FLOOR = 0.2
"""Share of every layer that allocation over the network keeps, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Units:
    """Units to choose from: their atoms, importance (a sum over atoms) and kind of structure."""

    label: NDArray[np.int64]
    importance: Floats
    sizes: NDArray[np.int64]
    structure: NDArray[np.int64]


Order = Callable[[Units, Floats], Floats]
"""Gives every unit a value from what it would save now; the least goes next."""


def _by_cost(units: Units, saved: Floats) -> Floats:
    values: Floats = units.importance / saved
    return values


def _by_threshold(units: Units, saved: Floats) -> Floats:
    values: Floats = units.importance / units.sizes
    return values


def _by_structure(units: Units, saved: Floats) -> Floats:
    """Share of its kind of structure that is gone once a unit is: equal shares go together."""
    mean = units.importance / units.sizes
    values = np.empty(len(mean))
    for kind in np.unique(units.structure):
        own = np.flatnonzero(units.structure == kind)
        order = own[np.argsort(mean[own], kind="stable")]
        gone = np.cumsum(units.sizes[order])
        values[order] = gone / gone[-1]
    return values


ORDERS: Mapping[str, tuple[Order, bool]] = {
    "cost": (_by_cost, True),
    "global": (_by_threshold, False),
    "isomorphic": (_by_structure, False),
}
"""Orders by name, and whether the value changes while units go."""

BEST = "cost"
"""What ``auto`` represents: it kept most with every criterion it was measured with."""


class Allocator:
    """Removes units from one network, the least in its order first.

    Parameters
    ----------
    resolver : Resolver
    plan : Plan
        Its locks, rounding, floor (``minimum_channels``), selection (an empty one means every
        block) and allocation hold; an allocation that is none of ``ORDERS`` counts as ``BEST``.
    floor : float
        Share of its outputs that every layer keeps.
    only : bool array, shape (atoms,), optional
        Atoms to choose from, within what the plan allows.
    """

    def __init__(
        self, resolver: Resolver, plan: Plan, floor: float = FLOOR, only: Mask | None = None
    ) -> None:
        self.resolver, self.plan, self.table = resolver, plan, resolver.table
        counts = self.table.out_counts
        least = np.maximum(np.ceil(floor * counts - 1e-9), plan.minimum_channels)
        self.least = np.minimum(counts, least).astype(np.int64)
        self.free = resolver.free_atoms(plan) & self._chosen()
        if only is not None:
            self.free &= only

    def _chosen(self) -> Mask:
        """Atoms of the blocks and layers that the plan's ratios name; all when there are none."""
        entries = [entry for entry in self.plan.selection if entry.channels is None]
        if self.plan.strategy == "independent":
            names = self.resolver.independent_blocks()
            everything = [Entry(block=block, ratio=WHOLE) for block in names]
            entries = [e for e in entries if self._may(e)] if entries else everything
        elif not entries:
            return np.ones(self.table.atom_count, bool)
        chosen = np.zeros(self.table.atom_count, bool)
        for entry in entries:
            for number, allowed in self.resolver.targets(entry):
                held = self.resolver.axes.held[number]
                chosen[held if allowed is None else held[allowed[held]]] = True
        return chosen

    def _may(self, entry: Entry) -> bool:
        inside = entry.block is None or entry.scope == "inside"
        return inside or not self.resolver.not_independent(int(entry.block or 0))

    def start(self) -> Mask:
        """What goes before any ranking: the channels that the plan names exactly."""
        exact = tuple(entry for entry in self.plan.selection if entry.channels is not None)
        plan = self.plan.model_copy(update={"selection": exact, "target": None})
        return self.resolver.resolve(plan, np.zeros(self.table.atom_count)).removed

    def reduce(self, removed: Mask, scores: Scores, goal: Goal) -> Mask:
        """Remove units until the cost is down to the goal, or nothing more may go.

        Parameters
        ----------
        removed : bool array, shape (atoms,)
            Already gone; must itself be within the constraints.
        scores : float array, shape (atoms,)
            Importance; an atom's unit scores the sum of its members.
        goal : Goal

        Returns
        -------
        bool array, shape (atoms,)
            With the nearest cost to the goal that single units reach, never more than the
            tolerance below it.
        """
        removed = removed.copy()
        while goal.model.cost(removed) > goal.amount:
            # Where the cost is the largest of several, another may be it once this one has fallen.
            part = replace(goal, model=goal.model.binding(removed))
            fewer = self._reduce(removed, scores, part)
            if part.model is goal.model or (fewer == removed).all():
                return fewer
            removed = fewer
        return removed

    def _reduce(self, removed: Mask, scores: Scores, goal: Goal) -> Mask:
        removed = removed.copy()
        units = self._units(removed, scores)
        count = len(units.sizes)
        if not count:
            return removed
        order, changes = ORDERS.get(self.plan.allocation, ORDERS[BEST])
        state = Savings(goal.model, units.label, removed, self.least)
        value = np.zeros(0) if changes else order(units, np.ones(count))
        limit = goal.model.is_limit
        lowest = 0.0 if limit else goal.amount * (1 - TOLERANCE)
        gone = np.zeros(count, bool)
        while state.cost > goal.amount:
            saved = state.savings()
            able = np.flatnonzero(state.able & (saved > 0) & (state.cost - saved >= lowest))
            if not len(able):
                break
            now = order(_pick(units, able), saved[able]) if changes else value[able]
            unit = int(able[np.argmin(now)])
            farther = goal.distance(state.cost - saved[unit]) > goal.distance(state.cost)
            if farther and not limit:
                break
            state.remove(unit, float(saved[unit]))
            gone[unit] = True
        removed[units.label >= 0] |= gone[units.label[units.label >= 0]]
        return removed

    def _units(self, removed: Mask, scores: Scores) -> Units:
        usable = self.free & ~removed
        label = label_units(self.resolver.axes, self.plan.multiple, usable, removed, scores)
        members = np.flatnonzero(label >= 0)
        count = int(label.max(initial=-1)) + 1
        own = label[members]
        return Units(
            label,
            np.bincount(own, scores[members], count).astype(np.float64),
            np.bincount(own, minlength=count),
            self._kinds(members, own, count),
        )

    def _kinds(
        self, members: NDArray[np.int64], label: NDArray[np.int64], count: int
    ) -> NDArray[np.int64]:
        """Number the kinds of units: two are alike when the structures they are made of are."""
        pairs = np.unique(np.stack([label, self._structure[members]]), axis=1)
        made_of: list[list[int]] = [[] for _ in range(count)]
        for unit, structure in pairs.T.tolist():
            made_of[unit].append(structure)
        numbers: dict[tuple[int, ...], int] = {}
        kinds = [numbers.setdefault(tuple(own), len(numbers)) for own in made_of]
        return np.array(kinds, np.int64)

    @cached_property
    def _structure(self) -> NDArray[np.int64]:
        return structure_of_atoms(self.table)


def _pick(units: Units, chosen: NDArray[np.int64]) -> Units:
    return Units(
        units.label, units.importance[chosen], units.sizes[chosen], units.structure[chosen]
    )


def explicit_plan(resolver: Resolver, plan: Plan, removed: Mask) -> Plan:
    """Return a plan that names the exact channels of a removal, and so replays identically."""
    table = resolver.table
    named = np.zeros(table.atom_count, bool)
    entries = []
    for number in (*resolver.axes.mixing, *range(len(table.layers))):
        atoms = table.outputs(number)
        gone = np.append(removed, False)[atoms]
        if not (gone & ~np.append(named, True)[atoms]).any():
            continue
        channels = tuple(np.flatnonzero(gone).tolist())
        entries.append(Entry(layer=table.layers[number].name, channels=channels))
        named[atoms[gone]] = True
    return plan.model_copy(update={"selection": tuple(entries), "target": None})


def check_reached(
    table: ChannelTable, removed: Mask, goal: Goal, others: tuple[Mask, ...] = ()
) -> None:
    """Refuse a removal that missed its target.

    Parameters
    ----------
    others : tuple of bool arrays, shape (atoms,)
        Further removals that can be had, for the nearest to be chosen from.

    Raises
    ------
    UserError
        Naming the nearest that can be reached, as a value for the plan that works.
    """
    model = goal.model
    whole = model.whole()
    if goal.met(model.cost(removed)):
        return
    if whole < goal.amount:
        raise UserError(
            f"The network is already below the target: it has {whole:g} {model.label}.",
            "Set a lower target.",
        )
    costs = [model.cost(mask) for mask in (removed, *others)]
    wanted, best = goal.amount / whole, nearest(goal, costs) / whole
    raise UserError(
        f"The target of {wanted:.0%} of the {model.label} cannot be reached: with minimum "
        f"channels, locks and rounding, the nearest possible value is {best:.1%}.",
        f'Use "target": {{"{model.key}": {_in_words(model, best)}}}, select more blocks, '
        "unlock some, or set a smaller round_to.",
    )


def nearest(goal: Goal, costs: list[float]) -> float:
    """Return the cost nearest to a goal."""
    return min(costs, key=goal.distance)


def _in_words(model: CostModel, share: float) -> str:
    """Write a reached share as a target, rounded up so that it is reached again."""
    if model.key in MODELS:
        return f"{min(1.0, math.ceil(share * 1000) / 1000):g}"
    return f"{math.ceil(share * model.whole() * 100) / 100:g}"
