"""Networks that are pruned, repaired and then tuned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

import core
from core.checkpoint import Loaded
from core.data.stream import ALL
from core.plan.schema import Plan, Target
from core.repair import RepairSettings, parse_steps
from core.runs.kinds.iterative import REPAIR, Iteration, iterate
from core.tune.presets import PRESETS
from core.tune.run import finetune
from core.tune.settings import Settings
from scripts.peer.shelf import Shelf

if TYPE_CHECKING:
    from scripts.judging.bench import Bench

PRESET = "recover_fully"
STEPS = "bn,refit"
"""Of the repair before."""


def tuned(bench: Bench, less: float, told: str = PRESET) -> nn.Module:
    """Prune, repair and tune, with the unpruned network as teacher; or tune another way's network.

    The part's ``inner`` dataset is used: what chooses between the states of a tuning is a part of
    the training images, never an image that is judged.

    Parameters
    ----------
    bench : Bench
    less : float
    told : str
        A preset; or a way, whose network is tuned with the usual one.
    """
    folder = bench.place(f"tuned:{told}", less, "")
    folder.mkdir(exist_ok=True)
    if told in PRESETS:
        return _tune(bench, str(_repaired(bench, less)), told, folder)
    shelf = Shelf("start", replace(bench.loaded, model=bench.make(told, less).float()))
    with shelf.instead_of_files():
        return _tune(bench, "start", PRESET, folder, shelf.load)


def turns(bench: Bench, less: float, steps: str = "2") -> nn.Module:
    """Prune a part of the way, repair, tune, and again, in as many minutes as ``tuned`` has."""
    options = bench.options
    folder = bench.place(f"turns:{steps}", less, "")
    folder.mkdir(exist_ok=True)
    plan = Plan(criterion="fisher", target=Target(macs=1 - less), round_to=1, seed=options.seed)
    wanted = Iteration(
        model=options.model,
        data=str(bench.part.inner),
        plan=plan.to_json(),
        steps=int(steps),
        images=options.images or ALL,
        repair=REPAIR,
        tune={
            "preset": PRESET,
            "minutes": options.tune_minutes / int(steps),
            "image_size": options.size,
            "device": options.device,
            "threads": options.threads,
            "seed": options.seed,
            "baseline": False,
        },
    )
    result = iterate(wanted.model_dump(mode="json"), folder, _show, lambda: None)
    return core.load(result["output"]).model


def _tune(
    bench: Bench,
    start: str,
    preset: str,
    folder: Path,
    load: Callable[[str], Loaded] = core.load,
) -> nn.Module:
    options = bench.options
    settings = Settings(
        model=start,
        data=str(bench.part.inner),
        teacher=options.model,
        preset=preset,
        minutes=options.tune_minutes,
        image_size=options.size,
        device=options.device,
        threads=options.threads,
        seed=options.seed,
    )
    result = finetune(settings, folder, emit=_show, resume=load is core.load)
    return load(result["output"]).model


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
