"""The table of criteria: what ranks channels, in words, and where its function is. No torch.

A criterion takes a network and its channel table and returns one score per atom, shape (atoms,);
the lowest go first. Each is a file in ``core/pruning/criteria`` and a row of ``CRITERIA``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.plan.schema import Plan
from core.registry import Registry, code_of

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Criterion:
    """A way to rank channels.

    Attributes
    ----------
    title, tip : str
        For people: its name, and which channels go first.
    score : callable or str
        The function, or its name as ``module:function``, so that what it imports is imported when
        it is used. It is called with the network, its channel table and the plan's seed;
        ``by_images``, with the network, the table, the images (`Stream`) and a `Progress`.
    by_images : bool
        Whether it uses images.
    keeps_one : bool
        Whether it keeps one of several similar channels; it is then told which, as
        ``representative``.
    sum : str
        Where its scores come from a sum over batches of images, what makes it
        (`core.pruning.criteria.sums.MakeSum`), as ``module:name``: batches may then be looked at in
        other processes. Empty for others.
    """

    title: str
    tip: str
    score: Callable[..., Scores] | str
    by_images: bool = False
    keeps_one: bool = False
    sum: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.score, str):
            code_of(self.score)  # now, while its file is what was loaded


_HERE = "core.pruning.criteria"
CRITERIA: Registry[Criterion] = Registry(
    "criterion",
    Criterion,
    "secateur.criteria",
    {
        "l2": Criterion(
            "L2 norm",
            "Removes the channels with the smallest weights (L2)",
            f"{_HERE}.magnitude:l2",
        ),
        "l1": Criterion(
            "L1 norm",
            "Removes the channels with the smallest weights (L1)",
            f"{_HERE}.magnitude:l1",
        ),
        "bn_scale": Criterion(
            "BatchNorm scale",
            "Removes the channels with the smallest BatchNorm scale",
            f"{_HERE}.bn_scale:bn_scale",
        ),
        "lamp": Criterion(
            "LAMP",
            "Removes the channels that are small relative to the larger ones of their layer",
            f"{_HERE}.lamp:lamp",
        ),
        "fpgm": Criterion(
            "Geometric median",
            "Removes the channels most similar to the others of their layer",
            f"{_HERE}.fpgm:fpgm",
        ),
        "random": Criterion(
            "Random", "A baseline: removes random channels", f"{_HERE}.random:uniform_random"
        ),
        "fisher": Criterion(
            "Fisher",
            "Removes the channels with the least effect on the loss, from your images",
            f"{_HERE}.fisher:fisher",
            by_images=True,
            sum=f"{_HERE}.fisher:Fisher",
        ),
        "taylor": Criterion(
            "Taylor",
            "Removes the channels with the smallest first-order effect on the loss",
            f"{_HERE}.taylor:taylor",
            by_images=True,
            sum=f"{_HERE}.taylor:Taylor",
        ),
        "hessian": Criterion(
            "Hessian",
            "Removes the channels with the smallest second-order effect on the loss",
            f"{_HERE}.hessian:hessian",
            by_images=True,
            sum=f"{_HERE}.hessian:Hessian",
        ),
        "activation": Criterion(
            "Activation",
            "Removes the channels with the lowest activation on your images",
            f"{_HERE}.activation:activation",
            by_images=True,
            sum=f"{_HERE}.activation:Activation",
        ),
        "separability": Criterion(
            "Class separability",
            "Removes the channels that separate your classes least, or that duplicate "
            "another channel",
            f"{_HERE}.separability:separability",
            by_images=True,
            keeps_one=True,
        ),
    },
)


def by_images(criterion: str) -> bool:
    """Whether a criterion uses images."""
    return criterion in CRITERIA and CRITERIA[criterion].by_images


def can_be_shared(criterion: str) -> bool:
    """Whether other processes can look at a part of a criterion's images each."""
    return criterion in CRITERIA and bool(CRITERIA[criterion].sum)


def keeps_one(criterion: str) -> bool:
    """Whether a criterion keeps one of several similar channels."""
    return criterion in CRITERIA and CRITERIA[criterion].keeps_one


def replays(plan: Plan) -> bool:
    """Whether a plan needs no ranking: exact channels need no images to be removed again."""
    exact = all(entry.channels is not None for entry in plan.selection)
    return plan.target is None and exact and by_images(plan.criterion)


def title(criterion: str) -> str:
    """Return a criterion's name for people."""
    return CRITERIA[criterion].title if criterion in CRITERIA else criterion


def code_of_added(criterion: str) -> str | None:
    """Return a digest of the code of a criterion that was added; empty for the program's own.

    None where its code cannot be read: its scores can then not be told from those of another
    version.
    """
    if criterion not in CRITERIA or CRITERIA.is_own(criterion):
        return ""
    return code_of(CRITERIA[criterion].score)
