"""A brief fine-tuning within a trial."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.pipeline import load
from core.progress import Forward, Progress
from core.system.scratch import Scratch
from core.tune.run import finetune
from core.tune.settings import parse_settings

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.search.settings import SearchSettings
    from core.system.size import ImageSize

PRESET = "recover_fully"
"""What keeps most after pruning, however brief (docs/accuracy.md)."""
TOLD = ("epochs", "seconds", "chosen", "before")


class _Course:
    """Progress of a fine-tuning by its events; asks at every batch whether it is cancelled."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._text = Forward(progress), "Fine-tuning"

    def emit(self, event: dict[str, Any]) -> None:
        if "fraction" in event and event["event"] in ("batch", "epoch"):
            self._progress(float(event["fraction"]), self._text)

    def check(self) -> None:
        self._progress(self._progress.share, self._text)


def tuned(
    original: Loaded,
    settings: SearchSettings,
    file: Path,
    output: Path,
    size: ImageSize,
    progress: Progress,
) -> tuple[nn.Module, dict[str, Any]]:
    """Fine-tune a network of a trial, with the unpruned one as its teacher.

    Parameters
    ----------
    original : Loaded
    settings : SearchSettings
    file : Path
        The network.
    output : Path
        Where the result is saved; it may be ``file``.
    size : ImageSize
        Of the images.
    progress : Progress
        May cancel.

    Returns
    -------
    model : nn.Module
    report : dict
        ``epochs``, ``seconds``, ``chosen`` and ``before`` of `core.tune.run.finetune`.

    Raises
    ------
    UserError
        As `core.tune.run.finetune`.
    """
    course = _Course(progress)
    with Scratch("search") as place:
        source = Path(place) / "pruned.pt"
        shutil.copyfile(file, source)
        job = Path(place) / "job"
        job.mkdir()
        asked = {
            "model": str(source),
            "data": settings.data,
            "same_classes": settings.same_classes,
            "teacher": original.facts.path,
            "preset": PRESET,
            "minutes": settings.tune_minutes,
            "image_size": size.plain,
            "device": settings.device,
            "seed": settings.seed,
            "output": str(output),
        }
        result = finetune(parse_settings(asked), job, emit=course.emit, check=course.check)
        model = load(result["output"]).model
    return model, {key: result[key] for key in TOLD}
