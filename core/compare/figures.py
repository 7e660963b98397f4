"""Two or more models side by side: the same figures, image by image, channel by channel.

The first model is the baseline; as a rule it is the unpruned one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.checkpoint import Loaded
from core.compare.images import Seen, image_by_image, watch_of
from core.compare.layers import Model, compare_blocks, compare_channels, model_entry
from core.compare.result import ComparedModel, Comparison
from core.data.evaluate import Accuracy, evaluate
from core.data.runtime import RuntimeNetwork
from core.data.stream import DataSettings
from core.errors import UserError
from core.plan.cost import gflops
from core.progress import Progress, Span, silent
from core.system.size import ImageSize


def compare(
    models: Sequence[Model],
    settings: DataSettings,
    *,
    shown: int = 50,
    progress: Progress = silent,
) -> Comparison:
    """Measure models on the same images and put them side by side.

    Parameters
    ----------
    models : sequence of (Loaded, ChannelTable or None)
        Two or more, of one task and the same classes; an exported file is without a table. If one
        of them takes whole images alone, all are evaluated on these.
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
    square = any(_own_size(loaded) is not None for loaded, _ in models)
    seen: list[Seen] = []
    entries: list[ComparedModel] = []
    for number, (loaded, table) in enumerate(models):
        images: Seen = {}
        part = Span(progress, number / len(models), (number + 1) / len(models))
        facts = loaded.facts
        watch = watch_of(images, facts.task)
        accuracy = evaluate(
            loaded.model,
            settings,
            facts.classes,
            facts.task,
            progress=part,
            watch=watch,
            square=square,
        )
        seen.append(images)
        entries.append(_measured(model_entry(loaded, table), accuracy, _own_size(loaded)))
    return {
        "models": entries,
        "split": settings.split,
        "task": models[0][0].facts.task,
        "images": image_by_image(seen, shown),
        "channels": compare_channels(models),
        "blocks": compare_blocks(models),
    }


def _own_size(loaded: Loaded) -> ImageSize | None:
    """Return the only image size that an exported file takes; None of any other network."""
    return loaded.model.image_size if isinstance(loaded.model, RuntimeNetwork) else None


def _measured(entry: ComparedModel, found: Accuracy, size: ImageSize | None) -> ComparedModel:
    entry["figures"] = dict(found.figures)
    entry["classes"] = {name: dict(values) for name, values in found.classes.items()}
    entry["milliseconds"] = round(found.milliseconds, 3)
    entry["preprocess"] = round(found.preprocess, 3)
    entry["postprocess"] = round(found.postprocess, 3)
    entry["images"] = found.images
    if size is not None:
        entry["image_size"] = size.plain
    return entry


def _check(models: Sequence[Model]) -> None:
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
    head = "".join(f"{name:>18}" for name in ("MB", "parameters", "GFLOPs", *names, "ms/image"))
    lines = [" " * width + head]
    for model in models:
        parameters, macs = model["parameters"], model["macs"]
        cells = [f"{model['bytes'] / 1e6:.1f}" if "bytes" in model else "–"]
        cells.append("–" if parameters is None else f"{parameters:,}")
        cells.append("–" if macs is None else gflops(macs))
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
