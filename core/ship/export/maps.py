"""Exported networks whose outputs are maps: compared at the size of the image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def map_error(mine: Tensor, other: Tensor, task: str, tolerance: float) -> float:
    """Return how far an exported map is from the checkpoint's, 0 where they are equal.

    Ultralytics exports maps enlarged to the image, and of some formats the class of every pixel in
    the place of its scores.

    Parameters
    ----------
    mine : Tensor, shape (n, channels, rows, columns)
        Of the checkpoint: logits of classes, or depths.
    other : Tensor, shape (n, channels, height, width) or (n, height, width)
        Exported; the latter of classes by number.
    task : str
        ``semantic`` or ``depth``.
    tolerance : float
        Scores of two classes that are nearer than this share of the largest may change places.

    Returns
    -------
    float
        The largest difference, relative to the largest value; of classes by number the share of
        pixels that are of another class.
    """
    smooth = task == "depth"
    size = other.shape[-2:]
    whole = interpolate(mine.float(), size, mode="bilinear", align_corners=smooth)
    if other.ndim == 4:
        return float((whole - other.float()).abs().max() / whole.abs().max().clamp(min=1e-12))
    if whole.shape[1] == 1:
        kinds, margin = (whole[:, 0] > 0), whole[:, 0].abs()
    else:
        best = whole.topk(2, dim=1).values
        kinds, margin = whole.argmax(1), best[:, 0] - best[:, 1]
    sure = margin > tolerance * whole.abs().max()
    return float(((kinds.long() != other.long()) & sure).float().mean())


def are_maps(mine: list[Tensor], other: list[Tensor]) -> bool:
    """Whether a checkpoint and its export return one map each."""
    return len(mine) == len(other) == 1 and mine[0].ndim == 4 and torch.is_tensor(other[0])
