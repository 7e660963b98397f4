"""Index over a channel table for planning, computed once per network."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable, Ints


@dataclass(frozen=True, slots=True)
class Part:
    """Outputs of a layer that are cut together: a whole layer, or one piece of a split.

    Attributes
    ----------
    total : int
        Channels, constants included.
    atoms : int32 array
        Distinct atoms.
    sizes : int64 array
        How many of the part's channels each atom holds (an attention head holds many).
    single : bool
        Whether every atom holds one.
    """

    total: int
    atoms: Ints
    sizes: NDArray[np.int64]
    single: bool

    @classmethod
    def of(cls, atoms: Ints) -> Part:
        """Gather the distinct atoms of a run of channels."""
        distinct, sizes = np.unique(atoms[atoms >= 0], return_counts=True)
        return cls(len(atoms), distinct.astype(np.int32), sizes, bool((sizes == 1).all()))

    def sorted_by(self, rank: NDArray[np.int64]) -> Part:
        """Return the part with its atoms in order of importance, least first."""
        order = np.argsort(rank[self.atoms])
        return Part(self.total, self.atoms[order], self.sizes[order], self.single)

    def gone(self, removed: NDArray[np.bool_]) -> int:
        """Count channels removed."""
        gone = removed[self.atoms]
        return int(np.count_nonzero(gone) if self.single else self.sizes[gone].sum())


class Axes:
    """Parts of every mixing layer, pieces of every split, outputs of every block."""

    def __init__(self, table: ChannelTable) -> None:
        self.table = table
        self.mixing = tuple(n for n, layer in enumerate(table.layers) if layer.mixes)
        self.pieces = tuple(
            tuple(Part.of(piece) for piece in split.pieces) for split in table.splits
        )
        pieces_of = self._pieces_of_atoms()
        self.parts = {n: self._parts(table.outputs(n), pieces_of) for n in self.mixing}
        self.splits_of_layer = {
            n: tuple(
                {number for a in table.outputs(n).tolist() for number, _ in pieces_of.get(a, ())}
            )
            for n in range(len(table.layers))
        }
        self.held = {n: table.outputs(n)[table.outputs(n) >= 0] for n in range(len(table.layers))}
        self.block_outputs = {b.index: set(b.out_atoms.tolist()) - {-1} for b in table.blocks}
        self._rank: NDArray[np.int64] | None = None
        self._ranked_by: NDArray[np.float64] | None = None
        self._targets: dict[tuple[int, str], list[tuple[int, NDArray[np.bool_] | None]]] = {}

    def _pieces_of_atoms(self) -> dict[int, tuple[tuple[int, int], ...]]:
        gathered: dict[int, set[tuple[int, int]]] = defaultdict(set)
        for number, pieces in enumerate(self.pieces):
            for place, piece in enumerate(pieces):
                for atom in piece.atoms.tolist():
                    gathered[atom].add((number, place))
        return {atom: tuple(sorted(own)) for atom, own in gathered.items()}

    @staticmethod
    def _parts(atoms: Ints, pieces_of: dict[int, tuple[tuple[int, int], ...]]) -> tuple[Part, ...]:
        """Divide a layer's outputs by the pieces they belong to, in channel order."""
        groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for atom in atoms.tolist():
            groups.setdefault(pieces_of.get(atom, ()), []).append(atom)
        return tuple(Part.of(np.array(group, np.int32)) for group in groups.values())

    def rank(self, scores: NDArray[np.float64]) -> None:
        """Put the atoms of all parts in order of importance, unless they are already.

        Scores change far less often than ratios: sorting once serves every tick of a slider.
        """
        if self._ranked_by is not None and np.array_equal(self._ranked_by, scores):
            return
        self._ranked_by = scores.copy()
        rank = np.empty(len(scores), np.int64)
        rank[np.argsort(scores, kind="stable")] = np.arange(len(scores))
        self._rank = rank
        self.parts = {n: tuple(p.sorted_by(rank) for p in own) for n, own in self.parts.items()}
        self.pieces = tuple(tuple(p.sorted_by(rank) for p in own) for own in self.pieces)

    def ranked(self, atoms: Ints) -> Part:
        """Gather a run of channels in order of importance."""
        part = Part.of(atoms)
        return part if self._rank is None else part.sorted_by(self._rank)

    def parts_of(self, layer: int) -> tuple[Part, ...]:
        """Parts of any layer, a follower's too."""
        return self.parts.get(layer) or (self.ranked(self.table.outputs(layer)),)

    def targets(self, block: int, scope: str) -> list[tuple[int, NDArray[np.bool_] | None]]:
        """Layers of a block that a scope speaks of.

        Returns
        -------
        list of (layer, mask or None)
            The mask, shape (atoms,), reports which atoms the scope allows; None allows all.
        """
        key = (block, scope)
        if key not in self._targets:
            self._targets[key] = self._find_targets(block, scope)
        return self._targets[key]

    def _find_targets(self, block: int, scope: str) -> list[tuple[int, NDArray[np.bool_] | None]]:
        own = np.zeros(self.table.atom_count, bool)
        own[list(self.block_outputs[block])] = True
        found: list[tuple[int, NDArray[np.bool_] | None]] = []
        for number in self.mixing:
            if self.table.layers[number].block != block:
                continue
            inside = own[self.held[number]]
            allowed = {"all": np.ones_like(inside), "output": inside, "inside": ~inside}[scope]
            if allowed.all() and len(allowed):
                found.append((number, None))
            elif allowed.any():
                found.append((number, own if scope == "output" else ~own))
        return found
