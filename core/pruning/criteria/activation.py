"""Size of the activation: Molchanov et al. 2017 (1611.06440, section 2.2), mean of its absolute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.stream import Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.losses import resting
from core.pruning.criteria.masks import AtomReadings

if TYPE_CHECKING:
    from torch import nn


def activation(
    model: nn.Module, table: ChannelTable, stream: Stream, progress: Progress = silent
) -> NDArray[np.float64]:
    """Mean absolute activation of an atom, over images, positions and the layers that read it."""
    trial = resting(model, stream.settings.pick_device())
    readings = AtomReadings(trial, table)
    total = np.zeros(table.atom_count)
    done = 0
    with readings.activations(), torch.no_grad():
        for batch in stream.batches():
            readings.start(len(batch["img"]))
            trial(batch["img"])
            total += readings.take().double().sum(0).cpu().numpy()
            done += len(batch["img"])
            progress(done / len(stream), f"Reading image {done} of {len(stream)}")
    counts = readings.counts[:-1].cpu().numpy()
    return readings.spare_unread(total / np.maximum(counts, 1) / done)
