"""The figures of accuracy: their keys, their names, and which tells most. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BASIC = {
    "map50_95": "mAP50-95",
    "map50": "mAP50",
    "precision": "Precision",
    "recall": "Recall",
}
_PARTS = {"": "", "mask_": " of masks", "keypoint_": " of keypoints"}
FIGURES: Mapping[str, str] = {
    part + key: name + words for part, words in _PARTS.items() for key, name in _BASIC.items()
} | {"top1": "top-1", "top5": "top-5"}
"""Names of the figures of accuracy, by key."""
MAIN = ("map50_95", "top1")
"""The figure that tells most: the first of these that a task has."""
_KEYS = {
    "mAP50-95": "map50_95",
    "mAP50": "map50",
    "precision": "precision",
    "recall": "recall",
    "accuracy_top1": "top1",
    "accuracy_top5": "top5",
}
_SUFFIXES = {"(B)": "", "(M)": "mask_", "(P)": "keypoint_"}


def figure_name(key: str) -> str:
    """Name a figure for people; one that is not known keeps its key."""
    return FIGURES.get(key, key)


def key_of(metric: str) -> str | None:
    """Return the key of a figure that Ultralytics names, such as ``metrics/mAP50-95(M)``."""
    stem = metric.removeprefix("metrics/")
    suffix = next((s for s in _SUFFIXES if stem.endswith(s)), "")
    key = _KEYS.get(stem.removesuffix(suffix))
    return None if key is None else _SUFFIXES.get(suffix, "") + key


def main_name(figures: Mapping[str, Any]) -> str:
    """Return the name of the figure that tells most; the first of all if none is known."""
    return next((name for name in MAIN if name in figures), next(iter(figures), ""))


def main_figure(figures: Mapping[str, float]) -> float:
    """Return the figure that decides between two networks of one task; larger is better."""
    return figures[main_name(figures)]
