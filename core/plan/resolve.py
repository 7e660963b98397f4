"""A selection resolved into atoms to remove, within every constraint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.graph.table import ChannelTable, Ints
from core.plan.schema import Entry, Plan
from core.plan.widths import Mask

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something asked for that cannot be done, and the nearest selection that can."""

    layer: str
    constraint: str
    message: str
    nearest: tuple[Entry, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "layer": self.layer,
            "constraint": self.constraint,
            "message": self.message,
            "nearest": [entry.to_json() for entry in self.nearest] or None,
        }


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a plan removes.

    Attributes
    ----------
    removed : bool array, shape (atoms,)
    selected : tuple of int
        Layers whose own outputs the person asked to cut, in order of execution.
    blocked : tuple of Blocked
    """

    removed: Mask
    selected: tuple[int, ...]
    blocked: tuple[Blocked, ...]


@dataclass
class _Axes:
    """Index over a table: which positions of which layer an atom holds, and its pieces."""

    table: ChannelTable
    pieces_of: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        gathered: dict[int, set[tuple[int, int]]] = defaultdict(set)
        for number, split in enumerate(self.table.splits):
            for piece, atoms in enumerate(split.pieces):
                for atom in atoms.tolist():
                    if atom >= 0:
                        gathered[atom].add((number, piece))
        self.pieces_of = {atom: tuple(sorted(own)) for atom, own in gathered.items()}

    def parts(self, atoms: Ints) -> list[Ints]:
        """Divide a layer's output atoms by the pieces they belong to, in channel order."""
        groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for atom in atoms.tolist():
            groups.setdefault(self.pieces_of.get(atom, ()), []).append(atom)
        return [np.array(group, np.int32) for group in groups.values()]


