"""Two or more models side by side: the same figures, image by image, channel by channel.

The first model is the baseline; as a rule it is the unpruned one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.checkpoint import Loaded
from core.compare.images import Seen, image_by_image, watch_of
from core.compare.layers import compare_blocks, compare_channels, model_entry
from core.compare.result import ComparedModel, Comparison
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.cost import gflops
from core.progress import Progress, Span, silent


def compare(
    models: Sequence[tuple[Loaded, ChannelTable]],
    settings: DataSettings,
    *,
    shown: int = 50,
    progress: Progress = silent,
) -> Comparison:
    """Measure models on the same images and put them side by side.

    Parameters
    ----------
    models : sequence of (Loaded, ChannelTable)
        Two or more, of one task and the same classes.
    settings : DataSettings
        Its split is evaluated.
    shown : int
        Images to hand on for every two of the models, the worst changes first.
    progress : Progress
        Told after every batch; may cancel.

    Returns
    -------
    Comparison
        Plain data: `core.compare.result` reports what is in it.

    Raises
    ------
    UserError
        For models of different tasks or classes, or data that cannot be used.
    """
    if len(models) < 2:
        raise UserError("Comparing needs at least two models.", "Pass two or more.")
    _check(models)
    seen: list[Seen] = []
    entries: list[ComparedModel] = []
    for number, (loaded, table) in enumerate(models):
        images: Seen = {}
        part = Span(progress, number / len(models), (number + 1) / len(models))
        facts = loaded.facts
        watch = watch_of(images, facts.task)
        accuracy = evaluate(
            loaded.model, settings, facts.classes, facts.task, progress=part, watch=watch
        )
        seen.append(images)
        entries.append(
            {
                **model_entry(loaded, table),
                "figures": dict(accuracy.figures),
                "classes": {name: dict(values) for name, values in accuracy.classes.items()},
                "milliseconds": round(accuracy.milliseconds, 3),
                "images": accuracy.images,
            }
        )
    return {
        "models": entries,
        "split": settings.split,
        "task": models[0][0].facts.task,
        "images": image_by_image(seen, shown),
        "channels": compare_channels(models),
        "blocks": compare_blocks(models),
    }


def _check(models: Sequence[tuple[Loaded, ChannelTable]]) -> None:
    first = models[0][0].facts
    for loaded, _ in models[1:]:
        facts = loaded.facts
        if (facts.task, facts.classes) != (first.task, first.classes):
            raise UserError(
                f"{facts.path} has another task or other classes than {first.path}.",
                "Compare models made from the same network.",
            )


def compared_text(result: Comparison) -> str:
    """Return a comparison as a table for people."""
    models = result["models"]
    names = sorted({name for model in models for name in model["figures"]})
    width = max(len(Path(model["path"]).name) for model in models) + 2
    head = "".join(f"{name:>18}" for name in ("parameters", "GFLOPs", *names, "ms/image"))
    lines = [" " * width + head]
    for model in models:
        cells = [f"{model['parameters']:,}", gflops(model["macs"])]
        cells += [f"{model['figures'].get(name, float('nan')):.4f}" for name in names]
        cells.append(f"{model['milliseconds']:.1f}")
        lines.append(f"{Path(model['path']).name:<{width}}" + "".join(f"{c:>18}" for c in cells))
    worst = [row for row in result["images"] if row["change"] < 0][:5]
    if worst:
        lines.append(f"Images that got worse ({score_name(result['task'])}):")
    for row in worst:
        scores = " → ".join(f"{score:.2f}" for score in row["scores"])
        lines.append(f"{Path(row['image']).name}: {scores}")
    return "\n".join(lines)


_SCORES: Mapping[str, str] = {
    "classify": "probability of the correct class",
    "semantic": "mIoU of the image",
    "depth": "δ1 of the image",
}


def score_name(task: str) -> str:
    """Describe what the score of an image is."""
    return _SCORES.get(task, "F1 over IoU 0.5 to 0.95")
