"""Size of the filters: Li et al. 2017, “Pruning Filters for Efficient ConvNets” (1608.08710)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable

if TYPE_CHECKING:
    from torch import nn


def l1(model: nn.Module, table: ChannelTable, seed: int = 0) -> NDArray[np.float64]:
    """Sum over an atom's filters of their mean absolute weight (1608.08710, section 3.1)."""
    return _filter_size(model, table, power=1)


def l2(model: nn.Module, table: ChannelTable, seed: int = 0) -> NDArray[np.float64]:
    """Root of the mean square weight of an atom's filters, summed over its members."""
    return _filter_size(model, table, power=2)


def _filter_size(model: nn.Module, table: ChannelTable, power: int) -> NDArray[np.float64]:
    """Mean size per weight, so that a 3 x 3 filter does not outweigh a pointwise one."""
    import torch

    from core.graph.parameters import kernel_of

    total = np.zeros(table.atom_count)
    members = np.zeros(table.atom_count)
    for number, layer in enumerate(table.layers):
        if not (layer.mixes or layer.kind.startswith("Conv")):
            continue
        weight = kernel_of(model, layer).detach().float()
        atoms = table.outputs(number)
        if weight.shape[0] != len(atoms):
            continue
        flat = weight.reshape(len(atoms), -1)
        size = torch.linalg.vector_norm(flat, power, dim=1).double()
        size /= flat.shape[1] ** (1 / power)
        held = atoms >= 0
        np.add.at(total, atoms[held], size.numpy()[held])
        np.add.at(members, atoms[held], 1)
    result: NDArray[np.float64] = total / np.maximum(members, 1)
    return result
