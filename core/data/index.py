"""All images of a checked dataset with the classes in each, for a window to page through.

A file next to the other caches, written by the check. Needs no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data.labels import Object, read_objects
from core.errors import UserError
from core.system.budget import INDEX, read_json
from core.system.cache import DAMAGED, cache_folder, stored
from core.system.files import write_json

FORMAT = 1
KEPT = 8
"""Indices kept on disk; the oldest go."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images of one split.

    Attributes
    ----------
    images : tuple of str
    labels : tuple of str
        The label file of each; empty where images are in folders by class.
    classes : tuple of tuple of int
        Numbers of the classes that occur in each, without repetition.
    """

    images: tuple[str, ...]
    labels: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """Every image of a dataset that can be read.

    Attributes
    ----------
    path, task : str
    names : dict of int to str
    splits : dict of str to Split
    keypoints : tuple of int
        As ``kpt_shape``; empty if there are none.
    """

    path: str
    task: str
    names: Mapping[int, str]
    splits: Mapping[str, Split]
    keypoints: tuple[int, ...] = field(default=())

    def find(self, split: str, name: str = "") -> list[int]:
        """Return which images of a split hold a class; all of them when none is named."""
        images = self.splits[split]
        if not name:
            return list(range(len(images.images)))
        wanted = {number for number, known in self.names.items() if known == name}
        return [n for n, found in enumerate(images.classes) if wanted.intersection(found)]

    def counts(self, split: str) -> Counter[str]:
        """Return in how many images of a split each class occurs."""
        found = Counter(n for classes in self.splits[split].classes for n in classes)
        return Counter({self.names.get(n, str(n)): count for n, count in found.items()})

    def objects(self, split: str, number: int) -> list[Object]:
        """Return the objects of one image, as `core.data.labels` has them.

        Raises
        ------
        UserError
            When its label file cannot be read any more.
        """
        images = self.splits[split]
        if not images.labels:
            return [{"class": self.names.get(n, str(n))} for n in images.classes[number]]
        return read_objects(images.labels[number], self.task, self.names, self.keypoints)


def index_path(description: str | Path, task: str) -> Path:
    """Return where the index of a dataset is kept."""
    text = f"{Path(description).absolute()}|{task}|{FORMAT}"
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    return cache_folder("datasets") / f"{name}.json"


def write_index(index: Index) -> Path:
    """Write an index to its place; return that.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    path = index_path(index.path, index.task)
    splits = {
        name: {"images": split.images, "labels": split.labels, "classes": split.classes}
        for name, split in index.splits.items()
    }
    data = {
        "format": FORMAT,
        "path": index.path,
        "task": index.task,
        "names": {str(number): name for number, name in index.names.items()},
        "keypoints": index.keypoints,
        "splits": splits,
    }
    with contextlib.suppress(OSError):
        for old in sorted(path.parent.glob("*.json"), key=_age)[:-KEPT]:
            old.unlink(missing_ok=True)
    return stored(path, lambda place: write_json(place, data, compact=True))


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def read_index(path: str | Path) -> Index:
    """Read what `write_index` wrote.

    Raises
    ------
    UserError
        When it is missing or damaged.
    """
    try:
        data = read_json(path, INDEX)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        splits = {str(name): _split(split) for name, split in data["splits"].items()}
        names = {int(number): str(name) for number, name in data["names"].items()}
        keypoints = tuple(int(n) for n in data["keypoints"])
        return Index(str(data["path"]), str(data["task"]), names, splits, keypoints)
    except DAMAGED as error:
        raise UserError(
            f"The image list {path} cannot be read.", "Check the dataset again."
        ) from error


def _split(data: Mapping[str, Sequence[Any]]) -> Split:
    classes = tuple(tuple(int(n) for n in found) for found in data["classes"])
    images, labels = tuple(map(str, data["images"])), tuple(map(str, data["labels"]))
    if len(classes) != len(images) or len(labels) not in (0, len(images)):
        raise ValueError("lists of different lengths")
    return Split(images, labels, classes)
