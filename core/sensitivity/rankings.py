"""Several rankings of one network, each on other images; the one that repairs best is kept.

Which images a criterion looks at decides more than how many there are, in either direction
(docs/accuracy.md), and nothing in the scores says which ranking is the better one. How close a
network comes to the original after a quick repair does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from core.choose.ranking import TriedRanking
from core.errors import UserError, no_dataset
from core.plan.criteria import by_images
from core.plan.schema import Plan
from core.plan.widths import Mask
from core.progress import Progress, Span, publish, silent
from core.sensitivity.trials import Trials

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.structure.stage import Stage

SHARES = (1.0, 0.5, 0.25, 0.125)
"""Of the images, in turn."""
LEAST = 24
"""Images of a ranking, where there are as many."""


def check_rankings(plan: Plan, data: DataSettings | None) -> DataSettings:
    """Return the images that several rankings draw from.

    Raises
    ------
    UserError
        Where there are none, or the criterion does not look at them.
    """
    if not by_images(plan.criterion):
        raise UserError(
            f"Several rankings need a criterion that uses images, and {plan.criterion} does not.",
            'Use "criterion": "fisher", or leave "rankings" out.',
        )
    if data is None:
        raise no_dataset("Several rankings", "Pass a dataset YAML (--data).", labels=False)
    return data


def draws_of(data: DataSettings, count: int) -> Iterator[DataSettings]:
    """Yield images to rank on: all, half, a quarter and an eighth of them in turn, drawn anew.

    Parameters
    ----------
    data : DataSettings
        What there is to draw from.
    count : int
        Fewer are yielded where there are too few images for different ones.
    """
    from core.repair.images import files_of

    every = len(files_of(data))
    for number in range(count):
        images = max(round(SHARES[number % len(SHARES)] * every), min(LEAST, every))
        if number == 0:
            yield data
        elif images < every:
            yield replace(data, images=images, seed=data.seed + number)


def closest(
    stage: Stage,
    draws: Sequence[DataSettings],
    removals: Sequence[Mask],
    data: DataSettings,
    progress: Progress = silent,
) -> tuple[TriedRanking, ...]:
    """Repair what several rankings leave, and keep the network closest to the original.

    Parameters
    ----------
    stage : Stage
        The network that was ranked.
    draws : sequence of DataSettings
        The images of every ranking.
    removals : sequence of bool array, shape (atoms,)
        What each removes.
    data : DataSettings
        Images to repair and judge with, the same for all.
    progress : Progress
        May cancel. Told every gap as a partial result.

    Raises
    ------
    UserError
        For images that cannot be used, or a network whose outputs cannot be matched.
    """
    from core.repair.images import files_of

    trials = Trials(stage, data, Span(progress, 0.0, 0.1), labels=False)
    tried: list[TriedRanking] = []
    for number, (draw, removed) in enumerate(zip(draws, removals, strict=True)):
        name = f"Repairing ranking {number + 1} of {len(draws)}: "
        span = Span(
            progress, 0.1 + 0.9 * number / len(draws), 0.1 + 0.9 * (number + 1) / len(draws)
        )
        span(0.0, name)
        gap = trials(stage, removed, Span(span, 0.0, 1.0, name)).gap
        tried.append(TriedRanking(len(files_of(draw)), draw.seed, gap))
        publish(progress, {"ranking": tried[-1].to_json()})
    best = int(np.argmin([one.gap if np.isfinite(one.gap) else np.inf for one in tried]))
    tried[best] = replace(tried[best], kept=True)
    return tuple(tried)
