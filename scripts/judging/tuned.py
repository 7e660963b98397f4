"""Networks that are pruned, repaired and then tuned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

import core
from core.repair import RepairSettings, parse_steps
from core.tune.run import finetune
from core.tune.settings import Settings

if TYPE_CHECKING:
    from scripts.judging.bench import Bench

STEPS = "bn,refit"
"""Of the repair before."""


def tuned(bench: Bench, less: float, preset: str = "recover_fully") -> nn.Module:
    """Prune, repair and tune, with the unpruned network as teacher.

    The part's ``inner`` dataset is used: what chooses between the states of a tuning is a part of
    the training images, never an image that is judged.
    """
    options = bench.options
    start = _repaired(bench, less)
    folder = bench.place(f"tuned:{preset}", less, "")
    folder.mkdir(exist_ok=True)
    settings = Settings(
        model=str(start),
        data=str(bench.part.inner),
        teacher=options.model,
        preset=preset,
        minutes=options.tune_minutes,
        image_size=options.size,
        device="cpu",
        threads=options.threads,
        seed=options.seed,
    )
    result = finetune(settings, folder, emit=_show, resume=True)
    return core.load(result["output"]).model


def _repaired(bench: Bench, less: float) -> Path:
    """Return the repaired network, made once for all tunings."""
    place = bench.place(STEPS, less, ".pt")
    if not place.is_file():
        options = bench.options
        repair = RepairSettings(
            parse_steps(STEPS), options.minutes, seed=options.seed, images=options.images
        )
        core.prune(bench.loaded, bench.plan(less), place, data=bench.data, repair=repair)
    return place


def _show(event: dict[str, object]) -> None:
    if event["event"] == "epoch" and event["metrics"]:
        print(f"<!-- epoch {event['epoch']}: {event['metrics']} -->", flush=True)
