"""Quantisation-aware training before a network is quantised; by Ultralytics, with ModelOpt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.progress import Progress

if TYPE_CHECKING:
    from core.ship.quantize.settings import QuantizeSettings


def train(
    model: str, settings: QuantizeSettings, output: Path, folder: Path, progress: Progress
) -> int:
    """Train a network for INT8, and write its weights in FP32; return how many epochs it took.

    Parameters
    ----------
    model : str
        The checkpoint.
    settings : QuantizeSettings
        Its ``aware`` says how long.
    output : Path
        The checkpoint to write.
    folder : Path
        For the states of the training.
    progress : Progress
        May cancel between batches.

    Raises
    ------
    UserError
        When a package is missing, or for data that does not fit.
    """
    from core.tune.run import finetune
    from core.tune.settings import Settings

    aware = settings.aware
    assert aware is not None
    data = settings.data
    told = _Told(progress)
    result = finetune(
        Settings(
            model=model,
            data=str(data.path),
            same_classes=data.same_classes,
            preset=aware.preset,
            epochs=aware.epochs,
            minutes=aware.minutes,
            image_size=settings.image_size,
            device=data.device,
            seed=data.seed,
            baseline=False,
            average=False,
            aware=True,
            output=str(output),
        ),
        folder,
        emit=told.event,
        check=told.check,
    )
    return int(result["epochs"])


class _Told:
    """Events of a training as progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._share = progress, 0.0

    def event(self, event: dict[str, Any]) -> None:
        """Take in an event."""
        self._share = float(event.get("fraction", self._share))
        self.check()

    def check(self) -> None:
        """Report how far it is, which may cancel."""
        self._progress(min(self._share, 1.0), "Training for INT8")
