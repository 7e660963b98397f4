"""Two or more models side by side: the same figures, image by image, channel by channel.

The first model is what the others are held against; as a rule it is the unpruned one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.checkpoint import Loaded
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.widths import compute_widths, layer_costs
from core.progress import Progress, Span, silent

CONFIDENCE = 0.25
"""From which on a box counts as said, as in Ultralytics' own predictions."""
Boxes = list[dict[str, Any]]


def compare(
    models: Sequence[tuple[Loaded, ChannelTable]],
    settings: DataSettings,
    *,
    shown: int = 50,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure models on the same images and put them side by side.

    Parameters
    ----------
    models : sequence of (Loaded, ChannelTable)
        Two or more, of one task and the same classes.
    settings : DataSettings
        Its split is evaluated.
    shown : int
        Images to hand on, the worst changes first.
    progress : Progress
        Told after every batch; may cancel.

    Returns
    -------
    dict
        ``models`` [{path, family, sha256, parameters, macs, figures, classes, milliseconds}],
        ``split``, ``images`` [{image, change, scores, truth, boxes}] where ``scores`` holds every
        model's F1 at IoU 0.5 on that image, ``change`` the last one's against the first's, and
        ``boxes`` every model's (fractions of the image), and ``channels`` (see
        `compare_channels`).

    Raises
    ------
    UserError
        For models of different tasks or classes, or data that cannot be used.
    """
    if len(models) < 2:
        raise UserError("One model alone cannot be compared.", "Name two or more.")
    _check(models)
    seen: list[dict[str, dict[str, Any]]] = []
    entries = []
    for number, (loaded, table) in enumerate(models):
        images: dict[str, dict[str, Any]] = {}
        part = Span(progress, number / len(models), (number + 1) / len(models))
        facts = loaded.facts
        watch = None if facts.task == "classify" else _Watch(images, facts.task)
        accuracy = evaluate(
            loaded.model, settings, facts.classes, facts.task, progress=part, watch=watch
        )
        seen.append(images)
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
        entries.append(
            {
                "path": facts.path,
                "family": facts.family,
                "sha256": facts.sha256,
                "parameters": widths.parameters,
                "macs": widths.macs,
                "figures": dict(accuracy.figures),
                "classes": {name: dict(values) for name, values in accuracy.classes.items()},
                "milliseconds": round(accuracy.milliseconds, 3),
                "images": accuracy.images,
            }
        )
    return {
        "models": entries,
        "split": settings.split,
        "images": _image_by_image(seen)[:shown],
        "channels": compare_channels(models),
    }


def _check(models: Sequence[tuple[Loaded, ChannelTable]]) -> None:
    first = models[0][0].facts
    for loaded, _ in models[1:]:
        facts = loaded.facts
        if (facts.task, facts.classes) != (first.task, first.classes):
            raise UserError(
                f"{facts.path} is for another task or other classes than {first.path}.",
                "Compare models that were made from one another.",
            )


class _Watch:
    """Keeps what a validator sees on every image.

    Parameters
    ----------
    images : dict
        Filled: by file, ``score``, ``truth`` and ``boxes``.
    task : str
    """

    def __init__(self, images: dict[str, dict[str, Any]], task: str) -> None:
        self._images, self._task = images, task

    def __call__(self, validator: Any, preds: Any, batch: Any) -> None:
        for place, said in enumerate(preds):
            truth = validator._prepare_batch(place, batch)
            sure = said["conf"] >= CONFIDENCE
            kept = validator._prepare_pred({key: value[sure] for key, value in said.items()})
            hits = int(validator._process_batch(kept, truth)["tp"][:, 0].sum())
            total = len(kept["cls"]) + len(truth["cls"])
            self._images[str(truth["im_file"])] = {
                "score": 1.0 if total == 0 else round(2 * hits / total, 5),
                "truth": self._boxes(validator, truth, truth),
                "boxes": self._boxes(validator, kept, truth),
            }

    def _boxes(self, validator: Any, told: Mapping[str, Any], truth: Mapping[str, Any]) -> Boxes:
        """Turn boxes in pixels of the letterboxed image into fractions of the image."""
        from ultralytics.utils import ops

        corners = told["bboxes"][:, :5].float().cpu()
        if self._task == "obb" and len(corners):
            points = ops.xywhr2xyxyxyxy(corners)
            corners = _around(points)
        corners = corners[:, :4]
        height, width = truth["ori_shape"]
        scaled = ops.scale_boxes(
            truth["imgsz"], corners.clone(), truth["ori_shape"], truth["ratio_pad"]
        )
        boxes = []
        confidences = told["conf"].tolist() if "conf" in told else [None] * len(scaled)
        for (x1, y1, x2, y2), number, sure in zip(
            scaled.tolist(), told["cls"].tolist(), confidences, strict=True
        ):
            box = {
                "class": str(validator.names[int(number)]),
                "x": round((x1 + x2) / 2 / width, 5),
                "y": round((y1 + y2) / 2 / height, 5),
                "width": round((x2 - x1) / width, 5),
                "height": round((y2 - y1) / height, 5),
            }
            boxes.append(box if sure is None else {**box, "confidence": round(sure, 4)})
        return boxes


def _around(points: Any) -> Any:
    """Return the upright box around every turned one."""
    import torch

    return torch.cat([points.amin(1), points.amax(1)], 1)


def _image_by_image(seen: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Join what the models said on every image, the worst change of the last one first."""
    rows = []
    for image, first in seen[0].items():
        told = [images[image] for images in seen]
        scores = [entry["score"] for entry in told]
        rows.append(
            {
                "image": image,
                "change": round(scores[-1] - scores[0], 5),
                "scores": scores,
                "truth": first["truth"],
                "boxes": [entry["boxes"] for entry in told],
            }
        )
    return sorted(rows, key=lambda row: (row["change"], row["image"]))


