"""The training and validation images of a fine-tuning; the user's files are only read.

the preparation of Ultralytics downloads what is missing, runs scripts of the description, writes
label caches next to the labels and repairs images in place. None of that happens here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.source import read_source
from core.errors import UserError

#: Tasks whose labels are next to their images, in files; the others have a folder a class.
LABELLED = ("detect", "segment", "pose", "obb")


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a training finds its images.

    Attributes
    ----------
    path : Path
        The description or folder it came from.
    description : dict
        What Ultralytics' trainers expect: ``train``, ``val``, ``names``, ``nc``, ``channels``.
    """

    path: Path
    description: Mapping[str, Any]


def read_feed(path: str | Path, task: str, classes: Mapping[int, str]) -> Feed:
    """Read a dataset and compare it with the network.

    Parameters
    ----------
    path : str or Path
        A dataset YAML, or a folder for classification.
    task : str
        The network's task.
    classes : mapping
        The network's classes.

    Raises
    ------
    UserError
        When it is missing, has no split to train on or to validate on, or has other classes.
    """
    path = Path(path)
    if task == "classify":
        return _folders(path, classes)
    if task not in LABELLED:
        raise UserError(
            f"Fine-tuning does not support the task “{task}”.",
            "Train the network with Ultralytics.",
        )
    train = read_source(path, "train", classes)
    val = read_source(path, "val", classes)
    description = {
        **train.extra,
        "path": str(path.resolve().parent),
        "train": list(train.images),
        "val": list(val.images),
        "names": dict(train.names),
        "nc": len(train.names),
    }
    description.setdefault("channels", 3)
    if task == "pose" and "kpt_shape" not in description:
        raise UserError(
            f"The dataset {path} does not define its keypoints.",
            "Add kpt_shape, for example [17, 3], to the dataset YAML.",
        )
    return Feed(path, description)


def _folders(path: Path, classes: Mapping[int, str]) -> Feed:
    layout = (
        "A classification dataset is a folder with train and val, each with one folder per class."
    )
    if not path.is_dir():
        raise UserError(f"{path} has no class folders with images.", layout)
    found: dict[str, Path] = {}
    for split in ("train", "val"):
        if not (path / split).is_dir():
            raise UserError(f"The dataset {path} has no split “{split}”.", layout)
        found[split] = Path(read_source(path, split, classes).images[0])
    names = {int(number): str(name) for number, name in classes.items()}
    facts = {"names": names, "nc": len(names), "channels": 3, "path": str(path)}
    return Feed(path, {**found, **facts})


def label_count(dataset: Any) -> int:
    """Return how many objects a dataset labels."""
    if hasattr(dataset, "labels"):
        return sum(len(label["cls"]) for label in dataset.labels)
    return len(dataset)
