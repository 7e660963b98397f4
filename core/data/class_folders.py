"""Images in folders by class, found as Ultralytics' ``check_cls_dataset`` finds them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.data.classes import assumed_classes, check_classes
from core.data.description import class_names, read_mapping
from core.data.stock import imagenet_names
from core.errors import UserError

PLACES: Mapping[str, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "validation", "valid", "test"),
    "test": ("test", "val", "validation", "valid"),
}
"""Folders of a split, the first that is there."""
_LABELLED = {"images", "labels"}
"""Folders of a split of any other task."""
_WORDNET = re.compile(r"n\d{8}")
"""Folders of ImageNet: their order is that of the classes, their names are not."""


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """A split of a classification dataset.

    Attributes
    ----------
    place : Path
        Absolute.
    names : dict of int to str
        Classes.
    folders : dict of int to str
        The folder of each class that the split has.
    assumed : dict of str to str
        As `core.data.source.Source` has it.
    """

    place: Path
    names: Mapping[int, str]
    folders: Mapping[int, str]
    assumed: Mapping[str, str] = field(default_factory=dict)


def holds_classes(path: Path) -> bool:
    """Whether a folder is a classification dataset: its split ``train`` has a folder a class."""
    inside = {item.name for item in (path / "train").glob("*") if item.is_dir()}
    return bool(inside) and not inside >= _LABELLED


def splits_of(path: Path) -> list[str]:
    """Return the splits of a classification dataset that have folders of their own."""
    own = {"train": ("train",), "val": PLACES["val"][:-1], "test": ("test",)}
    return [
        split
        for split, places in own.items()
        if any(item.is_dir() for place in places for item in (path / place).glob("*"))
    ]


def read_class_folders(
    path: Path, split: str, classes: Mapping[int, str] | None, same_classes: bool = False
) -> ClassFolders:
    """Read a split whose images are in folders by class.

    Classes go by name where the model has the names, else in order.

    Raises
    ------
    UserError
        When a split is missing or has no folders.
    ClassesDifferError
        When the classes are not the model's.
    """
    place = _place(path, split)
    here = _folders(place)
    if not here:
        raise no_class_folders(place)
    listed = path / ".ndjson.yaml"
    if listed.is_file():  # folders are class numbers
        names = class_names(listed, read_mapping(listed).get("names") or {})
        folders = {n: str(n) for n in names if str(n) in here}
    else:
        own = _folders(path / "train") or here
        every = [*own, *(name for name in here if name not in set(own))]
        codes = imagenet_names() if every[0].startswith("n0") else {}
        names = {number: codes.get(name, name) for number, name in enumerate(every)}
        folders = {number: name for number, name in enumerate(every) if name in set(here)}
    if classes is None:
        return ClassFolders(place, names, folders)
    return _of_model(path, ClassFolders(place, names, folders), classes, same_classes)


def _of_model(
    path: Path, found: ClassFolders, classes: Mapping[int, str], same_classes: bool
) -> ClassFolders:
    """Give the folders the model's numbers."""
    known = {str(name).casefold(): number for number, name in classes.items()}
    names = {number: found.names[number] for number in found.folders}
    if all(name.casefold() in known for name in names.values()):
        by_class = {known[name.casefold()]: found.folders[n] for n, name in names.items()}
        return ClassFolders(found.place, classes, by_class)
    codes = all(map(_WORDNET.fullmatch, found.names.values()))
    if len(found.names) == len(classes) and (codes or same_classes):
        assumed = {} if codes else assumed_classes(found.names, classes)
        return ClassFolders(found.place, classes, found.folders, assumed)
    check_classes(path, found.names, classes)
    return found


def no_class_folders(place: Path) -> UserError:
    """Return what to say of a split that is neither images with labels nor folders by class."""
    return UserError(
        f"The folder {place} has no class folders with images.",
        "A classification dataset has train/CLASS/IMAGE and val/CLASS/IMAGE.",
    )


def _place(path: Path, split: str) -> Path:
    place = next((path / name for name in PLACES[split] if (path / name).is_dir()), None)
    if place is None:
        raise UserError(
            f"The dataset {path} has no split “{split}”.",
            "A classification dataset is a folder with train and val, each with one folder per "
            "class.",
        )
    return place.resolve()


def _folders(place: Path) -> Sequence[str]:
    return sorted(item.name for item in place.glob("*") if item.is_dir())
