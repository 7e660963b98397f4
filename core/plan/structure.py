"""Which atoms have a coupled structure alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable


def structure_of_atoms(table: ChannelTable) -> NDArray[np.int64]:
    """Number the kinds of coupled structure, one per atom.

    Two atoms are alike when the same kinds of layers make them and the same kinds read them, each
    as often: the class, kernel and whether it is grouped (Isomorphic Pruning, 2407.04616,
    definition 2, for a structure whose operations all meet in the atom).

    Returns
    -------
    int64 array, shape (atoms,)
    """
    kinds: dict[tuple[str, int, bool, str], int] = {}
    members: list[list[int]] = [[] for _ in range(table.atom_count)]
    for number, layer in enumerate(table.layers):
        for side, atoms in (("in", table.inputs(number)), ("out", table.outputs(number))):
            kind = (layer.kind, layer.kernel, layer.groups > 1, side)
            place = kinds.setdefault(kind, len(kinds))
            for atom in atoms[atoms >= 0].tolist():
                members[atom].append(place)
    numbers: dict[tuple[int, ...], int] = {}
    alike = [numbers.setdefault(tuple(sorted(own)), len(numbers)) for own in members]
    return np.array(alike, np.int64)
