"""How long an image takes before and after a network, apart from the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.data.runtime import RuntimeNetwork
from core.progress import Progress, silent
from core.ship.export.exporter import sealed
from core.ship.latency.measure import Spread
from core.system.size import ImageSize
from core.tryout.frames import Pixels
from core.tryout.networks import Network, times_of

if TYPE_CHECKING:
    from core.checkpoint import Loaded

CONFIDENCE = 0.25
SAMPLE = "bus.jpg"
"""Ultralytics' own picture, 810 pixels wide and 1080 high: it comes with the library."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What one image takes around a network, by Ultralytics' predictor on the processor.

    Attributes
    ----------
    preprocess : Spread
        Milliseconds from the decoded picture to the network's input.
    postprocess : Spread
        Milliseconds from the network's output to detections in pixels of the picture.
    """

    preprocess: Spread
    postprocess: Spread

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "preprocess_ms": self.preprocess.to_json(),
            "postprocess_ms": self.postprocess.to_json(),
        }


def time_steps(
    loaded: Loaded,
    image_size: ImageSize,
    *,
    threads: int,
    repeats: int,
    progress: Progress = silent,
) -> Steps:
    """Time what is around a network, on a picture that comes with Ultralytics.

    Parameters
    ----------
    loaded : Loaded
        A checkpoint, or an exported file.
    image_size : ImageSize
        Of a network that has no size of its own.
    threads : int
        Of torch.
    repeats : int
    progress : Progress
        May cancel.

    Raises
    ------
    UserError
        For a task that has no predictor here, or a file that cannot be opened.
    """
    import torch

    before = torch.get_num_threads()
    own = loaded.model if isinstance(loaded.model, RuntimeNetwork) else None
    try:
        torch.set_num_threads(threads)
        with sealed():
            network = Network(loaded, image_size, CONFIDENCE, "cpu" if own is None else "")
            picture = _picture(loaded)
            network(picture)
            taken = []
            for number in range(repeats):
                progress(number / repeats, "Measuring around the network")
                times = times_of(network(picture))
                taken.append((times["preprocess"], times["postprocess"]))
    finally:
        torch.set_num_threads(before)
    first, last = np.array(taken, float).T
    return Steps(Spread.of(first), Spread.of(last))


def _picture(loaded: Loaded) -> Pixels:
    """Return the picture: blue, green, red; noise for networks that take other channels."""
    import cv2
    from ultralytics.utils import ASSETS

    from core.graph.drive import image_channels

    channels = image_channels(loaded.model)
    found = cv2.imread(str(ASSETS / SAMPLE)) if channels == 3 else None
    if found is None:
        shape = (1080, 810, channels)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return np.asarray(found, np.uint8)
