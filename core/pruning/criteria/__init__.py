"""Criteria: how important each atom is. One file each, registered by name.

A criterion takes a network and its channel table and returns one score per atom; the lowest go
first. Those in ``DATA_CRITERIA`` also look at images. A new one is a new file and a line in one of
the two tables.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.bn_scale import bn_scale
from core.pruning.criteria.fpgm import fpgm
from core.pruning.criteria.lamp import lamp
from core.pruning.criteria.magnitude import l1, l2
from core.pruning.criteria.random import uniform_random

if TYPE_CHECKING:
    from torch import nn

    from core.data.stream import Stream

Criterion = Callable[["nn.Module", ChannelTable, int], NDArray[np.float64]]

CRITERIA: Mapping[str, Criterion] = {
    "l1": l1,
    "l2": l2,
    "bn_scale": bn_scale,
    "lamp": lamp,
    "fpgm": fpgm,
    "random": uniform_random,
}
"""Criteria that read weights only."""

DATA_CRITERIA: Mapping[str, str] = {
    "taylor": "core.pruning.criteria.taylor",
    "fisher": "core.pruning.criteria.fisher",
    "hessian": "core.pruning.criteria.hessian",
    "activation": "core.pruning.criteria.activation",
    "separability": "core.pruning.criteria.separability",
}
"""Criteria that need images, by the module that holds the function of the same name."""

CLUSTERING = frozenset({"separability"})
"""Criteria that keep one representative of similar channels."""


def needs_data(criterion: str) -> bool:
    """Whether a criterion looks at images."""
    return criterion in DATA_CRITERIA


def score_atoms(
    model: nn.Module,
    table: ChannelTable,
    criterion: str,
    seed: int,
    stream: Stream | None = None,
    progress: Progress = silent,
    *,
    representative: str = "medoid",
) -> NDArray[np.float64]:
    """Score every atom of a network.

    Parameters
    ----------
    model : nn.Module
    table : ChannelTable
        Of that network.
    criterion : str
        A name in ``CRITERIA`` or ``DATA_CRITERIA``.
    seed : int
        For criteria that draw lots.
    stream : Stream, optional
        Images, for criteria that need data.
    progress : Progress
        Told after every batch; may cancel.
    representative : str
        Which of several similar channels ``separability`` keeps.

    Returns
    -------
    float array, shape (atoms,)

    Raises
    ------
    UserError
        For a name that is not known, data that is needed and missing, or scores that are not
        numbers.
    """
    if criterion in CRITERIA:
        scores = CRITERIA[criterion](model, table, seed)
    elif criterion not in DATA_CRITERIA:
        names = ", ".join((*CRITERIA, *DATA_CRITERIA))
        raise UserError(f"There is no criterion “{criterion}”.", f"Choose one of {names}.")
    elif stream is None:
        raise UserError(
            f"The criterion “{criterion}” ranks channels by images, and no data was given.",
            f"Give a dataset yaml (--data), or use one of {', '.join(CRITERIA)}.",
        )
    else:
        function = getattr(importlib.import_module(DATA_CRITERIA[criterion]), criterion)
        options = {"representative": representative} if criterion in CLUSTERING else {}
        scores = function(model, table, stream, progress, **options)
    if not np.isfinite(scores).all():
        raise UserError(
            "Some weights of this network, or what it makes of the images, are not numbers (NaN or "
            "infinite), so its channels cannot be ranked.",
            "Use a checkpoint from before the training diverged.",
        )
    return scores
