"""Where a network's tensors are how large."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable


def positions_of(table: ChannelTable) -> NDArray[np.float64]:
    """Spatial positions of every tensor the steps name, shape (tensors,)."""
    places = np.zeros(len(table.tensors))
    last = len(table.blocks) - 1
    for step in table.steps:
        made = max((places[t] for t in step.inputs), default=0.0)
        if step.op == "layer" and table.layers[step.layer].positions:
            made = float(table.layers[step.layer].positions)
        elif step.block < last and table.blocks[step.block].stride:
            made = table.image_size.area / table.blocks[step.block].stride ** 2
        for tensor in step.outputs:
            places[tensor] = places[tensor] or made
    return places


def per_output(table: ChannelTable, per_atom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share what belongs to atoms among the layers that make them, per output, shape (layers,)."""
    owned = np.zeros(table.atom_count, bool)
    shares = np.zeros(len(table.layers))
    for number, layer in enumerate(table.layers):
        atoms = table.outputs(number)
        own = np.unique(atoms[atoms >= 0])
        own = own[~owned[own]]
        if (layer.mixes or layer.kind.startswith("Conv")) and len(own):
            owned[own] = True
            shares[number] = per_atom[own].sum() / len(atoms)
    return shares
