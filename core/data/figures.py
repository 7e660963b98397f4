"""Which figure of accuracy tells most. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIGURES = {
    "map50_95": "mAP50-95",
    "map50": "mAP50",
    "precision": "Precision",
    "recall": "Recall",
    "top1": "Top-1",
    "top5": "Top-5",
}
"""Names of the figures of accuracy, by key."""
MAIN = ("map50_95", "top1")
"""The figure that tells most: the first of these that a task has."""


def main_name(figures: Mapping[str, Any]) -> str:
    """Return the name of the figure that tells most; the first of all if none is known."""
    return next((name for name in MAIN if name in figures), next(iter(figures), ""))


def main_figure(figures: Mapping[str, float]) -> float:
    """Return the figure that decides between two networks of one task; larger is better."""
    return figures[main_name(figures)]
