"""First-order Taylor: Molchanov et al. 2019, “Importance Estimation” (1906.10771)."""

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


def taylor(
    model: nn.Module, table: ChannelTable, stream: Stream, progress: Progress = silent
) -> NDArray[np.float64]:
    """Square of the sum of gradient times weight over an atom's filters, summed over batches.

    The gradient is that of a batch (1906.10771, section 3.1); the filters are those of every
    layer that makes the atom, with their normalisation.
    """
    trial = resting(model, stream.settings.pick_device()).requires_grad_(True)
    loss = ImageLoss(trial)
    total = np.zeros(table.atom_count)
    done = 0
    with torch.enable_grad():
        for batch in stream.batches(None if loss.separable else 1):
            trial.zero_grad(set_to_none=True)
            loss(batch).backward()
            total += sum_of_gradients(trial, table) ** 2
            done += len(batch["img"])
            progress(done / len(stream), f"Reading image {done} of {len(stream)}")
    return total
