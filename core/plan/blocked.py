"""What cannot be done, why, and the nearest selection that can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.plan.axes import Axes
from core.plan.schema import Entry, Plan
from core.plan.widths import Mask


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something asked for that cannot be done, and the nearest selection that can.

    Attributes
    ----------
    layer : str
        The layer or block concerned.
    constraint : str
        ``fixed``, ``locked``, ``floor``, ``rounding``, ``independent``, ``scope``,
        ``no layers`` or ``selected``.
    partly : bool
        Whether the rest of the same entry is done.
    """

    layer: str
    constraint: str
    message: str
    nearest: tuple[Entry, ...] = ()
    partly: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "layer": self.layer,
            "constraint": self.constraint,
            "message": self.message,
            "nearest": [entry.to_json() for entry in self.nearest] or None,
            "partly": self.partly,
        }


Targets = Callable[[Entry], list[tuple[int, Mask | None]]]
"""Which layers an entry of the selection means, each with the atoms it may remove."""
Trial = Callable[[Entry, Plan, Mask], Mask]
"""Which atoms an entry would remove automatically, of those that are free."""


class Refusals:
    """Words for what a resolver could not do.

    Parameters
    ----------
    axes : Axes
    targets, trial : callable
        Of the resolver.
    """

    def __init__(self, axes: Axes, targets: Targets, trial: Trial) -> None:
        self.table = axes.table
        self.axes = axes
        self._targets = targets
        self._trial = trial

    def stuck(self, layer: int, atom: int, nearest: tuple[Entry, ...]) -> Blocked:
        """A channel that may not go: fixed by the network, or locked by the user."""
        name = self.table.layers[layer].name
        if atom >= 0 and self.table.fixed[atom] < 0:
            return Blocked(name, "locked", f"{name} is locked by the plan.", nearest)
        reason = self.table.reasons[self.table.fixed[atom]] if atom >= 0 else "it is constant"
        return Blocked(name, "fixed", f"{name} cannot lose channels: {reason}.", nearest)

    def partly(self, entry: Entry, stuck: Mapping[int, int], nearest: tuple[Entry, ...]) -> Blocked:
        """Layers of an entry that lose less than asked, or nothing, though others do.

        Parameters
        ----------
        entry : Entry
        stuck : mapping of int to int
            Layers, each with an atom of it that stays.
        nearest : tuple of Entry
            The other layers of the entry, one by one.
        """
        first, *others = (self.stuck(layer, atom, ()) for layer, atom in stuck.items())
        more = f" (and {len(others)} more of its layers)" if others else ""
        text = f"{first.message.rstrip('.')}{more}; the rest of {entry.label} is pruned as asked."
        if entry.block is not None and entry.scope == "all":
            inside = entry.model_copy(update={"scope": "inside"})
            if not stuck.keys() & {number for number, _ in self._targets(inside)}:
                nearest = (inside,)
        return Blocked(first.layer, first.constraint, text, nearest, partly=True)

    def feeding(self, entry: Entry, layer: int) -> tuple[Entry, ...]:
        """The nearest thing to prune instead: the layer that feeds this one."""
        wanted = set(self.table.inputs(layer).tolist()) - {-1}
        for number in reversed(self.axes.mixing):
            atoms = self.axes.held[number]
            able = (self.table.fixed[atoms] < 0).any()
            if number != layer and able and wanted & set(atoms.tolist()):
                ratio = 0.5 if entry.ratio is None else entry.ratio
                return (Entry(layer=self.table.layers[number].name, ratio=ratio),)
        return ()

    def nothing(self, entry: Entry, plan: Plan, free: Mask, removed: Mask) -> Blocked:
        """Describe why an entry removes nothing, and what would."""
        targets = self._targets(entry)
        if not targets:
            return self._no_layers(entry)
        for number, allowed in targets:
            atoms = self.axes.held[number]
            if allowed is not None:
                atoms = atoms[allowed[atoms]]
            able = atoms[free[atoms]]
            if len(able):
                return self._too_little(entry, plan, number, free, bool(removed[able].all()))
        number = targets[-1][0]
        held = self.axes.held[number]
        stuck = int(held[~free[held]][0]) if len(held) else -1
        return self.stuck(number, stuck, self.feeding(entry, number))

    def _too_little(self, entry: Entry, plan: Plan, number: int, free: Mask, done: bool) -> Blocked:
        if done:
            text = f"{entry.label} is already covered by an earlier entry."
            return Blocked(entry.label, "selected", text)
        for step in range(1, 101):
            ratio = step / 100
            bigger = entry.model_copy(update={"ratio": ratio})
            if ratio > (entry.ratio or 0) and self._trial(bigger, plan, free).any():
                text = (
                    f"A ratio of {entry.ratio:g} removes nothing from {entry.label}: kept "
                    f"counts are multiples of {plan.multiple}, both halves of a split "
                    "keep equal counts, and attention loses whole heads. The smallest "
                    f"ratio that removes channels is {ratio:g}."
                )
                return Blocked(entry.label, "rounding", text, (bigger,))
        text = f"{self.table.layers[number].name} already has its minimum number of channels."
        return Blocked(entry.label, "floor", text)

    def _no_layers(self, entry: Entry) -> Blocked:
        block = self.table.blocks[int(entry.block or 0)]
        if self.axes.targets(block.index, "all"):
            text = f"Block {block.index} ({block.type}) has no channels of scope “{entry.scope}”."
            whole = (Entry(block=block.index, ratio=entry.ratio),)
            return Blocked(entry.label, "scope", text, whole)
        sources = self._makers(block.index)
        named = " and ".join(str(s) for s in sources)
        text = (
            f"Block {block.index} ({block.type}) has no channels of its own: its width is "
            f"that of block{'s' * (len(sources) > 1)} {named}."
        )
        nearest = tuple(Entry(block=s, ratio=entry.ratio, scope="output") for s in sources)
        return Blocked(entry.label, "no layers", text, nearest)

    def _makers(self, block: int) -> list[int]:
        """Nearest blocks upstream that make channels."""
        found: list[int] = []
        for source in self.table.blocks[block].sources:
            if source >= 0:
                makes = bool(self.axes.targets(source, "all"))
                found.extend([source] if makes else self._makers(source))
        return sorted(set(found))
