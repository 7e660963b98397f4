"""Drawn by lot: the baseline every criterion must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable

if TYPE_CHECKING:
    from torch import nn


def uniform_random(model: nn.Module, table: ChannelTable, seed: int = 0) -> NDArray[np.float64]:
    """Independent uniform scores; the same seed gives the same ones."""
    return np.random.default_rng(seed).random(table.atom_count)
