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
"""Names a ranking: criterion, seed, representative, the data for criteria that need some, and last
the structure that is left; empty for the network as it is."""


def ranking_of(plan: Plan, data: DataSetting | None, left: str = "") -> Ranking:
    """Name the ranking that a plan asks for.

    Parameters
    ----------
    plan : Plan
    data : DataSetting or None
    left : str
        Names the structure that is left.
    """
    images = data if by_images(plan.criterion) else None
    chosen = plan.representative if keeps_one(plan.criterion) else ""
    return plan.criterion, plan.seed, chosen, images, left


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
        """Return the scores of a ranking, or those known last of the same structure."""
        name = self._shown(wanted)
        return None if name is None else self._known[name]

    def shown(self, wanted: Ranking) -> str:
        """Return the criterion of those scores; empty where there are none."""
        name = self._shown(wanted)
        return "" if name is None else str(name[0])

    def _shown(self, wanted: Ranking) -> Ranking | None:
        if wanted in self._known:
            return wanted
        return next((name for name in reversed(self._known) if name[-1] == wanted[-1]), None)
