"""How long it will take to measure a front."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from core.compare.bench import QUICK, TURNS, Bench
from core.plan.schema import Plan
from core.progress import Progress, Span, silent
from core.repair import RepairSettings
from core.repair.images import files_of
from core.repair.refit import passes

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings

EVALUATED = 1.3
"""Times that a network takes for an image, with what an evaluation does next to it."""
REPAIRED = {"fold": 3.0, "bn": 4.0, "refit": 12.5}
"""The same for every step of repair, and every image that it reads, or view that it looks at."""
ELSEWHERE = 8.0
"""Seconds per network for what does not depend on the images: exports, and the bootstrap."""


def estimate_front(
    loaded: Loaded,
    plans: Sequence[Plan],
    data: DataSettings,
    repair: RepairSettings | None = QUICK,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Estimate how long `measure_front` takes; runs the network on a few images.

    Returns
    -------
    dict
        ``seconds``, ``networks`` (to measure), ``known`` (measured before), ``images``.
    """
    bench = Bench(loaded, plans, data, repair, progress=progress)
    guess = Guess(bench)
    found = bench.known()
    took = [point.seconds for point in found.points if point is not None]
    missing = len(found.points) - len(took)
    each = sum(took) / len(took) if took else guess.seconds(Span(progress, 0.3, 1.0))
    first = guess.seconds(silent, repaired=False) if missing or found.base is None else 0.0
    progress(1.0, "Done")
    return {
        "seconds": missing * each + first,
        "networks": missing,
        "known": len(took),
        "images": len(bench.validation.dataset),
    }


class Guess:
    """Guesses from a few images what a network takes.

    Parameters
    ----------
    bench : Bench
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._each: float | None = None

    def seconds(self, progress: Progress, *, repaired: bool = True) -> float:
        """Guess the seconds that a network takes, from those of the unpruned one for a batch."""
        each = self._image_seconds(progress)
        seconds = EVALUATED * each * len(self._bench.validation.dataset) + ELSEWHERE
        seconds += 2 * TURNS * each
        if self._bench.repair is None or not repaired:
            return seconds
        limit = 60 * self._bench.repair.minutes
        if not set(self._bench.repair.steps) <= set(REPAIRED):  # one takes the time it is given
            return seconds + limit
        images = len(files_of(self._bench.train))
        looks = {"refit": passes(images, self._bench.data.image_size)}
        times = (REPAIRED[step] * looks.get(step, images) for step in self._bench.repair.steps)
        return seconds + min(limit, each * sum(times))

    def _image_seconds(self, progress: Progress) -> float:
        if self._each is None:
            measuring = self._bench.validation.measure(
                copy.deepcopy(self._bench.loaded.model).float().eval()
            )
            image = measuring.prepare(0)["img"]
            with torch.inference_mode():
                for turn in range(2):  # the first one warms up
                    progress(turn / 2, "Timing the network")
                    began = time.monotonic()
                    measuring.network(image)
                    each = (time.monotonic() - began) / len(image)
            measuring.close()
            self._each = each
        return self._each
