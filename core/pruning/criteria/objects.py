"""Activations of every atom at the objects of labelled images, and next to them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from core.data.stream import Batch
from core.graph.table import ChannelTable
from core.pruning.criteria.masks import AtomReadings

POINTS = 4
"""Side of the grid of points at which an object's box is read, interpolated between positions."""


class Objects:
    """The labelled objects of a batch.

    Attributes
    ----------
    image : int64 tensor, shape (objects,)
        Which image each is in.
    boxes : float tensor, shape (objects, 4)
        Left, top, right, bottom as fractions of the image; the whole image where labels have none.
    classes : int64 tensor, shape (objects,)
    images : int
    """

    def __init__(self, batch: Batch) -> None:
        self.images = len(batch["img"])
        self.image = batch["batch_idx"].long()
        self.classes = batch["cls"].long().flatten()
        boxes = batch.get("bboxes")
        if boxes is None:
            whole = torch.tensor([0.0, 0.0, 1.0, 1.0], device=self.image.device)
            self.boxes = whole.expand(len(self.image), 4)
        else:
            centre, half = boxes[:, :2].float(), boxes[:, 2:4].float() / 2
            self.boxes = torch.cat([centre - half, centre + half], 1).clamp(0.0, 1.0)

    def outside(self, height: int, width: int) -> Tensor:
        """Return the positions of a grid in no box, 0 or 1, shape (images, height, width)."""
        free = torch.ones(self.images, height, width, device=self.boxes.device)
        scale = torch.tensor([width, height, width, height], device=self.boxes.device)
        edges = torch.stack([self.boxes[:, :2], self.boxes[:, 2:]], 1).flatten(1) * scale
        low, high = edges[:, :2].floor().long(), edges[:, 2:].ceil().long()
        for image, (left, top), (right, bottom) in zip(
            self.image.tolist(), low.tolist(), high.tolist(), strict=True
        ):
            free[image, top:bottom, left:right] = 0.0
        return free


class ObjectReadings(AtomReadings):
    """Collects one number per object and atom, and one per image and atom next to its objects.

    An atom is read wherever a mixing layer reads it; the mean over those layers counts. Layers
    whose input is no grid (attention, decoders, classifiers) are read over all their positions.
    """

    def __init__(self, model: nn.Module, table: ChannelTable) -> None:
        super().__init__(model, table)
        self.inside = self.beside = self.sums
        self.objects: Objects | None = None

    def expect(self, objects: Objects) -> None:
        """Make room for the objects of the next batch."""
        self.objects = objects
        shape = (len(objects.image), self.table.atom_count + 1)
        self.inside = torch.zeros(shape, device=self.sums.device)
        self.beside = torch.zeros(objects.images, shape[1], device=self.sums.device)

    def values(self) -> tuple[Tensor, Tensor]:
        """Return readings, shapes (objects, atoms) and (images with background, atoms)."""
        counts = self.counts.clamp_min(1)
        assert self.objects is not None
        room = self.objects.outside(32, 32).flatten(1).any(1)
        return (self.inside / counts)[:, :-1], (self.beside / counts)[room, :-1]

    def listening(self) -> AbstractContextManager[None]:
        """Read during every forward pass inside."""
        return self._inputs(self._read)

    def _read(self, places: Tensor, last: bool, value: Tensor) -> None:
        value, objects = value.float(), self.objects
        assert objects is not None
        if value.ndim == 4 and not last and value.shape[0] == objects.images:
            height, width = value.shape[2:]
            scale = torch.tensor([width, height, width, height], device=value.device)
            rows = torch.cat([objects.image[:, None].float(), objects.boxes * scale], 1)
            inside = roi_align(value, rows, 1, 1.0, POINTS, aligned=True).flatten(1)
            free = objects.outside(height, width)
            share = free / free.flatten(1).sum(1).clamp_min(1)[:, None, None]
            beside = torch.einsum("nchw,nhw->nc", value, share)
        else:
            value = value if last else value.movedim(1, -1)
            beside = value.reshape(objects.images, -1, value.shape[-1]).mean(1)
            inside = beside[objects.image]
        self.inside.index_add_(1, places, inside)
        self.beside.index_add_(1, places, beside)


class ClassStatistics:
    """Mean and variance of every atom's readings, class by class, as they stream past.

    Parameters
    ----------
    atoms, samples : int
        ``samples`` readings are kept as they are, for similarities between channels.
    """

    def __init__(self, atoms: int, samples: int) -> None:
        self.count: dict[int, int] = {}
        self.sums: dict[int, np.ndarray[Any, np.dtype[np.float64]]] = {}
        self.squares: dict[int, np.ndarray[Any, np.dtype[np.float64]]] = {}
        self.atoms, self.room = atoms, samples
        self.kept: list[np.ndarray[Any, np.dtype[np.float32]]] = []

    def add(self, kind: int, readings: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """Add readings of one class, shape (readings, atoms)."""
        nothing = np.zeros(self.atoms)
        self.count[kind] = self.count.get(kind, 0) + len(readings)
        self.sums[kind] = self.sums.get(kind, nothing) + readings.sum(0)
        self.squares[kind] = self.squares.get(kind, nothing) + np.square(readings).sum(0)
        fits = readings[: self.room].astype(np.float32)
        self.kept.extend(fits)
        self.room -= len(fits)

    def gaussians(self) -> tuple[Any, Any]:
        """Return means and variances, shape (classes, atoms) each.

        A variance over few readings is drawn towards that over all, as if two more readings had
        it; a class seen once has a variance then. It is at least a millionth of that over all.
        """
        kinds = sorted(self.count)
        count = np.array([self.count[kind] for kind in kinds], float)[:, None]
        sums = np.stack([self.sums[kind] for kind in kinds])
        squares = np.stack([self.squares[kind] for kind in kinds])
        mean = sums / count
        own = np.maximum(squares / count - mean**2, 0.0)
        total = count.sum()
        overall = np.maximum(squares.sum(0) / total - (sums.sum(0) / total) ** 2, 0.0)
        variance = (count * own + 2 * overall) / (count + 2)
        return mean, np.maximum(variance, 1e-6 * overall)