class Resolver:
    """Resolves plans against one table; build it once and reuse it for every tick.

    Parameters
    ----------
    table : ChannelTable
    """

    def __init__(self, table: ChannelTable) -> None:
        self.table = table
        self._axes = _Axes(table)
        self._mixing = [n for n, layer in enumerate(table.layers) if layer.mixes]
        self._parts = {n: self._axes.parts(table.outputs(n)) for n in self._mixing}
        self._block_out = {b.index: set(b.out_atoms.tolist()) for b in table.blocks}

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
            When the plan names a block, layer or channel the network does not have, selects
            nothing, or everything it selects is locked.
        """
        self._check_names(plan)
        free = (self.table.fixed < 0) & ~self._locked(plan)
        removed = np.zeros(self.table.atom_count, bool)
        exact = np.zeros(self.table.atom_count, bool)
        selected: set[int] = set()
        blocked: list[Blocked] = []
        for entry in plan.selection:
            if entry.channels is not None:
                layers, asked = self._take_channels(entry, free, removed, blocked)
                exact |= asked
            else:
                layers = self._take_ratio(entry, plan, scores, free, removed, blocked)
            selected.update(layers)
            self._balance(removed, free, scores)
        self._keep_floor(plan, removed, free, scores, exact)
        own = [n for n in sorted(selected) if removed[self._held(n)].any()]
        return Resolution(removed, tuple(own), tuple(blocked))

    def _held(self, layer: int) -> Ints:
        atoms = self.table.outputs(layer)
        return atoms[atoms >= 0]

    def _check_names(self, plan: Plan) -> None:
        blocks = len(self.table.blocks)
        if not plan.selection:
            raise UserError(
                "The plan selects nothing.", "Name at least one block or layer with a ratio."
            )
        for entry in plan.selection:
            if entry.block is not None and entry.block >= blocks:
                raise UserError(
                    f"The network has no block {entry.block}.",
                    f"Its blocks are 0 to {blocks - 1}.",
                )
            if entry.layer is not None:
                number = self.layer(entry.layer)
                count = int(self.table.out_counts[number])
                wrong = [c for c in entry.channels or () if c >= count]
                if wrong:
                    raise UserError(
                        f"{entry.layer} has no channel {wrong[0]}.",
                        f"Its channels are 0 to {count - 1}.",
                        (entry.layer,),
                    )
        for name in plan.locked:
            if isinstance(name, int):
                if not 0 <= name < blocks:
                    raise UserError(
                        f"The network has no block {name} to lock.",
                        f"Its blocks are 0 to {blocks - 1}.",
                    )
            else:
                self.layer(name)

    def layer(self, name: str) -> int:
        """Find a layer by name, or say which names come close."""
        number = self.table.resolve_layer(name)
        if number is None:
            import difflib

            near = difflib.get_close_matches(name, [la.name for la in self.table.layers], 3)
            inside = [la.name for la in self.table.layers if la.name.startswith(name + ".")]
            near = [n for n in inside if not n.endswith(".bn")][:3] or near
            hint = f"Did you mean {', '.join(near)}?" if near else "`inspect` lists all layers."
            raise UserError(f"The network has no layer {name}.", hint)
        return number

    def _locked(self, plan: Plan) -> Mask:
        """Atoms the person locked: all outputs of the layers named."""
        locked = np.zeros(self.table.atom_count, bool)
        for name in plan.locked:
            layers = self.table.layers_of(name) if isinstance(name, int) else [self.layer(name)]
            for number in layers:
                locked[self._held(number)] = True
            if isinstance(name, int):
                own = self.table.blocks[name].out_atoms
                locked[own[own >= 0]] = True
        return locked

    # ---- entries ------------------------------------------------------------------------------

    def _take_channels(
        self, entry: Entry, free: Mask, removed: Mask, blocked: list[Blocked]
    ) -> tuple[list[int], Mask]:
        number = self.layer(str(entry.layer))
        atoms = self.table.outputs(number)
        wanted = atoms[list(entry.channels or ())]
        ok = np.array([a >= 0 and bool(free[a]) for a in wanted.tolist()], bool)
        asked = np.zeros_like(removed)
        asked[wanted[ok]] = True
        if len(ok) and not ok.all():
            possible = tuple(c for c, fine in zip(entry.channels or (), ok, strict=True) if fine)
            nearest = (Entry(layer=entry.layer, channels=possible),) if possible else ()
            blocked.append(
                self._refusal(number, int(wanted[~ok][0]), nearest or self._feeding(entry, number))
            )
        removed |= asked
        return [number], asked

    def _take_ratio(
        self,
        entry: Entry,
        plan: Plan,
        scores: Scores,
        free: Mask,
        removed: Mask,
        blocked: list[Blocked],
    ) -> list[int]:
        before = removed.copy()
        targets = self._targets(entry)
        if plan.strategy == "independent" and entry.block is not None:
            reason = self.not_independent(entry.block)
            if reason and entry.scope != "inside":
                nearest = (Entry(block=entry.block, ratio=entry.ratio, scope="inside"),)
                blocked.append(Blocked(entry.label, "independent", reason, nearest))
                return []
        for number, allowed in targets:
            for part in self._parts.get(number) or [self.table.outputs(number)]:
                self._take_part(part, allowed, float(entry.ratio or 0), plan, scores, free, removed)
        self._balance(removed, free, scores)
        if entry.ratio and not (removed & ~before).any():
            blocked.append(self._nothing(entry, targets, plan, free, before))
            return []
        return [number for number, _ in targets]

    def _targets(self, entry: Entry) -> list[tuple[int, set[int] | None]]:
        """Layers an entry speaks of, each with the atoms it may take (None: all)."""
        if entry.layer is not None:
            return [(self.layer(entry.layer), None)]
        own = self._block_out[int(entry.block or 0)]
        targets: list[tuple[int, set[int] | None]] = []
        for number in self._mixing:
            if self.table.layers[number].block != entry.block:
                continue
            atoms = set(self.table.outputs(number).tolist())
            chosen = {"all": atoms, "output": atoms & own, "inside": atoms - own}[entry.scope]
            if chosen:
                targets.append((number, None if chosen == atoms else chosen))
        return targets

    def _take_part(
        self,
        part: Ints,
        allowed: set[int] | None,
        ratio: float,
        plan: Plan,
        scores: Scores,
        free: Mask,
        removed: Mask,
    ) -> None:
        """Remove the least important atoms of one part until the ratio is met."""
        held = part[part >= 0]
        total = len(part)
        goal = total - _kept_count(total, ratio, plan.round_to, plan.minimum_channels)
        gone = int(removed[held].sum())
        atoms, sizes = np.unique(held, return_counts=True)
        usable = free[atoms] & ~removed[atoms]
        if allowed is not None:
            usable &= np.isin(atoms, list(allowed))
        atoms, sizes = atoms[usable], sizes[usable]
        if goal <= gone or not len(atoms):
            return
        order = np.argsort(scores[atoms], kind="stable")
        if (sizes == 1).all():
            removed[atoms[order[: goal - gone]]] = True
            return
        for place in order.tolist():
            if gone + sizes[place] <= goal:
                removed[atoms[place]] = True
                gone += int(sizes[place])

    # ---- constraints --------------------------------------------------------------------------

    def _balance(self, removed: Mask, free: Mask, scores: Scores) -> None:
        """Give all pieces of each split the same count: raise the others, else give back."""
        for attempt in range(4 * len(self.table.splits) + 2):
            changed = False
            for split in self.table.splits:
                changed |= self._level(split.pieces, removed, free, scores, attempt)
            if not changed:
                return
        for split in self.table.splits:  # never reached in practice; safe if it is
            if len({_gone(piece, removed) for piece in split.pieces}) > 1:
                for piece in split.pieces:
                    removed[piece[piece >= 0]] = False

    def _level(
        self, pieces: Sequence[Ints], removed: Mask, free: Mask, scores: Scores, attempt: int
    ) -> bool:
        counts = [_gone(piece, removed) for piece in pieces]
        if len(set(counts)) == 1:
            return False
        goal = max(counts)
        if attempt <= 2 * len(self.table.splits):
            for piece, count in zip(pieces, counts, strict=True):
                self._raise(piece, goal - count, removed, free, scores)
        counts = [_gone(piece, removed) for piece in pieces]
        floor = min(counts)
        for piece, count in zip(pieces, counts, strict=True):
            self._give_back(piece, count - floor, removed, scores)
        return True

    def _raise(self, piece: Ints, missing: int, removed: Mask, free: Mask, scores: Scores) -> None:
        atoms, sizes = np.unique(piece[piece >= 0], return_counts=True)
        order = np.argsort(scores[atoms], kind="stable")
        for place in order.tolist():
            atom = atoms[place]
            if missing <= 0:
                return
            if free[atom] and not removed[atom] and sizes[place] <= missing:
                removed[atom] = True
                missing -= int(sizes[place])

    def _give_back(self, piece: Ints, surplus: int, removed: Mask, scores: Scores) -> None:
        atoms, sizes = np.unique(piece[piece >= 0], return_counts=True)
        order = np.argsort(-scores[atoms], kind="stable")
        for place in order.tolist():
            if surplus <= 0:
                return
            if removed[atoms[place]]:
                removed[atoms[place]] = False
                surplus -= int(sizes[place])

    def _keep_floor(
        self, plan: Plan, removed: Mask, free: Mask, scores: Scores, exact: Mask
    ) -> None:
        """Give channels back where a layer would fall below the floor."""
        for _ in range(len(self.table.layers)):
            changed = False
            for number in range(len(self.table.layers)):
                atoms = self.table.outputs(number)
                held = atoms[atoms >= 0]
                gone = held[removed[held]]
                if not len(gone):
                    continue
                floor = min(len(atoms), plan.minimum_channels)
                short = floor - (len(atoms) - len(gone))
                if short > 0:
                    self._give_back(gone, short, removed, scores)
                    changed = True
            if not changed:
                return
            self._balance(removed, free, scores)

    # ---- independence and refusals ------------------------------------------------------------

    def not_independent(self, block: int) -> str:
        """Why removing a block's outputs touches more than its one reader; empty if it does not."""
        table = self.table
        own = self._block_out[block]
        if not own:
            return f"Block {block} puts out no feature map."
        readers: set[int] = set()
        for number, layer in enumerate(table.layers):
            if layer.block == block or not layer.mixes:
                continue
            if own & set(table.outputs(number).tolist()):
                return f"Block {block} shares channels with {layer.name} in block {layer.block}."
            if own & set(table.inputs(number).tolist()):
                readers.add(layer.block)
        if len(readers) > 1:
            named = " and ".join(str(r) for r in sorted(readers))
            return f"Block {block} is read by blocks {named}, so all of them would change."
        return ""

    def independent_blocks(self) -> tuple[int, ...]:
        """Blocks the strategy “independent” may prune, none the reader of another."""
        chosen: list[int] = []
        taken: set[int] = set()
        for block in self.table.blocks:
            own = self._block_out[block.index]
            layers = [n for n in self.table.layers_of(block.index) if self.table.layers[n].mixes]
            free = any((self.table.fixed[self._held(n)] < 0).any() for n in layers)
            if not layers or not free or not own or self.not_independent(block.index):
                continue
            readers = {
                la.block
                for n, la in enumerate(self.table.layers)
                if la.mixes and la.block != block.index and own & set(self.table.inputs(n).tolist())
            }
            if block.index not in taken:
                chosen.append(block.index)
                taken |= readers
        return tuple(chosen)

    def _refusal(self, layer: int, atom: int, nearest: tuple[Entry, ...]) -> Blocked:
        name = self.table.layers[layer].name
        if atom >= 0 and self.table.fixed[atom] >= 0:
            reason = self.table.reasons[self.table.fixed[atom]]
            return Blocked(name, "fixed", f"{name} cannot lose channels: {reason}.", nearest)
        return Blocked(name, "locked", f"{name} is locked by the plan.", nearest)

    def _feeding(self, entry: Entry, layer: int) -> tuple[Entry, ...]:
        """The nearest thing to prune instead: the layers that feed this one."""
        wanted = set(self.table.inputs(layer).tolist()) - {-1}
        for number in reversed(self._mixing):
            atoms = self._held(number)
            if (
                number != layer
                and wanted & set(atoms.tolist())
                and (self.table.fixed[atoms] < 0).any()
            ):
                return (Entry(layer=self.table.layers[number].name, ratio=entry.ratio or 0.5),)
        return ()

    def _nothing(
        self,
        entry: Entry,
        targets: list[tuple[int, set[int] | None]],
        plan: Plan,
        free: Mask,
        removed: Mask,
    ) -> Blocked:
        """Say why an entry removes nothing, and what would."""
        if not targets:
            return self._no_layers(entry)
        for number, allowed in targets:
            atoms = self._held(number)
            if allowed is not None:
                atoms = atoms[np.isin(atoms, list(allowed))]
            able = atoms[free[atoms]]
            if len(able):
                return self._too_little(entry, plan, number, bool(removed[able].all()))
        number = targets[-1][0]
        held = self._held(number)
        stuck = int(held[~free[held]][0]) if len(held) else -1
        return self._refusal(number, stuck, self._feeding(entry, number))

    def _too_little(self, entry: Entry, plan: Plan, number: int, done: bool) -> Blocked:
        name = self.table.layers[number].name
        if done:
            return Blocked(
                entry.label, "selected", f"{entry.label} is covered already by an earlier line."
            )
        for step in range(1, 101):
            ratio = step / 100
            if ratio <= float(entry.ratio or 0):
                continue
            trial = np.zeros(self.table.atom_count, bool)
            free = (self.table.fixed < 0) & ~self._locked(plan)
            flat = np.arange(self.table.atom_count, dtype=float)
            bigger = entry.model_copy(update={"ratio": ratio})
            for layer, allowed in self._targets(bigger):
                for part in self._parts.get(layer) or [self.table.outputs(layer)]:
                    self._take_part(part, allowed, ratio, plan, flat, free, trial)
            self._balance(trial, free, flat)
            if trial.any():
                text = (
                    f"A ratio of {entry.ratio:g} removes nothing from {entry.label}: kept counts "
                    f"are multiples of {plan.round_to}, and split halves and attention heads go "
                    f"whole; {ratio:g} is the nearest that does."
                )
                return Blocked(name, "rounding", text, (bigger,))
        text = f"{entry.label} is at its floor already and has nothing to give."
        return Blocked(name, "floor", text)

    def _no_layers(self, entry: Entry) -> Blocked:
        block = self.table.blocks[int(entry.block or 0)]
        if any(self.table.layers[n].mixes for n in self.table.layers_of(block.index)):
            text = f"Block {block.index} ({block.type}) has no channels of scope “{entry.scope}”."
            return Blocked(
                entry.label, "scope", text, (Entry(block=block.index, ratio=entry.ratio),)
            )
        sources = self._makers(block.index)
        named = " and ".join(str(s) for s in sources)
        text = (
            f"Block {block.index} ({block.type}) has no weights of its own: its width follows "
            f"block {named}."
        )
        nearest = tuple(Entry(block=s, ratio=entry.ratio, scope="output") for s in sources)
        return Blocked(entry.label, "no layers", text, nearest)

    def _makers(self, block: int) -> list[int]:
        """Nearest blocks upstream that have layers."""
        found: list[int] = []
        for source in self.table.blocks[block].sources:
            if source < 0:
                continue
            if any(self.table.layers[n].mixes for n in self.table.layers_of(source)):
                found.append(source)
            else:
                found.extend(self._makers(source))
        return sorted(set(found))


def _gone(piece: Ints, removed: Mask) -> int:
    return int(removed[piece[piece >= 0]].sum())


def _kept_count(total: int, ratio: float, round_to: int, minimum: int) -> int:
    """Channels a part keeps: the nearest multiple of ``round_to``, at least one, at most all."""
    kept = total * (1.0 - ratio)
    rounded = int(np.floor(kept / round_to + 0.5)) * round_to
    lowest = min(total, max(minimum, round_to))
    return min(total, max(rounded, lowest)) if ratio > 0 else total
