"""The events of a training: every epoch, and batches no more often than the user can read."""

from __future__ import annotations

import math
import time
from typing import Any

import psutil
import torch

from core.tune.training import Emit

INTERVAL = 0.5
"""Seconds between two events about batches, at least."""


class Reporter:
    """Turns a trainer's callbacks into events.

    Parameters
    ----------
    emit : callable
        Told the events.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._process = psutil.Process()
        self._epoch_began = self._last = time.monotonic()
        self._batch = self._images = 0

    def watch(self, trainer: Any) -> None:
        """Listen to a trainer."""
        for event, call in (
            ("on_train_epoch_start", self._epoch_started),
            ("on_train_batch_end", self._batch_done),
            ("on_train_epoch_end", self._trained),
            ("on_fit_epoch_end", self._epoch_done),
        ):
            trainer.add_callback(event, call)

    def _epoch_started(self, trainer: Any) -> None:
        self._epoch_began = time.monotonic()
        self._batch = self._images = 0

    def _batch_done(self, trainer: Any) -> None:
        self._batch += 1
        self._images += trainer.batch_size
        now = time.monotonic()
        if now - self._last < INTERVAL:
            return
        self._last = now
        batches = len(trainer.train_loader)
        spent = now - self._epoch_began
        self._emit(
            {
                "event": "batch",
                **self._place(trainer),
                "batch": self._batch,
                "batches": batches,
                "losses": _figures(trainer.tloss),
                "learning_rate": trainer.optimizer.param_groups[0]["lr"],
                "images_per_second": round(self._images / max(spent, 1e-9), 2),
                "memory": self._memory(),
                "fraction": self._fraction(trainer, self._batch / batches),
            }
        )

    def _trained(self, trainer: Any) -> None:
        """Keep the time of training apart from that of measuring."""
        spent = time.monotonic() - self._epoch_began
        total = min(self._images, len(trainer.train_loader.dataset))
        self._speed = round(total / max(spent, 1e-9), 2)

    def _epoch_done(self, trainer: Any) -> None:
        spent = time.monotonic() - self._epoch_began
        measured = trainer._measured == trainer.epoch
        self._emit(
            {
                "event": "epoch",
                **self._place(trainer),
                "losses": _figures(trainer.tloss),
                "metrics": _figures(trainer.metrics) if measured else None,
                "fitness": float(trainer.fitness) if measured else None,
                "best": bool(measured and trainer.fitness == trainer.best_fitness),
                "learning_rate": trainer.optimizer.param_groups[0]["lr"],
                "images_per_second": self._speed,
                "memory": self._memory(),
                "seconds": round(spent, 2),
                "fraction": self._fraction(trainer, 1.0),
                "parameters": trainer.run.parameters,
            }
        )

    @staticmethod
    def _place(trainer: Any) -> dict[str, int]:
        return {"epoch": int(trainer.epoch) + 1, "epochs": int(trainer.epochs)}

    @staticmethod
    def _fraction(trainer: Any, share: float) -> float:
        """Return how much of the training is done, with this share of the epoch; or of its time."""
        done = (trainer.epoch + share) / trainer.epochs
        if trainer.args.time:
            done = (time.time() - trainer.train_time_start) / (trainer.args.time * 3600)
        return round(min(float(done), 1.0), 6)

    def _memory(self) -> dict[str, int]:
        """Bytes held by the process, and of the GPU where one is used."""
        memory = {"process": int(self._process.memory_info().rss)}
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            memory["gpu"] = int(torch.cuda.memory_reserved())
        return memory


def _figures(values: Any) -> dict[str, float]:
    """Return figures as JSON can hold them: what is no number is left out."""
    figures = {str(key): round(float(value), 6) for key, value in (values or {}).items()}
    return {key: value for key, value in figures.items() if math.isfinite(value)}
