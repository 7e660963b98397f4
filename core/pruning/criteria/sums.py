"""Criteria whose scores come from a sum over batches of images: here, or batch by batch elsewhere.

Every batch says something of every atom, and does not depend on the others. Sums over batches are
made in their order wherever they are computed, so that the scores are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.stream import Batch, Stream
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.system.memory import is_out_of_memory

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float64]


class Sum(Protocol):
    """What a criterion sums, for one network.

    Attributes
    ----------
    size : int or None
        Images of a batch; None leaves that to the stream.
    by_image : bool
        Whether every image adds to the sum on its own, so that any batches give the same.
    """

    by_image: bool

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
    """Score atoms by what all batches of a stream say of them, shape (atoms,).

    Where every image adds to the sum on its own, short memory only means smaller batches: it starts
    again with half of one.
    """
    made = make(model, table, stream.settings.pick_device())
    size = made.size or stream.settings.batch
    while True:
        try:
            total: Floats = np.zeros(table.atom_count)
            for _, part in parts(made, stream, range(-(-len(stream) // size)), progress, size):
                total += part
            return made.scores(total, len(stream))
        except Exception as error:
            if not made.by_image or size == 1 or not is_out_of_memory(error):
                raise
        size = min(size, len(stream)) // 2  # outside: the error keeps what it could not hold
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def batches_of(made: Sum, stream: Stream) -> int:
    """Return how many batches a stream has for a sum."""
    return -(-len(stream) // (made.size or stream.settings.batch))


def parts(
    made: Sum, stream: Stream, numbers: range, progress: Progress = silent, size: int | None = None
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
    size : int, optional
        Images of a batch; what the criterion or the stream asks for by default.
    """
    size = size or made.size or stream.settings.batch
    images, done = min(len(numbers) * size, len(stream) - numbers.start * size), 0
    for number, batch in zip(numbers, stream.batches(size, numbers), strict=True):
        part = made(batch)
        done += len(batch["img"])
        progress(done / images, f"Reading image {done} of {images}")
        yield number, part
