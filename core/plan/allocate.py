"""Cost-aware global allocation: what scores least for what it saves goes first.

Group Fisher (2108.00708, section 3.3) divides each importance by the cost that its removal saves.
Here the saving is exact at the moment of each removal: it shrinks as neighbours go.

Atoms go in *units* that keep every constraint by themselves: an atom with its partners in the
other pieces of its split, whole attention heads, whole multiples of ``round_to``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.axes import Part
from core.plan.resolve import Resolver, Scores
from core.plan.schema import Entry, Plan, Target
from core.plan.target import TOLERANCE
from core.plan.widths import Mask, compute_widths

FLOOR = 0.2
"""Share of every layer that global allocation keeps, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A cost to come down to: ``amount`` multiply-adds, or parameters."""

    by_macs: bool
    amount: float

    @classmethod
    def of(cls, table: ChannelTable, target: Target, share: float = 1.0) -> Goal:
        """Return a target of a plan as a cost; ``share`` of the way to it.

        Raises
        ------
        UserError
            For a target in milliseconds.
        """
        if target.latency_ms is not None:
            raise UserError(
                "A target in milliseconds needs a latency table, which this version does not have.",
                'Give the target as "macs" or "params".',
            )
        by_macs = target.macs is not None
        fraction = target.macs or target.params or 1.0
        whole = cost_of(table, np.zeros(table.atom_count, bool), by_macs)
        return cls(by_macs, whole * (1.0 - (1.0 - fraction) * share))


def cost_of(table: ChannelTable, removed: Mask, by_macs: bool) -> int:
    """Multiply-adds or parameters after removing atoms."""
    widths = compute_widths(table, removed)
    return widths.macs if by_macs else widths.parameters


class Allocator:
    """Removes units from one network, the least score per saved cost first.

    Parameters
    ----------
    resolver : Resolver
    plan : Plan
        Its locks, rounding, floor (``minimum_channels``) and selection (an empty one means every
        block) hold.
    floor : float
        Share of its outputs that every layer keeps.
    """

    def __init__(self, resolver: Resolver, plan: Plan, floor: float = FLOOR) -> None:
        self.resolver, self.plan, self.table = resolver, plan, resolver.table
        counts = self.table.out_counts
        least = np.maximum(np.ceil(floor * counts - 1e-9), plan.minimum_channels)
        self.least = np.minimum(counts, least).astype(np.int64)
        self.free = resolver.free_atoms(plan) & self._chosen()

    def _chosen(self) -> Mask:
        """Atoms of the blocks and layers that the plan's ratios name; all when there are none."""
        entries = [entry for entry in self.plan.selection if entry.channels is None]
        if self.plan.strategy == "independent":
            names = self.resolver.independent_blocks()
            everything = [Entry(block=block, ratio=1.0) for block in names]
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
        label = self._units(removed, scores)
        count = int(label.max()) + 1 if len(label) else 0
        if not count:
            return removed
        members = label >= 0
        importance = np.bincount(label[members], scores[members], count)
        state = _State(self.table, label, removed, self.least, goal.by_macs)
        while state.cost > goal.amount:
            saved = state.savings()
            lowest = goal.amount * (1 - TOLERANCE)
            able = state.able & (saved > 0) & (state.cost - saved >= lowest)
            if not able.any():
                break
            value = np.full(count, np.inf)
            value[able] = importance[able] / saved[able]
            unit = int(np.argmin(value))
            if not _nearer(state.cost, float(saved[unit]), goal.amount):
                break
            state.remove(unit, float(saved[unit]))
            removed[label == unit] = True
        return removed

    # ---- units --------------------------------------------------------------------------------

    def _units(self, removed: Mask, scores: Scores) -> NDArray[np.int64]:
        """Number the units: one label per atom, -1 for those that cannot go.

        Rows (partners of equal standing across a split's pieces, runs of ``round_to``) that share
        an atom become one unit, so a unit is always made of whole rows.
        """
        usable = self.free & ~removed
        pairs: list[NDArray[np.int64]] = []
        stuck = np.zeros(self.table.atom_count, bool)
        for pieces, size in self._bundles():
            rows, left = _rows(pieces, size, usable, removed, scores)
            stuck[left] = True
            for row in rows:
                pairs.append(np.stack([np.full(len(row) - 1, row[0]), row[1:]]))
        links = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.int64)
        number = self.table.atom_count
        ones = np.ones(links.shape[1])
        graph = sparse.coo_array((ones, (links[0], links[1])), shape=(number, number))
        count, component = connected_components(graph, directed=False)
        bad = np.zeros(count, bool)
        bad[component[stuck | ~usable]] = True
        wanted = usable & ~bad[component]
        label = np.full(number, -1, np.int64)
        label[wanted] = np.unique(component[wanted], return_inverse=True)[1]
        return label

    def _bundles(self) -> list[tuple[tuple[Part, ...], int]]:
        """Parts that lose channels together, with the least number they lose at a time."""
        step = self.plan.round_to
        bundles = [(pieces, step) for pieces in self.resolver.axes.pieces]
        if step > 1:
            seen = {_key(piece) for pieces, _ in bundles for piece in pieces}
            for parts in self.resolver.axes.parts.values():
                for part in parts:
                    if len(part.atoms) and _key(part) not in seen:
                        seen.add(_key(part))
                        bundles.append(((part,), step))
        return bundles


def _key(part: Part) -> bytes:
    return part.atoms.tobytes()


