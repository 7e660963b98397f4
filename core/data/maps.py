"""Maps that networks find, classes of pixels or depths, taken in image by image."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from core.data.resample import MapImages


def take_in(validator: Any, predictions: Any, batch: Mapping[str, Any]) -> list[MapImages]:
    """Let a validator count a batch, and return what it counted of every image.

    Parameters
    ----------
    validator : ultralytics BaseValidator
        Of semantic segmentation or depth.
    predictions : Tensor, shape (images, height, width) or (images, 1, height, width)
        As its ``postprocess`` returns them.
    batch : mapping
        With ``semantic_mask`` or ``depth``.
    """
    found = []
    for number in range(len(predictions)):
        before = _state(validator.metrics)
        one = slice(number, number + 1)
        validator.update_metrics(predictions[one], {**batch, **_labels(batch, one)})
        found.append(_counted(validator.metrics, before))
    return found


def counted_alone(validator: Any, predictions: Any, batch: Mapping[str, Any]) -> list[MapImages]:
    """Return what a validator would count of every image, and leave its own count as it is."""
    own, seen = validator.metrics, getattr(validator, "seen", 0)
    validator.metrics = copy.deepcopy(own)
    validator.metrics.clear_stats()
    try:
        return take_in(validator, predictions, batch)
    finally:
        validator.metrics, validator.seen = own, seen


def _labels(batch: Mapping[str, Any], one: slice) -> dict[str, Any]:
    return {key: batch[key][one] for key in ("semantic_mask", "depth") if key in batch}


def _state(metrics: Any) -> Any:
    if hasattr(metrics, "cm_nc"):
        return 0 if metrics.matrix is None else metrics.matrix.clone()
    return metrics._totals.clone() if metrics._totals is not None else None, metrics._count


def _counted(metrics: Any, before: Any) -> MapImages:
    if hasattr(metrics, "cm_nc"):
        matrix = (metrics.matrix - before).cpu().numpy().astype(float)
        return MapImages(matrix[None], binary=metrics.nc == 1)
    totals, count = before
    if metrics._count == count:  # too few pixels of a known depth
        return MapImages(np.full((1, 1, 1), np.nan))
    share = metrics._totals - (0 if totals is None else totals)
    return MapImages(np.full((1, 1, 1), float(share[0])))
