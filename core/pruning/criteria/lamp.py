"""Layer-adaptive magnitude: Lee et al. 2021, “LAMP” (2010.07611), for filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.graph.table import ChannelTable
from core.pruning.criteria.filters import mean_over_members

if TYPE_CHECKING:
    from torch import nn


def lamp(model: nn.Module, table: ChannelTable, seed: int = 0) -> NDArray[np.float64]:
    """Squared size of a filter over that of all filters of its layer that are not smaller.

    Equation 4 of 2010.07611 with filters instead of single weights; averaged over members.
    The largest filter of a layer scores 1, so layers can be compared.
    """
    return mean_over_members(model, table, _scores)


def _scores(rows: Tensor) -> Tensor:
    size = rows.square().sum(1)
    order = torch.argsort(size, stable=True)
    ascending = size[order]
    remaining = ascending.flip(0).cumsum(0).flip(0)
    result = torch.zeros_like(size)
    result[order] = torch.where(remaining > 0, ascending / remaining.clamp_min(1e-300), 0.0)
    return result
