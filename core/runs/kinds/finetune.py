"""Fine-tuning as a long job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.runs.kinds import Emit, JobKind, figures_text, spared
from core.tune.presets import PRESETS
from core.tune.settings import parse_settings


def run(
    arguments: Mapping[str, Any], folder: Path, emit: Emit, check: Callable[[], None]
) -> dict[str, Any]:
    """Fine-tune, or continue with it, and remember the result in a history if given."""
    from core.checkpoint import prepare

    prepare()
    from core.tune.run import finetune

    settings = parse_settings(arguments)
    result = finetune(settings, folder, emit=emit, check=check, resume=True)
    if settings.history is not None:
        from core.history.remember import remember_tuned

        with spared(emit):
            result["node"] = remember_tuned(settings.history, settings.model, result, folder).id
    return result


def preset_title(arguments: Mapping[str, Any]) -> str:
    """Return the name of the preset that a network is tuned by."""
    preset = PRESETS.get(str(arguments.get("preset")))
    return preset.title if preset is not None else ""


def result_text(result: Mapping[str, Any]) -> str:
    """Return the results of a fine-tuning, for people."""
    lines = [
        f"{result['output']}: {result['parameters']:,} parameters, unchanged",
        f"before: {figures_text(result['before'])}",
        f"result: {figures_text(result['after'])}",
        f"last:   {figures_text(result['final'])}",
        *_mean_text(result.get("averaged")),
        f"{result['epochs']} epochs in {result['seconds']:.0f} s",
        *filter(None, [result.get("text")]),
    ]
    return "\n".join(lines)


def _mean_text(averaged: Mapping[str, Any] | None) -> list[str]:
    """Return the line about the mean of the first and the last state."""
    if averaged is None:
        return []
    return [f"mean:   {figures_text(averaged['figures'])} (of before and last)"]


KIND = JobKind(
    noun="fine-tuning",
    title="Fine-tune a network",
    tip="Train a network and keep its shape",
    parse=parse_settings,
    run=run,
    ending="tuned",
    inputs=("model", "teacher", "data"),
    training="",
    how=preset_title,
    text=result_text,
)
