"""From atoms that go to widths and cost: exact, and fast enough for every tick of a slider."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable, Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Widths:
    """Kept inputs and outputs of every layer, and what they cost.

    Attributes
    ----------
    inputs, outputs : int32 arrays, shape (layers,)
    parameters, macs : int
        Of the whole network; multiply-adds at the model's image size, batch 1.
    """

    inputs: Ints
    outputs: Ints
    parameters: int
    macs: int


def kept_of(removed: Mask) -> Mask:
    """Per-atom mask of what stays, with one more place so that ``NO_ATOM`` (-1) always stays."""
    return np.append(~removed, True)


def compute_widths(table: ChannelTable, removed: Mask) -> Widths:
    """Return widths and cost after removing atoms.

    Parameters
    ----------
    table : ChannelTable
    removed : bool array, shape (atoms,)
    """
    atoms, starts = table.gather
    kept = kept_of(removed).view(np.uint8).take(atoms)  # -1, no atom, takes the last: kept
    inputs, outputs = np.split(np.add.reduceat(kept, starts, dtype=np.int32), 2)
    per_pair_p, per_out_p, per_pair_m, per_out_m = table.coefficients
    pairs = inputs.astype(np.int64) * outputs
    parameters = int(per_pair_p @ pairs + per_out_p @ outputs) + table.other_parameters
    macs = int(per_pair_m @ pairs + per_out_m @ outputs)
    return Widths(inputs, outputs, parameters, macs)


def changed_layers(before: Widths, after: Widths) -> NDArray[np.int64]:
    """Return the numbers of the layers whose inputs or outputs change, in order of execution."""
    differ = (after.inputs != before.inputs) | (after.outputs != before.outputs)
    return np.flatnonzero(differ).astype(np.int64)


def block_outputs(table: ChannelTable, removed: Mask) -> dict[int, int]:
    """Return the channels that every block puts out without some atoms, by its index."""
    atoms, ends = table.block_gather
    gone = np.concatenate([[0], np.cumsum(np.append(removed, False)[atoms])])
    lost = np.diff(gone[ends]).tolist()
    return {b.index: b.out_channels - lost[n] for n, b in enumerate(table.blocks)}


def layer_costs(table: ChannelTable, widths: Widths) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Parameters and multiply-adds of every layer, shape (layers,) each."""
    per_pair_p, per_out_p, per_pair_m, per_out_m = table.coefficients
    pairs = widths.inputs.astype(np.int64) * widths.outputs
    return per_pair_p * pairs + per_out_p * widths.outputs, (
        per_pair_m * pairs + per_out_m * widths.outputs
    )
