"""Filters of an atom: the rows of weights that make it, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.graph.parameters import kernel_of, outputs_axis, own_tensors
from core.graph.table import ChannelTable, Ints

if TYPE_CHECKING:
    from torch import nn


def filters(model: nn.Module, table: ChannelTable) -> Iterator[tuple[Ints, Tensor]]:
    """Yield every convolution's and linear layer's output atoms and its rows, flattened.

    Rows are double, shape (outputs, weights per output).
    """
    for number, layer in enumerate(table.layers):
        if not (layer.mixes or layer.kind.startswith("Conv")):
            continue
        weight = kernel_of(model, layer).detach().double().cpu()
        atoms = table.outputs(number)
        if weight.shape[0] == len(atoms) and len(atoms):
            yield atoms, weight.reshape(len(atoms), -1)


def mean_over_members(
    model: nn.Module, table: ChannelTable, score: Callable[[Tensor], Tensor]
) -> NDArray[np.float64]:
    """Score each layer's rows and average over an atom's members, shape (atoms,)."""
    total = np.zeros(table.atom_count)
    members = np.zeros(table.atom_count)
    for atoms, rows in filters(model, table):
        held = atoms >= 0
        np.add.at(total, atoms[held], score(rows).numpy()[held])
        np.add.at(members, atoms[held], 1)
    result: NDArray[np.float64] = total / np.maximum(members, 1)
    return result


def sum_of_gradients(model: nn.Module, table: ChannelTable, power: int = 1) -> NDArray[np.float64]:
    """Sum (gradient times weight) to a power over the rows that make each atom, shape (atoms,).

    The rows are those of every layer that makes the atom, with its normalisation and bias.
    """
    sums = np.zeros(table.atom_count)
    for number, layer in enumerate(table.layers):
        single = layer.kind == "Parameter"
        if single and not layer.mixes:
            continue
        atoms = table.outputs(number)
        held = atoms >= 0
        for name, tensor in own_tensors(model, layer.name, single=single):
            if tensor.grad is None:
                continue
            product = (tensor.detach() * tensor.grad).double() ** power
            product = product.transpose(0, outputs_axis(layer, name, tensor))
            if product.shape[0] == len(atoms):
                rows = product.reshape(len(atoms), -1).sum(1).cpu().numpy()
                sums += np.bincount(atoms[held], rows[held], table.atom_count)
    return sums
