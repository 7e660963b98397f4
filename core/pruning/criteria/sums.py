"""Criteria whose scores come from a sum over batches of images: here, or batch by batch elsewhere.

Every batch says something of every atom, and does not depend on the others. Sums over batches are
made in their order wherever they are computed, so that the scores are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from core.data.stream import Batch, Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float64]


class Sum(Protocol):
    """What a criterion sums, for one network.

    Attributes
    ----------
    size : int or None
        Images of a batch; None leaves that to the stream.
    """

    @property
    def size(self) -> int | None: ...  # noqa: D102

    def __call__(self, batch: Batch) -> Floats:
        """Return what a batch says of the atoms, shape (atoms,)."""
        ...

    def scores(self, total: Floats, images: int) -> Floats:
        """Return scores, shape (atoms,), from the sum over all batches and the images in them."""
        ...


MakeSum = Callable[["nn.Module", ChannelTable, str], Sum]
"""Takes the network, its channel table and the device."""


def summed(
    make: MakeSum,
    model: nn.Module,
    table: ChannelTable,
    stream: Stream,
    progress: Progress = silent,
) -> Floats:
    """Score atoms by what all batches of a stream say of them, shape (atoms,)."""
    made = make(model, table, stream.settings.pick_device())
    total: Floats = np.zeros(table.atom_count)
    for _, part in parts(made, stream, range(batches_of(made, stream)), progress):
        total += part
    return made.scores(total, len(stream))


def batches_of(made: Sum, stream: Stream) -> int:
    """Return how many batches a stream has for a sum."""
    return -(-len(stream) // (made.size or stream.settings.batch))


def parts(
    made: Sum, stream: Stream, numbers: range, progress: Progress = silent
) -> Iterator[tuple[int, Floats]]:
    """Yield what batches say of the atoms, with the number of each.

    Parameters
    ----------
    made : Sum
    stream : Stream
    numbers : range
        Of the batches, one after the other.
    progress : Progress
        May cancel.
    """
    size = made.size or stream.settings.batch
    images, done = min(len(numbers) * size, len(stream) - numbers.start * size), 0
    for number, batch in zip(numbers, stream.batches(made.size, numbers), strict=True):
        part = made(batch)
        done += len(batch["img"])
        progress(done / images, f"Reading image {done} of {images}")
        yield number, part
