"""Repair after pruning, in words: which steps there are and what each of them gained. No Qt."""

from __future__ import annotations

from typing import Any

STEPS: dict[str, tuple[str, str]] = {
    "fold": (
        "Fold means",
        "What a removed channel gave on average is added to the layers that read it. Seconds.",
    ),
    "refit": (
        "Refit weights",
        "The weights that stay are fitted, layer by layer, to what the network gave before.",
    ),
    "bn": (
        "BatchNorm statistics",
        "The statistics of BatchNorm are measured anew on your images.",
    ),
    "distill": (
        "Distil",
        "The pruned network learns from the unpruned one for the minutes given. Needs no labels.",
    ),
}
"""By the engine's names, in the order in which they are done."""
MINUTES = 10.0


def step_title(name: str) -> str:
    """Return a step's name for people."""
    return STEPS[name][0] if name in STEPS else name


def gain(report: dict[str, Any]) -> str:
    """Say what a step did to the accuracy on images it was not fitted to."""
    before, after = report.get("before"), report.get("after")
    if before is None or after is None:
        return "not measured"
    change = float(after) - float(before)
    sign = "+" if change >= 0 else "−"
    return f"{float(before):.4f} → {float(after):.4f} ({sign}{abs(change):.4f})"


def verdict(report: dict[str, Any]) -> str:
    """Say whether a step was kept."""
    return "kept" if report.get("kept") else "undone: it did not help"
