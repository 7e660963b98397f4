"""Accuracy of a network on a split, by Ultralytics' own validator, in a temporary folder."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from core.data.source import read_source
from core.data.stream import DataSettings, _quiet, open_dataset
from core.errors import UserError
from core.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a validator measured.

    Attributes
    ----------
    map50_95, map50 : float
        Mean average precision of boxes over classes, at IoU 0.5 to 0.95 and at 0.5.
    images, skipped : int
        Images evaluated, and images that could not be read.
    """

    map50_95: float
    map50: float
    images: int
    skipped: int

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return asdict(self)


def evaluate(
    model: nn.Module,
    settings: DataSettings,
    classes: Mapping[int, str],
    task: str = "detect",
    *,
    progress: Progress = silent,
) -> Accuracy:
    """Evaluate a copy of a network.

    Parameters
    ----------
    model : nn.Module
        Left as it is.
    settings : DataSettings
        Its ``split`` is evaluated; ``val`` as a rule.
    classes : mapping
        The model's classes.
    task : str
    progress : Progress
        Told after every batch; may cancel.

    Raises
    ------
    UserError
        For data that cannot be used, or a task without a validator here.
    """
    validators = _validators()
    if task not in validators:
        raise UserError(f"Evaluation does not know the task “{task}” yet.")
    progress(0.0, "Reading the dataset")
    source = read_source(settings.path, settings.split, classes)
    dataset, skipped = open_dataset(source, settings, task, rect=True)
    with tempfile.TemporaryDirectory(prefix="secateur-evaluate-") as folder, _quiet():
        description = Path(folder) / "data.yaml"
        places = list(source.images)
        text = {**source.extra, "train": places, "val": places, "names": dict(source.names)}
        description.write_text(yaml.safe_dump({"path": folder, **text}), encoding="utf-8")
        figures = _validate(validators[task], model, dataset, settings, description, progress)
    return Accuracy(
        float(figures["metrics/mAP50-95(B)"]),
        float(figures["metrics/mAP50(B)"]),
        len(dataset),
        skipped,
    )


def _validate(
    kind: Any,
    model: nn.Module,
    dataset: Any,
    settings: DataSettings,
    description: Path,
    progress: Progress,
) -> dict[str, Any]:
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(dataset, settings.batch, collate_fn=dataset.collate_fn)
    options = {
        "data": str(description),
        "imgsz": settings.image_size,
        "batch": settings.batch,
        "device": settings.pick_device().removeprefix("cuda:").replace("cuda", "0"),
        "plots": False,
        "verbose": False,
        "mode": "val",
        "rect": True,
        "workers": 0,
    }
    validator = kind(dataloader=loader, save_dir=description.parent, args=options)
    batches = len(loader)

    def tell(state: Any) -> None:
        done = int(state.batch_i) + 1
        progress(done / batches, f"Evaluated {done} of {batches} batches")

    validator.add_callback("on_val_batch_end", tell)
    trial = copy.deepcopy(model).float().eval()
    figures: dict[str, Any] = validator(model=trial)
    return figures


def _validators() -> dict[str, Any]:
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.models.yolo.obb import OBBValidator
    from ultralytics.models.yolo.pose import PoseValidator
    from ultralytics.models.yolo.segment import SegmentationValidator

    return {
        "detect": DetectionValidator,
        "segment": SegmentationValidator,
        "pose": PoseValidator,
        "obb": OBBValidator,
    }
