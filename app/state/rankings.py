"""The rankings of the open model that are known, by what they depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.plan.criteria import by_images, keeps_one

if TYPE_CHECKING:
    from core.plan.schema import Plan
    from core.project import DataSetting

Scores = NDArray[np.float64]
Ranking = tuple[Any, ...]
"""Names a ranking: criterion, seed, representative, and the data for criteria that need some."""


def ranking_of(plan: Plan, data: DataSetting | None) -> Ranking:
    """Name the ranking that a plan asks for."""
    images = data if by_images(plan.criterion) else None
    chosen = plan.representative if keeps_one(plan.criterion) else ""
    return plan.criterion, plan.seed, chosen, images


class Rankings:
    """Scores by ranking; the last one known shows until the wanted one is there."""

    def __init__(self) -> None:
        self._known: dict[Ranking, Scores] = {}

    def __contains__(self, ranking: Ranking) -> bool:
        """Whether a ranking is there."""
        return ranking in self._known

    def add(self, ranking: Ranking, scores: Scores) -> None:
        """Take in a ranking."""
        self._known.pop(ranking, None)
        self._known[ranking] = scores

    def scores(self, wanted: Ranking) -> Scores | None:
        """Return the scores of a ranking, or those known last."""
        found = self._known.get(wanted)
        return found if found is not None else next(reversed(self._known.values()), None)

    def shown(self, wanted: Ranking) -> str:
        """Return the criterion of those scores; empty where there are none."""
        name = wanted if wanted in self._known else next(reversed(self._known), ("",))
        return str(name[0])
