"""The accuracy of a pruned network, measured here or elsewhere; its time is measured here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.cluster.pool import Pool, raise_failed
from core.data.resample import Numbers, draw
from core.plan.schema import Plan
from core.progress import Progress, Span

if TYPE_CHECKING:
    from torch import nn

    from core.data.validation import Validation

TASK = "judge"
"""The engine task that prunes, repairs and evaluates a network."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """What an evaluation found.

    Attributes
    ----------
    figures : mapping of str to float
        All that the task measures (`core.data.figures`).
    images : int
        How many were looked at.
    resampled : float array, shape (resamples,)
        The main figure on resampled images; NaN where a resample has no labels.
    seconds : float
        How long it took, with pruning and repair.
    model : nn.Module or None
        The network; None where that is elsewhere, or is the unpruned one.
    """

    figures: Mapping[str, float]
    images: int
    resampled: Numbers
    seconds: float = 0.0
    model: nn.Module | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, without the network."""
        values = (None if math.isnan(value) else value for value in self.resampled.tolist())
        return {
            "figures": dict(self.figures),
            "images": self.images,
            "resampled": list(values),
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evaluated:
        """Read what `to_json` returned."""
        return cls(**{**data, "resampled": np.array(data["resampled"], float)})


def evaluated(validation: Validation, model: nn.Module, progress: Progress) -> Evaluated:
    """Evaluate a network, on resampled images as well."""
    accuracy, images = validation.evaluate_by_image(model, Span(progress, 0.0, 0.8))
    progress(0.8, "Estimating the spread of the accuracy")
    resampled = images.figures(draw(images.images))
    return Evaluated(accuracy.figures, images.images, resampled)


Judge = Callable[[Plan | None, Progress], Evaluated]
"""Judges what a plan makes of a network, or the unpruned network for None."""


def judge_by(
    pool: Pool, request: Mapping[str, Any], plans: Sequence[Plan | None], progress: Progress
) -> Judge:
    """Judge networks by a pool, all of them, and return what hands the results on.

    Parameters
    ----------
    pool : Pool
    request : mapping
        What the engine task takes, besides ``plan``.
    plans : sequence of Plan or None
    progress : Progress
        May cancel.

    Returns
    -------
    callable
        Raises the ``UserError`` of a plan that was refused.
    """
    requests = [{**request, "plan": None if plan is None else plan.to_json()} for plan in plans]
    events = {
        _key(plans[place]): event
        for place, event in pool.run(TASK, requests, progress)
        if event["event"] != "partial"
    }

    def judge(plan: Plan | None, progress: Progress) -> Evaluated:
        event = events[_key(plan)]
        raise_failed(event)
        return Evaluated.from_json(event["result"])

    return judge


def _key(plan: Plan | None) -> str:
    return "" if plan is None else json.dumps(plan.to_json(), sort_keys=True)
