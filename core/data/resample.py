"""How far a figure of accuracy depends on which images were taken: a bootstrap over images.

Networks that were evaluated on the same images are resampled together (a paired bootstrap: Efron
and Tibshirani, An Introduction to the Bootstrap, 1993): what makes an image hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 200
CERTAIN = 0.95
"""Share of the resamples that an interval covers."""
HELD = 4_000_000
"""Numbers held at once per class; resamples are taken in parts beyond."""

Numbers = NDArray[np.float64]
_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, eq=False)
class BoxImages:
    """What a network found on every image, as the validators of Ultralytics match it.

    Attributes
    ----------
    hits : bool array, shape (predictions, thresholds)
        Whether a prediction matches a label, by the overlap that must be reached.
    confidence, kind, image : float and int arrays, shape (predictions,)
    label_kind, label_image : int arrays, shape (labels,)
    images : int
    """

    hits: NDArray[np.bool_]
    confidence: Numbers
    kind: NDArray[np.int64]
    image: NDArray[np.int64]
    label_kind: NDArray[np.int64]
    label_image: NDArray[np.int64]
    images: int

    @classmethod
    def of(cls, stats: Mapping[str, Sequence[Any]]) -> BoxImages:
        """Read what a validator has collected, a list entry per image."""
        found, labels = stats["conf"], stats["target_cls"]
        return cls(
            np.concatenate([np.asarray(t, bool) for t in stats["tp"]]),
            np.concatenate([np.asarray(c, float) for c in found]),
            np.concatenate([np.asarray(c, np.int64) for c in stats["pred_cls"]]),
            np.repeat(np.arange(len(found)), [len(c) for c in found]),
            np.concatenate([np.asarray(c, np.int64) for c in labels]),
            np.repeat(np.arange(len(labels)), [len(c) for c in labels]),
            len(found),
        )

    def figures(self, weights: Numbers) -> Numbers:
        """Return mAP50-95 with images counted as often as weights say.

        Parameters
        ----------
        weights : float array, shape (resamples, images)

        Returns
        -------
        float array, shape (resamples,)
            NaN where a resample has no labels.
        """
        total, classes = np.zeros(len(weights)), np.zeros(len(weights))
        for kind in np.unique(self.label_kind):
            labels = weights[:, self.label_image[self.label_kind == kind]].sum(1)
            total += np.where(labels > 0, self._precision(int(kind), weights, labels), 0.0)
            classes += labels > 0
        means: Numbers = np.full(len(weights), np.nan)
        return np.divide(total, classes, out=means, where=classes > 0)

    def _precision(self, kind: int, weights: Numbers, labels: Numbers) -> Numbers:
        """Return the average precision of a class, the mean over thresholds, per resample."""
        own = np.flatnonzero(self.kind == kind)
        own = own[np.argsort(-self.confidence[own], kind="stable")]
        found = np.zeros(len(weights))
        if len(own) == 0:
            return found
        hits = self.hits[own].astype(float)
        step = max(1, HELD // hits.size)
        for start in range(0, len(weights), step):
            part = slice(start, start + step)
            counted = weights[part][:, self.image[own]]
            found[part] = _areas(hits, counted, labels[part])
        return found


def _areas(hits: Numbers, counted: Numbers, labels: Numbers) -> Numbers:
    """Return the area under the curves of precision, as ``ultralytics.utils.metrics`` has it."""
    right = (counted[:, :, None] * hits).cumsum(1)
    said = counted.cumsum(1)[:, :, None]
    recall = right / np.maximum(labels, 1e-16)[:, None, None]
    precision = np.divide(right, said, out=np.zeros_like(right), where=said > 0)
    envelope = np.flip(np.maximum.accumulate(np.flip(precision, 1), 1), 1)
    areas = np.zeros((len(labels), hits.shape[1]))
    for resample, threshold in np.ndindex(*areas.shape):
        along = recall[resample, :, threshold]
        across = envelope[resample, :, threshold]
        x = np.concatenate(([0.0], along, [along[-1], 1.0]))
        y = np.concatenate(([1.0], across, [0.0, 0.0]))
        areas[resample, threshold] = np.trapezoid(np.interp(_RECALLS, x, y), _RECALLS)
    mean: Numbers = areas.mean(1)
    return mean


@dataclass(frozen=True, slots=True, eq=False)
class ClassImages:
    """Whether the first guess of a classifier was right, image by image.

    Attributes
    ----------
    right : bool array, shape (images,)
    """

    right: NDArray[np.bool_]

    @classmethod
    def of(cls, guesses: Sequence[Any], truth: Sequence[Any]) -> ClassImages:
        """Read what a validator has collected, a list entry per batch."""
        first = np.concatenate([np.asarray(g)[:, 0] for g in guesses])
        return cls(first == np.concatenate([np.asarray(t).reshape(-1) for t in truth]))

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.right)

    def figures(self, weights: Numbers) -> Numbers:
        """Return the share of right first guesses; see `BoxImages.figures`."""
        shares: Numbers = weights @ self.right.astype(float) / np.maximum(weights.sum(1), 1e-16)
        return shares


@dataclass(frozen=True, slots=True, eq=False)
class MapImages:
    """What a network found in maps, image by image: classes of pixels, or depths.

    Attributes
    ----------
    counts : float array, shape (images, classes, classes)
        Pixels by their class (rows) and the class found (columns); of depth the share of pixels
        within δ1 in (images, 1, 1), NaN where an image has no depths.
    binary : bool
        Whether the first class is the background, which does not count.
    """

    counts: Numbers
    binary: bool = False

    @classmethod
    def joined(cls, parts: Sequence[MapImages]) -> MapImages:
        """Put images together."""
        return cls(np.concatenate([part.counts for part in parts]), parts[0].binary)

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.counts)

    def figures(self, weights: Numbers) -> Numbers:
        """Return mIoU, or δ1; see `BoxImages.figures`."""
        if self.counts.shape[1] == 1:
            values = self.counts[:, 0, 0]
            known = np.isfinite(values)
            total = weights[:, known].sum(1)
            means: Numbers = np.full(len(weights), np.nan)
            np.divide(weights[:, known] @ values[known], total, out=means, where=total > 0)
            return means
        pixels = np.tensordot(weights, self.counts, 1)
        right = np.diagonal(pixels, axis1=1, axis2=2)
        truth = pixels.sum(2)
        union = truth + pixels.sum(1) - right
        overlap = np.divide(right, union, out=np.zeros_like(right), where=union > 0)
        if self.binary:
            return np.asarray(overlap[:, 1])
        there = truth > 0
        number = there.sum(1)
        total = (overlap * there).sum(1)
        mean: Numbers = np.zeros_like(total)
        np.divide(total, number, out=mean, where=number > 0)
        return mean


ByImage = BoxImages | ClassImages | MapImages


def pooled(parts: Sequence[BoxImages]) -> BoxImages:
    """Return what networks found on images that each of them was evaluated on, as of one.

    The predictions of cross-validation: every image counts once, with the network of its fold.
    """
    firsts = np.cumsum([0, *(part.images for part in parts[:-1])])
    shifted = [
        replace(part, image=part.image + first, label_image=part.label_image + first)
        for part, first in zip(parts, firsts, strict=True)
    ]
    return BoxImages(
        np.concatenate([part.hits for part in shifted]),
        np.concatenate([part.confidence for part in shifted]),
        np.concatenate([part.kind for part in shifted]),
        np.concatenate([part.image for part in shifted]),
        np.concatenate([part.label_kind for part in shifted]),
        np.concatenate([part.label_image for part in shifted]),
        sum(part.images for part in parts),
    )


def draw(images: int, seed: int = 0, count: int = RESAMPLES) -> Numbers:
    """Draw images with replacement.

    Returns
    -------
    float array, shape (count, images)
        How often each was drawn.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1.0 / images), size=count).astype(float)


def interval(
    accuracy: float, before: float, figures: Numbers, base: Numbers
) -> tuple[float, float]:
    """Return where the accuracy of a network is likely to be, that of the baseline being known.

    Parameters
    ----------
    accuracy, before : float
        Of the network and of the baseline, on all images.
    figures, base : float arrays, shape (resamples,)
        The same on resampled images, drawn alike for both.

    Returns
    -------
    low, high : float
        ``before`` plus the interval of the difference; it includes ``accuracy``.
    """
    change = (figures - base)[np.isfinite(figures) & np.isfinite(base)]
    if not len(change):
        return accuracy, accuracy
    tail = 50 * (1 - CERTAIN)
    low, high = before + np.percentile(change, [tail, 100 - tail])
    return max(0.0, min(float(low), accuracy)), min(1.0, max(float(high), accuracy))
