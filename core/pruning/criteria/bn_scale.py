"""Scale of the normalisation: Liu et al. 2017, “Network Slimming” (1708.06519)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable
from core.pruning.criteria.magnitude import l2

if TYPE_CHECKING:
    from torch import nn


def bn_scale(model: nn.Module, table: ChannelTable, seed: int = 0) -> NDArray[np.float64]:
    """Mean absolute BatchNorm scale over an atom's members.

    Atoms without a BatchNorm (layers with a bias, fused networks) fall back to the size of their
    filters.
    """
    total = np.zeros(table.atom_count)
    members = np.zeros(table.atom_count)
    for number, layer in enumerate(table.layers):
        if not layer.kind.startswith("BatchNorm") or not layer.kernel:
            continue
        scale = getattr(model.get_submodule(layer.name), "weight").detach().double().abs()  # noqa: B009
        atoms = table.outputs(number)
        held = atoms >= 0
        np.add.at(total, atoms[held], scale.numpy()[held])
        np.add.at(members, atoms[held], 1)
    without = members == 0
    result: NDArray[np.float64] = total / np.maximum(members, 1)
    if without.any():
        result[without] = l2(model, table)[without]
    return result
