"""Size of the activation: Molchanov et al. 2017 (1611.06440, section 2.2), mean of its absolute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.stream import Batch, Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.losses import resting
from core.pruning.criteria.masks import AtomReadings
from core.pruning.criteria.sums import summed

if TYPE_CHECKING:
    from torch import nn


class Activation:
    """Sums mean absolute activations at the readers of a network's atoms.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    table : ChannelTable
    device : str
    """

    size = None
    by_image = True

    def __init__(self, model: nn.Module, table: ChannelTable, device: str) -> None:
        self._trial = resting(model, device)
        self._readings = AtomReadings(self._trial, table)

    def __call__(self, batch: Batch) -> NDArray[np.float64]:
        """Return the means, summed over the images of a batch."""
        readings = self._readings
        with readings.activations(), torch.no_grad():
            readings.start(len(batch["img"]))
            self._trial(batch["img"])
            means: NDArray[np.float64] = readings.take().double().sum(0).cpu().numpy()
        return means

    def scores(self, total: NDArray[np.float64], images: int) -> NDArray[np.float64]:
        """Return the mean over images and readers; unread atoms score as high as the highest."""
        readings = self._readings
        counts = readings.counts[:-1].cpu().numpy()
        return readings.spare_unread(total / np.maximum(counts, 1) / images)


def activation(
    model: nn.Module, table: ChannelTable, stream: Stream, progress: Progress = silent
) -> NDArray[np.float64]:
    """Mean absolute activation of an atom, over images, positions and the layers that read it."""
    return summed(Activation, model, table, stream, progress)
