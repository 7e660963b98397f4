"""First-order Taylor: Molchanov et al. 2019, “Importance Estimation” (1906.10771)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.stream import Batch, Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.filters import sum_of_gradients
from core.pruning.criteria.losses import ImageLoss, resting
from core.pruning.criteria.sums import summed

if TYPE_CHECKING:
    from torch import nn


class Taylor:
    """Sums squares of gradient times weight over the filters of a network's atoms.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    table : ChannelTable
    device : str
    """

    by_image = False

    def __init__(self, model: nn.Module, table: ChannelTable, device: str) -> None:
        self._trial, self._table = resting(model, device).requires_grad_(True), table
        self._loss = ImageLoss(self._trial)
        self.size = None if self._loss.separable else 1

    def __call__(self, batch: Batch) -> NDArray[np.float64]:
        """Return the squares by the gradient of a batch."""
        self._trial.zero_grad(set_to_none=True)
        with torch.enable_grad():
            self._loss(batch).backward()
        squares: NDArray[np.float64] = sum_of_gradients(self._trial, self._table) ** 2
        return squares

    def scores(self, total: NDArray[np.float64], images: int) -> NDArray[np.float64]:
        """Return the sum."""
        return total


def taylor(
    model: nn.Module, table: ChannelTable, stream: Stream, progress: Progress = silent
) -> NDArray[np.float64]:
    """Square of the sum of gradient times weight over an atom's filters, summed over batches.

    The gradient is that of a batch (1906.10771, section 3.1); the filters are those of every
    layer that makes the atom, with their normalisation.
    """
    return summed(Taylor, model, table, stream, progress)
