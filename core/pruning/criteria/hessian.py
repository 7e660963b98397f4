"""Diagonal of the Hessian: LeCun et al. 1989, “Optimal Brain Damage” (NIPS 2, equation 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.stream import Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.filters import sum_of_gradients
from core.pruning.criteria.losses import ImageLoss, resting

if TYPE_CHECKING:
    from torch import nn


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
    trial = resting(model, stream.settings.pick_device()).requires_grad_(True)
    loss = ImageLoss(trial)
    total = np.zeros(table.atom_count)
    done = 0
    with torch.enable_grad():
        for batch in stream.batches(1):
            trial.zero_grad(set_to_none=True)
            loss(batch).backward()
            total += sum_of_gradients(trial, table, power=2)
            done += 1
            progress(done / len(stream), f"Reading image {done} of {len(stream)}")
    return total / (2 * done)
