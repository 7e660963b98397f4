"""The training and validation images of a fine-tuning; the user's files are only read.

the preparation of Ultralytics downloads what is missing, runs scripts of the description, writes
label caches next to the labels and repairs images in place. None of that happens here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data.dense import DENSE
from core.data.source import read_source
from core.errors import UserError

#: Tasks whose labels are next to their images, in files and maps; the other has class folders.
LABELLED = ("detect", "segment", "pose", "obb", *DENSE)


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a training finds its images.

    Attributes
    ----------
    path : Path
        The description or folder it came from.
    description : dict
        What Ultralytics' trainers expect: ``train``, ``val``, ``names``, ``nc``, ``channels``.
    assumed : dict of str to str
        As `core.data.source.Source` has it.
    """

    path: Path
    description: Mapping[str, Any]
    assumed: Mapping[str, str] = field(default_factory=dict)


def read_feed(
    path: str | Path, task: str, classes: Mapping[int, str], same_classes: bool = False
) -> Feed:
    """Read a dataset and compare it with the network.

    Parameters
    ----------
    path : str or Path
        A dataset YAML, or a folder for classification.
    task : str
        The network's task.
    classes : mapping
        The network's classes.
    same_classes : bool
        Whether the dataset's are these, by number, whatever their names.

    Raises
    ------
    UserError
        When it is missing, has no split to train on or to validate on, or has other classes.
    """
    path = Path(path)
    if task == "classify":
        return _folders(path, classes, same_classes)
    if task not in LABELLED:
        raise UserError(
            f"Fine-tuning does not support the task “{task}”.",
            "Train the network with Ultralytics.",
        )
    train = read_source(path, "train", classes, same_classes=same_classes, task=task)
    val = read_source(path, "val", classes, same_classes=same_classes, task=task)
    description = {
        **train.extra,
        "path": str(train.path.resolve().parent),
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
    return Feed(path, description, train.assumed)


def _folders(path: Path, classes: Mapping[int, str], same_classes: bool) -> Feed:
    layout = (
        "A classification dataset is a folder with train and val, each with one folder per class."
    )
    found: dict[str, Path] = {}
    assumed: dict[str, str] = {}
    for split in ("train", "val"):
        source = read_source(path, split, classes, same_classes=same_classes)
        if not source.folders:
            raise UserError(f"{path} has no class folders with images.", layout)
        found[split] = Path(source.images[0])
        assumed |= source.assumed
    known = {str(name) for name in classes.values()}
    if known & assumed.keys():  # training finds classes by name where it can
        raise UserError(
            f"Some class folders of {path} have the names of other classes of the model.",
            "Rename the folders to the model's names for their classes.",
        )
    names = {int(number): str(name) for number, name in classes.items()}
    facts = {"names": names, "nc": len(names), "channels": 3, "path": str(path)}
    return Feed(path, {**found, **facts}, assumed)


def label_count(dataset: Any) -> int:
    """Return how many objects a dataset labels, or images where each has a map."""
    maps = hasattr(dataset, "load_mask") or hasattr(dataset, "_load_depth")
    if hasattr(dataset, "labels") and not maps:
        return sum(len(label["cls"]) for label in dataset.labels)
    return len(dataset)
