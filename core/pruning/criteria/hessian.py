"""Diagonal of the Hessian: LeCun et al. 1989, “Optimal Brain Damage” (NIPS 2, equation 5)."""

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


class Hessian:
    """Sums squares of gradient times weight, weight by weight, image by image.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    table : ChannelTable
    device : str
    """

    size = 1
    by_image = True

    def __init__(self, model: nn.Module, table: ChannelTable, device: str) -> None:
        self._trial, self._table = resting(model, device).requires_grad_(True), table
        self._loss = ImageLoss(self._trial)

    def __call__(self, batch: Batch) -> NDArray[np.float64]:
        """Return the squares by the gradient of an image."""
        self._trial.zero_grad(set_to_none=True)
        with torch.enable_grad():
            self._loss(batch).backward()
        return sum_of_gradients(self._trial, self._table, power=2)

    def scores(self, total: NDArray[np.float64], images: int) -> NDArray[np.float64]:
        """Return half the mean over images."""
        return total / (2 * images)


def hessian(
    model: nn.Module, table: ChannelTable, stream: Stream, progress: Progress = silent
) -> NDArray[np.float64]:
    """Half the second derivative times the squared weight, summed over an atom's filters.

    The saliency of a weight is ``h_kk w_k ** 2 / 2`` (Optimal Brain Damage, equation 5), that of
    an atom the sum over the filters and normalisations of every layer that makes it: weights are
    taken one by one, not as a whole as in ``fisher``. The second derivative ``h_kk`` is the mean
    over images of the squared gradient of each image's loss, which is that of the Gauss–Newton
    approximation at a minimum (Torch-Pruning's GroupHessianImportance takes the same).
    """
    return summed(Hessian, model, table, stream, progress)
