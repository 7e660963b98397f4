"""Repair after pruning, in words: which steps there are and what each of them gained. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STEPS: dict[str, tuple[str, str]] = {
    "fold": (
        "Fold means",
        "Adds the mean activation of removed channels to the layers that read them. Seconds.",
    ),
    "refit": (
        "Refit weights",
        "Fits the remaining weights, layer by layer, to the outputs of the original.",
    ),
    "bn": (
        "BatchNorm statistics",
        "Corrects the BatchNorm statistics on your images.",
    ),
    "distill": (
        "Distil",
        "Trains the pruned network on the outputs of the original until the time limit. "
        "Needs no labels.",
    ),
}
"""By the engine's names, in the order in which they are done."""
MINUTES = 10.0


def images_used(counts: Mapping[str, Any]) -> str:
    """Describe how many of the images repair used, and whether more would help."""
    used = counts["fitted"] + counts["held_out"]
    text = f"{used:,} of {counts['available']:,} images were used, {counts['held_out']:,} of them "
    text += "only to measure."
    if counts["available"] - used - counts["skipped"] > 0:
        text += " More images may help: increase the time limit or the number of images."
    return text


def step_title(name: str) -> str:
    """Return a step's name for people."""
    return STEPS[name][0] if name in STEPS else name


def gap(report: Mapping[str, Any]) -> str:
    """Describe how far the outputs were from the original's before and after a step."""
    before, after = _figures(report, "gap")
    if before is None or after is None:
        return "NaN"
    return f"{before:.3g} → {after:.3g}"


def gain(report: Mapping[str, Any]) -> str:
    """Describe what a step did to the accuracy, where the images have labels."""
    before, after = _figures(report, "map50_95")
    if before is None or after is None:
        return "no labels"
    change = after - before
    sign = "+" if change >= 0 else "−"
    return f"{before:.4f} → {after:.4f} ({sign}{abs(change):.4f})"


def _figures(report: Mapping[str, Any], name: str) -> tuple[float | None, float | None]:
    before, after = ((report.get(side) or {}).get(name) for side in ("before", "after"))
    return before, after


def verdict(report: Mapping[str, Any]) -> str:
    """Describe whether a step was kept, and if not, why (``core.repair.judge`` decides so)."""
    if report.get("kept"):
        return "kept"
    before, after = _figures(report, "gap")
    nearer = before is not None and after is not None and after < before
    return "reverted: within noise" if nearer else "reverted: no improvement"