def compare_channels(models: Sequence[tuple[Loaded, ChannelTable]]) -> list[dict[str, Any]]:
    """Say for every layer how wide it is in every model, what it costs, and what survived.

    Returns
    -------
    list of dict
        In order of execution: ``layer``, ``block``, ``outputs``, ``parameters`` and ``macs`` (one
        a model; None where it has no such layer) and ``survived``: for every model the output
        channels of the unpruned network that are still there, or None where all are, or where the
        file does not tell.
    """
    costs: list[tuple[Any, Any, Any]] = []
    for _, table in models:
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
        parameters, macs = layer_costs(table, widths)
        costs.append((widths.outputs, parameters, macs))
    names = [layer.name for layer in models[0][1].layers]
    for _, table in models[1:]:
        names += [layer.name for layer in table.layers if layer.name not in set(names)]
    rows = []
    for name in names:
        row: dict[str, Any] = {"layer": name, "block": -1}
        for key in ("outputs", "parameters", "macs", "survived"):
            row[key] = []
        for (loaded, table), figures in zip(models, costs, strict=True):
            place = table.index.get(name)
            if place is not None:
                row["block"] = table.layers[place].block
            for key, values in zip(("outputs", "parameters", "macs"), figures, strict=True):
                row[key].append(None if place is None else int(values[place]))
            row["survived"].append(_survived(loaded, name))
        rows.append(row)
    return rows


def _survived(loaded: Loaded, layer: str) -> list[int] | None:
    for record in reversed(loaded.facts.history):
        if "original" in record:
            sides = record["original"].get(layer)
            return None if sides is None else [int(channel) for channel in sides["outputs"]]
    return None


def compared_text(result: Mapping[str, Any]) -> str:
    """Return a comparison as a table for people."""
    models = result["models"]
    names = sorted({name for model in models for name in model["figures"]})
    width = max(len(Path(model["path"]).name) for model in models) + 2
    head = "".join(f"{name:>18}" for name in ("parameters", "multiply-adds", *names, "ms/image"))
    lines = [" " * width + head]
    for model in models:
        cells = [f"{model['parameters']:,}", f"{model['macs']:,}"]
        cells += [f"{model['figures'].get(name, float('nan')):.4f}" for name in names]
        cells.append(f"{model['milliseconds']:.1f}")
        lines.append(f"{Path(model['path']).name:<{width}}" + "".join(f"{c:>18}" for c in cells))
    worst = [row for row in result["images"] if row["change"] < 0][:5]
    for row in worst:
        scores = " → ".join(f"{score:.2f}" for score in row["scores"])
        lines.append(f"{Path(row['image']).name}: F1 {scores}")
    return "\n".join(lines)
