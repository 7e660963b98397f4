"""Model files put side by side: opened, measured on the same images, timed in turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError, no_dataset
from core.progress import Progress, Span, silent

if TYPE_CHECKING:
    from core.compare.layers import Model
    from core.compare.result import Comparison, LayerComparison
    from core.data.stream import DataSettings

TURNS = 10
"""How often models take turns at one image when a comparison times them."""
MEASURED = 0.85
"""Share of the progress after which models are timed."""


def compare_files(
    paths: Sequence[str | Path],
    data: DataSettings,
    *,
    shown: int = 50,
    turns: int = 0,
    progress: Progress = silent,
) -> Comparison:
    """Open models, measure them on the same images and put them side by side.

    Parameters
    ----------
    paths : sequence of path
        Two or more checkpoints or exported files; the first is the baseline.
    data : DataSettings
        Its split is evaluated.
    shown : int
        Images to hand on, the worst changes first.
    turns : int
        How often models are timed on one image, in turns; 0 leaves the time of the evaluation.

    Returns
    -------
    Comparison
        Plain data: `core.compare.result` reports what is in it. With ``turns``, every model has its
        ``speed`` too.

    Raises
    ------
    UserError
        For files that cannot be opened, models that do not belong together, or data that cannot be
        used.
    """
    from core.compare.figures import compare

    models = _opened(paths, progress)
    until = MEASURED if turns else 1.0
    result = compare(models, data, shown=shown, progress=Span(progress, 0.0, until))
    if turns:
        _time(models, result, data, turns, Span(progress, MEASURED, 1.0))
    return result


def compare_layer_files(
    paths: Sequence[str | Path], *, progress: Progress = silent
) -> LayerComparison:
    """Open models and compare them layer by layer, without any images.

    Returns
    -------
    LayerComparison

    Raises
    ------
    UserError
        For files that cannot be opened.
    """
    from core.compare.layers import compare_layers

    if len(paths) < 2:
        raise UserError("Comparing needs at least two models.", "Pass two or more.")
    models = _opened(paths, progress)
    if all(table is None for _, table in models):
        raise no_dataset("Comparing exported files", "Choose a dataset: their layers are unknown.")
    return compare_layers(models)


def _opened(paths: Sequence[str | Path], progress: Progress) -> list[Model]:
    from core.data.runtime import RuntimeNetwork
    from core.graph.builder import analyse_model
    from core.ship.exported.network import open_network

    models: list[Model] = []
    for path in paths:
        progress(0.0, f"Opening {Path(path).name}")
        loaded = open_network(path)
        if isinstance(loaded.model, RuntimeNetwork):
            models.append((loaded, None))
            continue
        # A tuned file may name another image size: costs are counted at one size for all.
        size = models[0][0].facts.image_size if models else loaded.facts.image_size
        models.append((loaded, analyse_model(loaded.model, size)))
    return models


def _time(
    models: Sequence[Model],
    result: Comparison,
    data: DataSettings,
    turns: int,
    progress: Progress,
) -> None:
    """Time the networks in turns, so that a busy machine is as busy for all of them."""
    from core.ship.exported.timing import measure_in_turns

    networks = {str(number): loaded.model for number, (loaded, _) in enumerate(models)}
    measured = measure_in_turns(
        networks,
        runtimes=("torch",),
        image_size=data.image_size,
        repeats=turns,
        device=data.device,
        progress=progress,
    )
    for timing in measured.timings:
        entry = result["models"][int(timing.model)]
        if timing.precision != "fp32" and entry["macs"] is not None:
            continue  # of a checkpoint on a GPU, which is timed in FP16 too
        entry["milliseconds"] = round(timing.wall.median, 3)
        entry["speed"] = {
            "median": round(timing.wall.median, 3),
            "low": round(timing.wall.low, 3),
            "high": round(timing.wall.high, 3),
            "ratio": None if timing.ratio is None else round(timing.ratio.median, 4),
        }
