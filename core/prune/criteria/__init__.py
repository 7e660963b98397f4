"""Criteria: how important each atom is. One file each, registered by name.

A criterion takes a network and its channel table and returns one score per atom; the lowest go
first. A new one is a new file and a line in ``CRITERIA``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.graph.table import ChannelTable
from core.prune.criteria.bn_scale import bn_scale
from core.prune.criteria.magnitude import l1, l2
from core.prune.criteria.random import uniform_random

if TYPE_CHECKING:
    from torch import nn

Criterion = Callable[["nn.Module", ChannelTable, int], NDArray[np.float64]]

CRITERIA: Mapping[str, Criterion] = {
    "l1": l1,
    "l2": l2,
    "bn_scale": bn_scale,
    "random": uniform_random,
}


def score_atoms(
    model: nn.Module, table: ChannelTable, criterion: str, seed: int
) -> NDArray[np.float64]:
    """Score every atom of a network.

    Parameters
    ----------
    model : nn.Module
    table : ChannelTable
        Of that network.
    criterion : str
        A name in ``CRITERIA``.
    seed : int
        For criteria that draw lots.

    Returns
    -------
    float array, shape (atoms,)

    Raises
    ------
    UserError
        For a name that is not known, or weights that are not numbers.
    """
    if criterion not in CRITERIA:
        raise UserError(
            f"There is no criterion “{criterion}”.", f"Choose one of {', '.join(CRITERIA)}."
        )
    scores = CRITERIA[criterion](model, table, seed)
    if not np.isfinite(scores).all():
        raise UserError(
            "Some weights of this network are not numbers (NaN or infinite), so its channels "
            "cannot be ranked.",
            "Use a checkpoint from before the training diverged.",
        )
    return scores
