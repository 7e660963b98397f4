"""A selection resolved into atoms to remove, within every constraint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable
from core.plan.axes import Axes, Part
from core.plan.blocked import Blocked, Refusals
from core.plan.independent import independent_blocks, why_not_independent
from core.plan.refusals import check_names, find_layer
from core.plan.schema import Entry, Plan
from core.plan.widths import Mask, compute_widths

__all__ = ["Blocked", "Resolution", "Resolver", "Scores"]

Scores = NDArray[np.float64]
Target = tuple[int, Mask | None]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a plan removes.

    Attributes
    ----------
    removed : bool array, shape (atoms,)
    selected : tuple of int
        Layers whose own outputs the user asked to cut, in order of execution.
    blocked : tuple of Blocked
    skipped : int
        Images that could not be read, where images were ranked by.
    """

    removed: Mask
    selected: tuple[int, ...]
    blocked: tuple[Blocked, ...]
    skipped: int = 0


class Resolver:
    """Resolves plans against one table; build it once and reuse it for every tick.

    Parameters
    ----------
    table : ChannelTable
    """

    def __init__(self, table: ChannelTable) -> None:
        self.table = table
        self.axes = Axes(table)
        self.refusals = Refusals(self.axes, self.targets, self.trial)

    # ---- the whole plan -----------------------------------------------------------------------

    def resolve(self, plan: Plan, scores: Scores) -> Resolution:
        """Turn a plan into atoms to remove.

        Parameters
        ----------
        plan : Plan
            Its target, if any, must have been turned into ratios before.
        scores : float array, shape (atoms,)
            Importance; the lowest go first.

        Raises
        ------
        UserError
            When the plan names a block, layer or channel the network does not have.
        """
        check_names(self.table, plan)
        self.axes.rank(scores)
        free = self.free_atoms(plan)
        removed = np.zeros(self.table.atom_count, bool)
        selected: set[int] = set()
        blocked: list[Blocked] = []
        touched: set[int] = set()
        following = (*plan.selection[1:], None)
        for entry, after in zip(plan.selection, following, strict=False):
            if entry.channels is not None:
                number = self._take_channels(entry, free, removed, blocked)
                selected.add(number)
                touched.update(self.axes.splits_of_layer[number])
                if after is None or after.channels is None:
                    # Only once all exact channels in a row are taken: they may balance each other.
                    self._balance(removed, free, tuple(sorted(touched)))
            else:
                selected.update(self._take_ratio(entry, plan, free, removed, blocked))
        self._keep_floor(plan, removed, free)
        known = {part.layer for part in blocked}
        for entry in plan.selection:
            if entry.ratio and entry.label not in known:
                blocked += self._left_out(entry, plan, free, removed)
        own = [n for n in sorted(selected) if removed[self.axes.held[n]].any()]
        return Resolution(removed, tuple(own), tuple(blocked))

    def free_atoms(self, plan: Plan) -> Mask:
        """Atoms that may go: neither fixed by the network nor locked by the user."""
        free = self.table.fixed < 0
        for name in plan.locked:
            if isinstance(name, int):
                layers = self.table.layers_of(name)
                free[list(self.axes.block_outputs[name])] = False
            else:
                layers = [self.layer(name)]
            for number in layers:
                free[self.axes.held[number]] = False
        return free

    def layer(self, name: str) -> int:
        """Return the number of a layer; raises ``UserError`` when there is none."""
        return find_layer(self.table, name)

    def not_independent(self, block: int) -> str:
        """Why removing a block's outputs touches more than its one reader; empty if it does not."""
        return why_not_independent(self.axes, block)

    def independent_blocks(self) -> tuple[int, ...]:
        """Blocks the strategy “independent” may prune, none the reader of another."""
        return independent_blocks(self.axes)

    # ---- entries ------------------------------------------------------------------------------

    def targets(self, entry: Entry) -> list[Target]:
        """Layers an entry speaks of, each with the atoms it may take (None: all)."""
        if entry.layer is not None:
            return [(self.layer(entry.layer), None)]
        return self.axes.targets(int(entry.block or 0), entry.scope)

    def _take_channels(
        self, entry: Entry, free: Mask, removed: Mask, blocked: list[Blocked]
    ) -> int:
        number = self.layer(str(entry.layer))
        channels = entry.channels or ()
        wanted = self.table.outputs(number)[list(channels)]
        fine = np.array([a >= 0 and bool(free[a]) for a in wanted.tolist()], bool)
        removed[wanted[fine]] = True
        if not fine.all():
            possible = tuple(c for c, able in zip(channels, fine, strict=True) if able)
            nearest = (
                (Entry(layer=entry.layer, channels=possible),)
                if possible
                else self.refusals.feeding(entry, number)
            )
            blocked.append(self.refusals.stuck(number, int(wanted[~fine][0]), nearest))
        return number

    def _take_ratio(
        self,
        entry: Entry,
        plan: Plan,
        free: Mask,
        removed: Mask,
        blocked: list[Blocked],
    ) -> list[int]:
        if plan.strategy == "independent" and entry.block is not None and entry.scope != "inside":
            reason = self.not_independent(entry.block)
            if reason:
                nearest = (Entry(block=entry.block, ratio=entry.ratio, scope="inside"),)
                blocked.append(Blocked(entry.label, "independent", reason, nearest))
                return []
        before = removed.copy()
        targets = self._take(entry, plan, free, removed)
        if entry.ratio and not (removed & ~before).any():
            blocked.append(self.refusals.nothing(entry, plan, free, before))
        return [number for number, _ in targets]

    def _take(self, entry: Entry, plan: Plan, free: Mask, removed: Mask) -> list[Target]:
        targets = self.targets(entry)
        touched: set[int] = set()
        for number, allowed in targets:
            able = free if allowed is None else free & allowed
            for part in self.axes.parts_of(number):
                goal = part.total - _kept_count(part.total, float(entry.ratio or 0), plan)
                _remove_least(part, goal, able, removed)
            touched.update(self.axes.splits_of_layer[number])
        self._balance(removed, free, tuple(sorted(touched)))
        return targets

    def _left_out(self, entry: Entry, plan: Plan, free: Mask, removed: Mask) -> list[Blocked]:
        """Say which layers of an entry lose less than asked because channels are fixed.

        Whoever asks for the head means what is inside of it: its outputs stay in any case.
        """
        head = entry.block == len(self.table.blocks) - 1 and entry.block not in plan.locked
        stuck: dict[int, int] = {}
        targets = [] if head else self.targets(entry)
        if not any(removed[self.axes.held[number]].any() for number, _ in targets):
            return []  # all of it is refused already
        for number, allowed in targets:
            for part in self.axes.parts_of(number):
                atoms = part.atoms if allowed is None else part.atoms[allowed[part.atoms]]
                goal = part.total - _kept_count(part.total, float(entry.ratio or 0), plan)
                kept = atoms[~free[atoms]]
                if len(kept) and part.gone(removed) < goal:
                    stuck.setdefault(number, int(kept[0]))
        if not stuck:
            return []
        others, gone = [], np.zeros_like(removed)
        for number in (number for number, _ in targets if number not in stuck):
            one, before = Entry(layer=self.table.layers[number].name, ratio=entry.ratio), gone.sum()
            self._take(one, plan, free, gone)
            if gone.sum() > before:  # else it follows those before it
                others.append(one)
        return [self.refusals.partly(entry, stuck, tuple(others))]

    def trial(self, entry: Entry, plan: Plan, free: Mask) -> Mask:
        """Return what one entry alone would remove."""
        removed = np.zeros(self.table.atom_count, bool)
        self._take(entry, plan, free, removed)
        return removed

    # ---- constraints --------------------------------------------------------------------------

    def _balance(
        self, removed: Mask, free: Mask, touched: Sequence[int], *, may_raise: bool = True
    ) -> None:
        """Give all pieces of each split the same count: raise the others, else give back.

        ``touched`` are the splits that may be uneven; levelling one may make others so.
        """
        pieces = self.axes.pieces
        rounds = 2 * len(pieces) + 1
        for attempt in range(2 * rounds):
            changed = False
            for number in touched:
                counts = [piece.gone(removed) for piece in pieces[number]]
                if len(set(counts)) > 1:
                    _level(pieces[number], removed, free, may_raise and attempt < rounds)
                    changed = True
            if not changed:
                return
            touched = range(len(pieces))
        # Giving back only ever shrinks the selection, so the loop above ends; should a network
        # tie splits in a way it does not settle, those splits are left whole.
        for own in pieces:
            if len({piece.gone(removed) for piece in own}) > 1:
                for piece in own:
                    removed[piece.atoms] = False

    def _keep_floor(self, plan: Plan, removed: Mask, free: Mask) -> None:
        """Give channels back where a layer would fall below the floor.

        From here on channels only come back, so this ends.
        """
        floors = np.minimum(self.table.out_counts, plan.minimum_channels)
        while True:
            short = np.flatnonzero(compute_widths(self.table, removed).outputs < floors)
            if not len(short):
                return
            part = self.axes.ranked(self.table.outputs(int(short[0])))
            kept = part.total - part.gone(removed)
            _give_back(part, int(floors[short[0]]) - kept, removed)
            self._balance(removed, free, range(len(self.axes.pieces)), may_raise=False)


