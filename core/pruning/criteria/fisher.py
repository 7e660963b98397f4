"""Group Fisher: Liu et al. 2021, “Group Fisher Pruning” (2108.00708)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.stream import Batch, Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.losses import ImageLoss, resting
from core.pruning.criteria.masks import AtomReadings
from core.pruning.criteria.sums import summed

if TYPE_CHECKING:
    from torch import nn


class Fisher:
    """Sums squared gradients to the masks of a network's atoms.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    table : ChannelTable
    device : str
    """

    by_image = True

    def __init__(self, model: nn.Module, table: ChannelTable, device: str) -> None:
        trial = resting(model, device).requires_grad_(False)
        self._loss = ImageLoss(trial)
        self._readings = AtomReadings(trial, table)
        self.size = None if self._loss.separable else 1

    def __call__(self, batch: Batch) -> NDArray[np.float64]:
        """Return the squares, summed over the images of a batch."""
        readings = self._readings
        with readings.gradients(), torch.enable_grad():
            batch["img"].requires_grad_(True)
            readings.start(len(batch["img"]))
            self._loss(batch).backward()
            squares: NDArray[np.float64] = readings.take().double().square().sum(0).cpu().numpy()
        return squares

    def scores(self, total: NDArray[np.float64], images: int) -> NDArray[np.float64]:
        """Return the sum; atoms that no layer reads score as high as the highest."""
        return self._readings.spare_unread(total)


def fisher(
    model: nn.Module, table: ChannelTable, stream: Stream, progress: Progress = silent
) -> NDArray[np.float64]:
    """Squared gradient of each image's loss to a mask on the atom, summed over images.

    The mask is shared by all members of an atom: their gradients are summed before squaring
    (2108.00708, section 3.2). Atoms that no layer reads score as high as the highest.
    """
    return summed(Fisher, model, table, stream, progress)