def _rows(
    pieces: tuple[Part, ...], step: int, usable: Mask, removed: Mask, scores: Scores
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Cut pieces into rows that take equally many channels of each, the least important first.

    Returns
    -------
    rows : list of int64 arrays
        Atoms of all pieces that go together.
    left : int64 array
        Usable atoms that found no row.
    """
    size = step
    for piece in pieces:
        own = piece.sizes[usable[piece.atoms]]
        if len(own):
            size = int(np.lcm(size, int(own.max())))
    runs = []
    for piece in pieces:
        # What stays must be whole multiples: a piece that is none keeps all it has.
        fits = step == 1 or (piece.total - piece.gone(removed)) % step == 0
        runs.append(_runs(piece, size, usable, scores) if fits else [])
    count = min(len(run) for run in runs)
    rows = [np.concatenate([run[place] for run in runs]) for place in range(count)]
    everything = np.concatenate([piece.atoms for piece in pieces]).astype(np.int64)
    taken = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    return rows, np.setdiff1d(everything[usable[everything]], taken)


def _runs(piece: Part, size: int, usable: Mask, scores: Scores) -> list[NDArray[np.int64]]:
    """Runs of a piece's atoms, each of exactly ``size`` channels, in order of importance."""
    mine = usable[piece.atoms]
    atoms, sizes = piece.atoms[mine].astype(np.int64), piece.sizes[mine]
    order = np.argsort(scores[atoms], kind="stable")
    atoms, sizes = atoms[order], sizes[order]
    if (sizes == 1).all():
        whole = len(atoms) // size
        return list(atoms[: whole * size].reshape(whole, size))
    runs: list[NDArray[np.int64]] = []
    waiting: list[int] = []
    held = 0
    for atom, width in zip(atoms.tolist(), sizes.tolist(), strict=True):
        if held + width > size:
            continue
        waiting.append(atom)
        held += width
        if held == size:
            runs.append(np.array(waiting, np.int64))
            waiting, held = [], 0
    return runs


class _State:
    """Widths of every layer while units go, and what each unit would save now."""

    def __init__(
        self,
        table: ChannelTable,
        label: NDArray[np.int64],
        removed: Mask,
        least: NDArray[np.int64],
        by_macs: bool,
    ) -> None:
        widths = compute_widths(table, removed)
        self.inputs = widths.inputs.astype(np.float64)
        self.outputs = widths.outputs.astype(np.float64)
        self.least = least
        rows = table.coefficients[2:] if by_macs else table.coefficients[:2]
        self.pair, self.each = rows.astype(np.float64)
        self.cost = float(widths.macs if by_macs else widths.parameters)
        self.takes_in = _incidence(table.in_atoms, table.in_offsets, label)
        self.takes_out = _incidence(table.out_atoms, table.out_offsets, label)
        self.both = self.takes_in.multiply(self.takes_out).tocsr() @ self.pair
        self.by_layer = self.takes_out.tocsc()
        self.able = np.ones(self.takes_out.shape[0], bool)
        self._keep_floor(np.arange(len(self.outputs)))

    def savings(self) -> NDArray[np.float64]:
        """Cost that the removal of each unit would save now, shape (units,)."""
        by_input = self.takes_in @ (self.pair * self.outputs)
        by_output = self.takes_out @ (self.pair * self.inputs + self.each)
        saved: NDArray[np.float64] = by_input + by_output - self.both
        return saved

    def remove(self, unit: int, saved: float) -> None:
        """Take one unit out."""
        self.cost -= saved
        self.able[unit] = False
        for matrix, widths in ((self.takes_in, self.inputs), (self.takes_out, self.outputs)):
            span = slice(matrix.indptr[unit], matrix.indptr[unit + 1])
            widths[matrix.indices[span]] -= matrix.data[span]
        span = slice(self.takes_out.indptr[unit], self.takes_out.indptr[unit + 1])
        self._keep_floor(self.takes_out.indices[span])

    def _keep_floor(self, layers: NDArray[np.int64] | NDArray[np.int32]) -> None:
        """Bar the units that would take a layer below its floor."""
        for number in layers.tolist():
            slack = self.outputs[number] - self.least[number]
            span = slice(self.by_layer.indptr[number], self.by_layer.indptr[number + 1])
            self.able[self.by_layer.indices[span][self.by_layer.data[span] > slack]] = False


def _incidence(
    atoms: NDArray[np.int32], offsets: NDArray[np.int32], label: NDArray[np.int64]
) -> sparse.csr_array:
    """How many channels of each layer a unit takes, shape (units, layers)."""
    layers = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    units = np.append(label, -1)[atoms]
    held = units >= 0
    shape = (int(label.max()) + 1, len(offsets) - 1)
    ones = np.ones(int(held.sum()))
    return sparse.coo_array((ones, (units[held], layers[held])), shape=shape).tocsr()


def _nearer(cost: float, saved: float, goal: float) -> bool:
    """Whether a removal brings the cost nearer to the goal."""
    return abs(cost - saved - goal) <= abs(cost - goal)


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


def check_reached(table: ChannelTable, removed: Mask, goal: Goal) -> None:
    """Refuse a removal that missed its target.

    Raises
    ------
    UserError
        Naming the nearest that can be reached.
    """
    cost = cost_of(table, removed, goal.by_macs)
    if cost <= goal.amount * (1 + TOLERANCE):
        return
    whole = cost_of(table, np.zeros(table.atom_count, bool), goal.by_macs)
    what = "multiply-adds" if goal.by_macs else "parameters"
    raise UserError(
        f"The target of {goal.amount / whole:.0%} of the {what} cannot be reached: the nearest "
        f"within floors, locks and rounding is {cost / whole:.1%}.",
        "Select more blocks, unlock some, lower round_to, or raise the target.",
    )
