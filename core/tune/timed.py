"""A training that is limited by time: the learning rate ends its fall when the time ends.

Ultralytics estimates the epochs that fit, and lets the rate fall from epoch to epoch. Where few
fit, or less than one, that never gets to the small rates; after an interruption, it counts all
time as that of the epochs since.
"""

from __future__ import annotations

import math
import time
from typing import Any

WARM = 0.03
"""Share of the time in which the learning rate rises."""


def share_of(trainer: Any) -> float:
    """Return how much of a training's time is over, 0 to 1."""
    spent = time.time() - float(trainer.train_time_start)
    return min(max(spent / (float(trainer.args.time) * 3600), 0.0), 1.0)


def factor(share: float, least: float, cosine: bool) -> float:
    """Return what the largest learning rate is multiplied by.

    Parameters
    ----------
    share : float
        Of the time that is over.
    least : float
        The factor at the end.
    cosine : bool
        Whether it falls along a cosine instead of a line.
    """
    fall = 0.5 + 0.5 * math.cos(math.pi * share) if cosine else 1.0 - share
    return min(1.0, max(share, 1e-3) / WARM) * (least + (1.0 - least) * fall)


class Timed:
    """Sets the rates of a trainer by its clock.

    Parameters
    ----------
    trainer : BaseTrainer
        With a time limit.
    """

    def __init__(self, trainer: Any) -> None:
        # The last part without mosaics is as long as the preset has it, whatever time there is.
        self._plain = trainer.args.close_mosaic / max(trainer.epochs, 1)
        for event, call in (
            ("on_train_epoch_start", self._epoch_started),
            ("on_train_batch_start", self._batch_started),
            ("on_fit_epoch_end", self._estimated),
        ):
            trainer.add_callback(event, call)

    @staticmethod
    def _epoch_started(trainer: Any) -> None:
        trainer.start_epoch = 0  # for the mean time of an epoch, which counts all epochs so far

    @staticmethod
    def _batch_started(trainer: Any) -> None:
        now = factor(share_of(trainer), trainer.args.lrf, trainer.args.cos_lr)
        for group in trainer.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * now

    def _estimated(self, trainer: Any) -> None:
        trainer.args.close_mosaic = math.ceil(self._plain * trainer.epochs)