def _remove_least(part: Part, goal: int, able: Mask, removed: Mask) -> None:
    """Remove the least important atoms of a part until ``goal`` channels are gone."""
    missing = goal - part.gone(removed)
    if missing <= 0:
        return
    usable = able[part.atoms] & ~removed[part.atoms]
    atoms = part.atoms[usable]
    if part.single:
        removed[atoms[:missing]] = True
        return
    for atom, size in zip(atoms.tolist(), part.sizes[usable].tolist(), strict=True):
        if size <= missing:
            removed[atom] = True
            missing -= size


def _give_back(part: Part, surplus: int, removed: Mask) -> None:
    """Keep the most important removed atoms of a part until ``surplus`` channels are back."""
    if surplus <= 0:
        return
    gone = removed[part.atoms]
    pairs = zip(part.atoms[gone][::-1].tolist(), part.sizes[gone][::-1].tolist(), strict=True)
    for atom, size in pairs:
        if surplus <= 0:
            return
        removed[atom] = False
        surplus -= size


def _level(pieces: tuple[Part, ...], removed: Mask, free: Mask, may_raise: bool) -> None:
    """Bring the pieces of one split to the same count."""
    if may_raise:
        goal = max(piece.gone(removed) for piece in pieces)
        for piece in pieces:
            _remove_least(piece, goal, free, removed)
    least = min(piece.gone(removed) for piece in pieces)
    for piece in pieces:
        _give_back(piece, piece.gone(removed) - least, removed)


def _kept_count(total: int, ratio: float, plan: Plan) -> int:
    """Channels a part keeps: the nearest multiple of ``round_to``, at least one, at most all."""
    if ratio <= 0:
        return total
    rounded = int(np.floor(total * (1.0 - ratio) / plan.multiple + 0.5)) * plan.multiple
    return min(total, max(rounded, plan.minimum_channels, plan.multiple))
