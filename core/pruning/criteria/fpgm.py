"""Geometric median: He et al. 2019, “Filter Pruning via Geometric Median” (1811.00250)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.graph.table import ChannelTable
from core.pruning.criteria.filters import mean_over_members

if TYPE_CHECKING:
    from torch import nn


def fpgm(model: nn.Module, table: ChannelTable, seed: int = 0) -> NDArray[np.float64]:
    """Mean distance of a filter to the others of its layer (1811.00250, equation 4).

    A filter near the geometric median is one the others can stand in for. Distances are per
    weight, so that wide filters do not outweigh pointwise ones; averaged over members.
    """
    return mean_over_members(model, table, _scores)


def _scores(rows: Tensor) -> Tensor:
    distances: Tensor = torch.cdist(rows, rows, compute_mode="use_mm_for_euclid_dist")
    mean: Tensor = distances.mean(1) / math.sqrt(rows.shape[1])
    return mean
