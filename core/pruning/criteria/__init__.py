"""Criteria: how important each atom is. One file each, and a row of `core.plan.criteria`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from core.errors import UserError, no_dataset
from core.graph.table import ChannelTable
from core.plan.criteria import CRITERIA, Scores
from core.progress import Progress, silent
from core.registry import resolve

if TYPE_CHECKING:
    from torch import nn

    from core.data.stream import Stream


def score_atoms(
    model: nn.Module,
    table: ChannelTable,
    criterion: str,
    seed: int,
    stream: Stream | None = None,
    progress: Progress = silent,
    *,
    representative: str = "medoid",
) -> Scores:
    """Score every atom of a network.

    Parameters
    ----------
    model : nn.Module
    table : ChannelTable
        Of that network.
    criterion : str
        A name in `core.plan.criteria.CRITERIA`.
    seed : int
        For criteria that draw lots.
    stream : Stream, optional
        Images, for criteria that need data.
    progress : Progress
        Told after every batch; may cancel.
    representative : str
        Which of several similar channels is kept, by a criterion that keeps one.

    Returns
    -------
    float array, shape (atoms,)

    Raises
    ------
    UserError
        For a name that is not known, data that is needed and missing, or scores that are not
        numbers.
    """
    chosen = CRITERIA.find(criterion)
    if not chosen.by_images:
        scores = resolve(chosen.score)(model, table, seed)
    elif stream is None:
        without = ", ".join(name for name, about in CRITERIA.items() if not about.by_images)
        raise no_dataset(
            f"The criterion “{criterion}”",
            f"Pass a dataset YAML (--data), or use one of {without}.",
            labels=False,
        )
    else:
        options = {"representative": representative} if chosen.keeps_one else {}
        with full_precision():
            scores = resolve(chosen.score)(model, table, stream, progress, **options)
    return checked_scores(criterion, scores, table.atom_count)


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute convolutions in FP32 on a GPU, not in TF32, whose 10 bits reorder close scores."""
    import torch

    with torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled,
        benchmark=torch.backends.cudnn.benchmark,
        deterministic=torch.backends.cudnn.deterministic,
        allow_tf32=False,
    ):
        yield


def checked_scores(criterion: str, scores: object, atoms: int) -> Scores:
    """Return scores, shape (atoms,), that rank something.

    Raises
    ------
    UserError
        For scores of another shape, or that are not numbers.
    """
    found = np.asarray(scores, np.float64)
    if found.shape != (atoms,):
        raise UserError(
            f"The criterion “{criterion}” gave scores of shape {found.shape}; one for each of the "
            f"{atoms} atoms was expected.",
            "Use another criterion, or fix this one.",
        )
    if not np.isfinite(found).all():
        raise UserError(
            "Some weights or outputs of this network are NaN or infinite, so its "
            "channels cannot be ranked.",
            "Use a checkpoint from before the training diverged.",
        )
    return found
