"""Networks of a tuning, measured on the validation images."""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.checkpoint import Loaded
from core.data.resample import ByImage
from core.data.stream import ALL, DataSettings
from core.data.validation import Accuracy, Validation
from core.errors import UserError
from core.progress import Progress
from core.repair.outputs import gaps_on, outputs_on
from core.system.memory import is_out_of_memory
from core.tune.choose import State
from core.tune.device import gpus
from core.tune.report import INTERVAL
from core.tune.settings import Settings
from core.tune.training import Run
from core.tune.trouble import memory_short

MOST = 64
"""Images at most whose outputs are compared with the teacher's."""


class Measurer:
    """Measures networks on the same images; smaller batches are taken where memory runs out.

    Parameters
    ----------
    settings : Settings
    run : Run
        Told the progress; its teacher is what outputs are compared with.
    options : mapping
        For Ultralytics' trainer.
    """

    def __init__(self, settings: Settings, run: Run, options: Mapping[str, Any]) -> None:
        self._run = run
        numbers = gpus(options["device"])
        self._data = DataSettings(
            Path(settings.data),
            images=ALL,
            image_size=run.size,
            device=f"cuda:{numbers[0]}" if numbers else options["device"],
            split="val",
            same_classes=settings.same_classes,
        )
        self._last = 0.0
        self._opened: Validation | None = None
        self.count = 0
        """Images that were measured on."""

    def __call__(self, name: str, loaded: Loaded) -> State:
        """Measure a network."""
        while True:
            try:
                accuracy, images = self.evaluate(loaded, self._progress)
                gaps = self.gaps(loaded)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self._data.batch == 1:
                    raise memory_short(1, self._run.best) from error
            batch = self._data.batch
            tell_scarce(self._run, batch, batch // 2, "in validation")
            self._data, self._opened = replace(self._data, batch=batch // 2), None
        self.count = accuracy.images
        figures = {key: round(value, 5) for key, value in accuracy.figures.items()}
        return State(name, loaded, figures, images, gaps)

    def evaluate(self, loaded: Loaded, progress: Progress) -> tuple[Accuracy, ByImage]:
        """Return the accuracy of a network, and what it found by image."""
        return self._validation(loaded).evaluate_by_image(loaded.model, progress)

    def gaps(self, loaded: Loaded) -> tuple[float, ...]:
        """Return how far a network's outputs are from the teacher's, by image."""
        if self._run.teacher is None:
            return ()
        validation = self._validation(loaded)
        device = validation.device
        teacher, network = (_ready(m.model, device) for m in (self._run.teacher, loaded))
        count = min(len(validation), -(-MOST // self._data.batch))
        found: list[float] = []
        try:
            for number in np.linspace(0, len(validation) - 1, count).round().astype(int).tolist():
                self._run.check()
                image = validation.batch(number)["img"].to(device).float() / 255
                found += gaps_on(network, outputs_on(teacher, [image]), [image])
        except UserError:  # outputs that cannot be compared
            return ()
        return tuple(found)

    def _validation(self, loaded: Loaded) -> Validation:
        if self._opened is None:
            facts = loaded.facts
            self._opened = Validation(loaded.model, self._data, facts.classes, facts.task)
        return self._opened

    def _progress(self, fraction: float, text: str) -> None:
        self._run.check()
        if time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            self._run.emit({"event": "progress", "fraction": round(fraction, 4), "text": text})


def _ready(model: nn.Module, device: torch.device) -> nn.Module:
    return copy.deepcopy(model).float().eval().to(device)


def tell_scarce(run: Run, batch: int, smaller: int, how: str) -> None:
    """Report that less is tried, and give back what the failed attempt held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    text = f"Out of memory with batch size {batch} {how}; continuing with {smaller}."
    run.emit({"event": "out_of_memory", "batch": batch, "next_batch": smaller, "text": text})
