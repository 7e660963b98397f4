"""Which state of a tuning is its result: never one that is worse than the network before it.

States are compared on the same images, image by image, so what makes an image hard for both
cancels. The figure of accuracy of a dozen images moves by more from noise than from a tuning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.checkpoint import Loaded
from core.data.resample import ByImage, draw
from core.repair.judge import Judge, Measure

SURE = 1.64
"""Standard errors by which accuracy must differ before labels decide: 95%, looked at one way."""
LEAN = 1.0
"""Standard errors by which accuracy may be lower where the distance from the teacher decides."""
BEFORE, LAST, MEAN, BEST = "before", "last", "mean", "best"
WORDS = {
    LAST: "the state after the last epoch",
    MEAN: "the mean of the states before and after training",
    BEST: "the best epoch",
}
"""What the states after training are called."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A network of a tuning, and what it found on the validation images.

    Attributes
    ----------
    name : str
        ``before``, ``last``, ``mean`` or ``best``.
    network : Loaded
    figures : dict of str to float
        Of accuracy, rounded.
    images : ByImage
        What it found, by image.
    gaps : tuple of float
        Distances of its outputs from the teacher's, by image; empty without a teacher.
    """

    name: str
    network: Loaded
    figures: dict[str, float]
    images: ByImage
    gaps: tuple[float, ...] = ()


def choose(states: Sequence[State]) -> State:
    """Return the state that is the result of a tuning.

    Parameters
    ----------
    states : sequence of State
        The network before tuning first; each of the others takes the place of the one chosen so
        far only if it is better by `better`. The best epoch comes last: it was selected on these
        images, which flatters it.
    """
    kept = states[0]
    for state in states[1:]:
        if better(state, kept):
            kept = state
    return kept


def better(new: State, old: State) -> bool:
    """Whether a state is better than another, image by image, than noise explains.

    The labels decide where the difference in accuracy is ``SURE`` standard errors or more. Where
    it is less, the distance from the teacher decides, which needs fewer images to be sure, unless
    the labels lean the other way.
    """
    lean = _lean(new.images, old.images)
    if lean >= SURE or lean <= -LEAN or not (new.gaps and old.gaps):
        return lean >= SURE
    return Judge.better(*(Measure(float(np.mean(s.gaps)), gaps=s.gaps) for s in (new, old)))


def _lean(new: Any, old: Any) -> float:
    """Return by how many standard errors a state is more accurate: a paired bootstrap by image."""
    if new.images < 2:
        return 0.0
    drawn, whole = draw(new.images), np.ones((1, new.images))
    change = float(new.figures(whole)[0] - old.figures(whole)[0])
    noise = float(np.nanstd(new.figures(drawn) - old.figures(drawn)))
    return 0.0 if change == 0 else change / max(noise, 1e-9)


def sentence(chosen: State, count: int) -> str:
    """Say what the result of a tuning is.

    Parameters
    ----------
    chosen : State
    count : int
        Validation images.
    """
    if chosen.name == BEFORE:
        return (
            f"Fine-tuning did not help: no state is better than the network before it on the "
            f"{count} validation images, so the result is the network as it was."
        )
    return f"The result is {WORDS[chosen.name]}."
