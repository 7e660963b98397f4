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
} | {
    "top1": "top-1",
    "top5": "top-5",
    "miou": "mIoU",
    "pixel_accuracy": "Pixel accuracy",
    "delta1": "δ1",
    "delta2": "δ2",
    "delta3": "δ3",
    "abs_rel": "AbsRel",
    "rmse": "RMSE",
    "silog": "SILog",
}
"""Names of the figures of accuracy, by key."""
MAIN = ("map50_95", "top1", "miou", "delta1")
"""The figure that tells most: the first of these that a task has."""
SECOND: Mapping[str, str] = {
    "map50_95": "map50",
    "top1": "top5",
    "miou": "pixel_accuracy",
    "delta1": "abs_rel",
}
"""What is shown next to the figure that tells most."""
TASK_MAIN: Mapping[str, str] = {"classify": "top1", "semantic": "miou", "depth": "delta1"}
"""The figure that tells most about networks of a task; mAP50-95 of boxes for all others."""
ERRORS = frozenset({"abs_rel", "rmse", "silog"})
"""Figures of which less is better."""
_KEYS = {
    "mAP50-95": "map50_95",
    "mAP50": "map50",
    "precision": "precision",
    "recall": "recall",
    "accuracy_top1": "top1",
    "accuracy_top5": "top5",
    "mIoU": "miou",
    "pixel_acc": "pixel_accuracy",
    **{key: key for key in ("delta1", "delta2", "delta3", "abs_rel", "rmse", "silog")},
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


def names_of(task: str) -> tuple[str, str]:
    """Name the two figures that tell most about networks of a task, for people."""
    main = TASK_MAIN.get(task, MAIN[0])
    return FIGURES[main], FIGURES[SECOND[main]]


def main_name(figures: Mapping[str, Any]) -> str:
    """Return the name of the figure that tells most; the first of all if none is known."""
    return next((name for name in MAIN if name in figures), next(iter(figures), ""))


def main_figure(figures: Mapping[str, float]) -> float:
    """Return the figure that decides between two networks of one task; larger is better."""
    return figures[main_name(figures)]


def named_figures(raw: Mapping[str, Any]) -> dict[str, float]:
    """Give Ultralytics' figures names that need no key."""
    named = ((key_of(metric), value) for metric, value in raw.items())
    return {key: float(value) for key, value in named if key is not None}


def class_figures(validator: Any) -> dict[str, dict[str, float]]:
    """Return the figures of every class that a validator of Ultralytics saw."""
    metrics = validator.metrics
    if not hasattr(metrics, "ap_class_index"):
        return {}
    boxes = getattr(metrics, "box", None)
    names: tuple[str, ...] = ("precision", "recall", "map50", "map50_95")
    if boxes is None:
        names = ("miou", "pixel_accuracy")
    found = {}
    for place, number in enumerate(metrics.ap_class_index):
        values = (float(value) for value in (boxes or metrics).class_result(place))
        found[str(validator.names[int(number)])] = dict(zip(names, values, strict=True))
    return found
