"""A figure of accuracy as a share of the unpruned network's, with its 95% interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from core.checkpoint import Loaded
from core.data.resample import CERTAIN, BoxImages, draw
from core.data.stream import ALL, DataSettings
from core.data.validation import Validation


@dataclass(frozen=True)
class Share:
    """mAP50-95 of a network, its share of the unpruned network's, and where that is likely to be.

    The interval is that of a paired bootstrap over images: of the share on resampled images.
    """

    figure: float
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, mine: BoxImages, base: BoxImages) -> Share:
        drawn = draw(mine.images)
        whole = np.ones((1, mine.images))
        figure, before = float(mine.figures(whole)[0]), float(base.figures(whole)[0])
        shares = mine.figures(drawn) / base.figures(drawn)
        tail = 50 * (1 - CERTAIN)
        low, high = np.nanpercentile(shares, [tail, 100 - tail])
        return cls(figure, figure / before, float(low), float(high))

    def __str__(self) -> str:
        return f"{self.figure:.4f} ({self.share:.1%}, {self.low:.0%} to {self.high:.0%})"


class Val:
    """The val split, read once for all networks.

    Parameters
    ----------
    loaded : Loaded
        The unpruned network.
    data : DataSettings
    images : int, optional
        All by default.
    """

    def __init__(self, loaded: Loaded, data: DataSettings, images: int | None = None) -> None:
        facts = loaded.facts
        settings = replace(data, split="val", images=images or ALL)
        self._validation = Validation(loaded.model, settings, facts.classes, facts.task)
        self._base = self._found(loaded.model)

    def __call__(self, model: nn.Module) -> Share:
        return Share.of(self._found(model), self._base)

    def _found(self, model: nn.Module) -> BoxImages:
        found = self._validation.evaluate_by_image(model)[1]
        assert isinstance(found, BoxImages)
        return found
