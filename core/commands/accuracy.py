"""Commands that measure accuracy."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.commands import Add, Command
from core.commands.options import add_data, data_settings, shown_progress


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    evaluate = add("evaluate", "Measure a model's accuracy on labelled images.")
    add_data(evaluate, "whose split is evaluated", required=True, images=None)
    evaluate.add_argument("--split", default="val", help="train, val or test (val)")
    evaluate.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _evaluate(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.data.evaluate import evaluate
    from core.pipeline import load

    show = shown_progress(options)
    show(0.0, "Opening the model")
    loaded = load(options.model)
    settings = data_settings(options, split=options.split)
    assert settings is not None  # --data is required
    facts = loaded.facts
    accuracy = evaluate(loaded.model, settings, facts.classes, facts.task, progress=show)
    left = f", {accuracy.skipped} could not be read" if accuracy.skipped else ""
    figures = f"mAP50-95 {accuracy.map50_95:.4f}, mAP50 {accuracy.map50:.4f}"
    return accuracy.to_json(), f"{figures} on {accuracy.images} images{left}"


COMMANDS: Mapping[str, Command] = {"evaluate": _evaluate}
