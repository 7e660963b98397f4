"""Group Fisher: Liu et al. 2021, “Group Fisher Pruning” (2108.00708)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.stream import Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.losses import ImageLoss, resting
from core.pruning.criteria.masks import AtomReadings

if TYPE_CHECKING:
    from torch import nn


def fisher(
    model: nn.Module, table: ChannelTable, stream: Stream, progress: Progress = silent
) -> NDArray[np.float64]:
    """Squared gradient of each image's loss to a mask on the atom, summed over images.

    The mask is shared by all members of an atom: their gradients are summed before squaring
    (2108.00708, section 3.2). Atoms that no layer reads score as high as the highest.
    """
    trial = resting(model, stream.settings.pick_device()).requires_grad_(False)
    loss = ImageLoss(trial)
    readings = AtomReadings(trial, table)
    total = np.zeros(table.atom_count)
    done = 0
    with readings.gradients(), torch.enable_grad():
        for batch in stream.batches(None if loss.separable else 1):
            batch["img"].requires_grad_(True)
            readings.start(len(batch["img"]))
            loss(batch).backward()
            total += readings.take().double().square().sum(0).cpu().numpy()
            done += len(batch["img"])
            progress(done / len(stream), f"Reading image {done} of {len(stream)}")
    return readings.spare_unread(total)
