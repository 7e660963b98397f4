"""The channel table of a network already cut, in the atoms of the original."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable, Ints
from core.plan.widths import Mask, kept_of


def shrink_table(table: ChannelTable, removed: Mask) -> ChannelTable:
    """Return the layers' channels after a cut, with the original's atom numbers.

    A criterion that reads a cut network with this table scores the original's atoms; those
    removed have no member left.

    Notes
    -----
    Only layers, the outputs of blocks and atoms are of the cut network; tensors, splits and costs
    are the original's.
    """
    kept = kept_of(removed)
    inputs, in_offsets = _select(table.in_atoms, table.in_offsets, kept)
    outputs, out_offsets = _select(table.out_atoms, table.out_offsets, kept)
    return replace(
        table,
        in_atoms=inputs,
        in_offsets=in_offsets,
        out_atoms=outputs,
        out_offsets=out_offsets,
        blocks=tuple(replace(b, out_atoms=b.out_atoms[kept[b.out_atoms]]) for b in table.blocks),
    )


def _select(atoms: Ints, offsets: Ints, kept: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    stays = kept[atoms]
    before = np.concatenate([[0], np.cumsum(stays)])
    return atoms[stays], before[offsets].astype(np.int32)
