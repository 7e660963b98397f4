"""Accuracy of a network on a split, by the Ultralytics validator; leaves nothing on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.data.stream import DataSettings
from core.data.validation import Accuracy, Validation, Watch
from core.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Accuracy", "evaluate"]


def evaluate(
    model: nn.Module,
    settings: DataSettings,
    classes: Mapping[int, str],
    task: str = "detect",
    *,
    progress: Progress = silent,
    watch: Watch | None = None,
    square: bool = False,
) -> Accuracy:
    """Evaluate a copy of a network.

    Parameters
    ----------
    model : nn.Module
        Not changed; an exported file as `core.ship.exported` opens it, too.
    settings : DataSettings
        Its ``split`` is evaluated; ``val`` as a rule.
    classes : mapping
        The model's classes.
    task : str
    progress : Progress
        Told after every batch; may cancel.
    watch : callable, optional
        Called as ``watch(validator, predictions, batch)`` for every batch, before it is counted.

    square : bool
        Whether every image is letterboxed to the whole size, as exported files take them.

    Raises
    ------
    UserError
        For data that cannot be used, or a task without a validator here.
    """
    progress(0.0, "Reading the dataset")
    validation = Validation(model, settings, classes, task, square=square)
    return validation.evaluate(model, progress, watch)
