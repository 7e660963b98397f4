"""Whether a step helped, measured on images it was not fitted to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from core.data.classes import ClassesDifferError
from core.data.listed import only_files
from core.data.stream import DataSettings
from core.data.validation import Validation
from core.errors import UserError
from core.repair.images import Pool
from core.repair.outputs import gaps_on, outputs_on
from core.structure.scales import places_of, strides_of
from core.system.scratch import Scratch

SURE = 1.0
"""Standard errors by which the mean change of the gap must differ from none."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How good a network is on the held-out images.

    Attributes
    ----------
    gap : float
        Distance of its outputs from the original's, weighted by the original's confidence; 0 for
        the original. Needs no labels.
    map50_95 : float or None
        Where the held-out images have labels. It is reported, and decides nothing: on a dozen
        images it moves by more from noise than from a step.
    gaps : tuple of float
        Of every image; ``gap`` is their mean.
    """

    gap: float
    map50_95: float | None = None
    gaps: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data; a gap that is not a number becomes null."""
        gap = self.gap if math.isfinite(self.gap) else None
        return {"gap": gap, "map50_95": self.map50_95}


class Judge:
    """Measures networks on the held-out images.

    Parameters
    ----------
    teacher : nn.Module
        The original, on the device.
    pool : Pool
    data : DataSettings
        Where the images came from; their labels are used when there are any.
    classes : mapping
    task : str
    device : str
    """

    def __init__(
        self,
        teacher: nn.Module,
        pool: Pool,
        data: DataSettings,
        classes: Mapping[int, str],
        task: str,
        device: str,
    ) -> None:
        self._pool, self._data, self._classes, self._task = pool, data, classes, task
        self._device = device
        self._validation: Validation | None = None
        self._images: list[Tensor] = [batch.to(device) for batch in pool.plain(held=True)]
        self._targets = outputs_on(teacher, self._images)
        self._scales = strides_of(teacher)
        self._places = [places_of(teacher, batch) for batch in self._images if self._scales]
        self.original = self._accuracy(teacher) or None

    def __call__(self, model: nn.Module, *, quick: bool = False) -> Measure:
        """Measure a network; ``quick`` leaves the labels out."""
        scales = self._scales, strides_of(model)
        gaps = gaps_on(model, self._targets, self._images, *scales, self._places)
        gap = float(np.mean(gaps))
        labelled = self.original is not None and not quick and math.isfinite(gap)
        return Measure(gap, self._accuracy(model) if labelled else None, gaps)

    @staticmethod
    def better(new: Measure, old: Measure) -> bool:
        """Whether a network is nearer to the original, image by image, than noise explains.

        Both were measured on the same images, so what makes an image hard for both cancels: the
        mean of the differences must be below zero by ``SURE`` standard errors of that mean.
        """
        if not (math.isfinite(new.gap) and new.gap < old.gap):
            return False
        change = np.subtract(new.gaps, old.gaps)
        if len(change) < 2 or not np.isfinite(change).all():
            return True  # there is nothing to tell noise by, or any network is better than `old`
        return float(change.mean() + SURE * change.std(ddof=1) / len(change) ** 0.5) < 0

    def _accuracy(self, model: nn.Module) -> float | None:
        """Return mAP50-95 on the held-out images, or None where they have no usable labels."""
        try:
            if self._validation is None:
                self._validation = self._open(model)
            return self._validation.evaluate(model).map50_95
        except UserError:
            return None

    def _open(self, model: nn.Module) -> Validation:
        """Read the held-out images with their labels, once for all networks."""
        with Scratch("repair") as folder:
            data = replace(self._data, device=self._device)
            settings = only_files(data, self._pool.held_files, Path(folder))
            return Validation(model, settings, self._classes, self._task)


def check_labels(data: DataSettings, pool: Pool, classes: Mapping[int, str]) -> None:
    """Refuse labels that may be of the model's classes and may not: they would judge the repair.

    Images without labels fit any model. So do those of more or fewer classes: their labels are not
    the model's, and only the images are used.

    Raises
    ------
    ClassesDifferError
        When there are as many classes as the model has, under other names.
    """
    from ultralytics.data.utils import img2label_paths

    try:
        if classes:
            data.source(classes)
    except ClassesDifferError as error:
        files = map(Path, img2label_paths(list(pool.held_files)))
        folders = bool(data.source().folders)
        if error.may_be_same and (folders or any(file.is_file() for file in files)):
            raise
