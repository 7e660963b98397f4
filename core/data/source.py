"""A dataset description turned into image files, names and a split.

Read without the check of Ultralytics, which downloads, runs scripts and repairs images in place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from core.errors import UserError, reason_of

_EXAMPLE = "A dataset YAML has 'train', 'val' and 'names', as documented by Ultralytics."
_LARGEST_FILE = 1 << 22
LABEL_KEYS = ("kpt_shape", "channels", "flip_idx")
"""What labels need to be read, next to the classes."""


@dataclass(frozen=True, slots=True)
class Source:
    """One split of a dataset.

    Attributes
    ----------
    path : Path
        The description it came from.
    split : str
    images : tuple of str
        Folders, image lists or image files, absolute.
    names : dict of int to str
        Classes.
    extra : dict
        What else the labels need (``kpt_shape``, ``channels``).
    folders : dict of int to str
        The folder of each class, where images are in folders by class; else empty.
    """

    path: Path
    split: str
    images: tuple[str, ...]
    names: Mapping[int, str]
    extra: Mapping[str, Any]
    folders: Mapping[int, str] = field(default_factory=dict)


def read_source(path: str | Path, split: str, classes: Mapping[int, str] | None = None) -> Source:
    """Read one split of a dataset description.

    Parameters
    ----------
    path : str or Path
        An Ultralytics dataset YAML; or, for classification, a folder whose folders ``train`` and
        ``val`` hold one folder of images per class.
    split : str
        ``train`` or ``val``.
    classes : mapping, optional
        The model's classes; labels of other classes are refused.

    Raises
    ------
    UserError
        When the file or the split is missing, or its classes are not the model's.
    """
    path = Path(path)
    if path.is_dir() and (path / split).is_dir():
        return _read_folders(path, split, classes)
    data = _parse(path)
    names = _names(path, data)
    if classes is not None:
        _check_classes(path, names, classes)
    places = data.get(split) or (data.get("validation") if split == "val" else None)
    if not places:
        raise UserError(f"The dataset {path} has no split “{split}”.", _EXAMPLE)
    root = _root(path, data)
    found = tuple(str((root / str(p)).resolve()) for p in _as_list(places))
    for place in found:
        if not Path(place).exists():
            raise UserError(
                f"The images of the dataset {path} are missing: {place} does not exist.",
                "Correct “path” or the split in the dataset YAML.",
            )
    extra = {str(key): data[key] for key in LABEL_KEYS if key in data}
    return Source(path, split, found, names, extra)


def find_description(path: Path) -> Path:
    """Return the yaml that a path means: itself, or the one in the folder; or a class folder.

    Raises
    ------
    UserError
        When there is nothing, or several descriptions.
    """
    if not path.is_dir():
        return path
    if (path / "data.yaml").is_file():
        return path / "data.yaml"
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.name for file in found[:4])
        raise UserError(f"{path} contains several dataset YAMLs: {names}.", "Choose one of them.")
    if (path / "train").is_dir() and any(item.is_dir() for item in (path / "train").iterdir()):
        return path
    raise UserError(
        f"{path} is not a dataset: no dataset YAML or class folders found.",
        "Choose a dataset YAML, or a folder with train/CLASS/IMAGE.",
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        if path.is_dir():
            raise UserError(
                f"{path} is a folder, not a dataset YAML.", "Choose the YAML file in it."
            )
        if path.stat().st_size > _LARGEST_FILE:
            raise UserError(f"{path} is too large for a dataset YAML.", _EXAMPLE)
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"Could not read the dataset {path}: {reason_of(error)}.", "Check the path."
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path} is not a dataset YAML.", _EXAMPLE) from error
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a dataset YAML.", _EXAMPLE)
    return data


def _names(path: Path, data: Mapping[str, Any]) -> dict[int, str]:
    names = data.get("names")
    if isinstance(names, list):
        return {number: str(name) for number, name in enumerate(names)}
    if isinstance(names, dict) and all(isinstance(key, int) for key in names):
        return {key: str(name) for key, name in sorted(names.items())}
    count = data.get("nc")
    if names is None and isinstance(count, int):
        return {number: f"class_{number}" for number in range(count)}
    raise UserError(f"The dataset {path} has no class names.", _EXAMPLE)


def _check_classes(path: Path, names: Mapping[int, str], classes: Mapping[int, str]) -> None:
    if len(names) != len(classes):
        raise UserError(
            f"The dataset {path} has {len(names)} classes and the model {len(classes)}.",
            "Use a dataset with the classes of the model.",
        )
    mine = {name.casefold() for name in names.values()}
    if not mine & {str(name).casefold() for name in classes.values()}:
        raise UserError(
            f"The dataset {path} has none of the classes of the model.",
            "Use a dataset with the classes of the model.",
        )


def _read_folders(path: Path, split: str, classes: Mapping[int, str] | None) -> Source:
    """Read a split whose images are in folders by class; classes go by name, else in order."""
    place = path / split
    folders = sorted(folder.name for folder in place.iterdir() if folder.is_dir())
    if not folders:
        raise UserError(
            f"The folder {place} has no class folders with images.",
            "A classification dataset has train/CLASS/IMAGE and val/CLASS/IMAGE.",
        )
    names = dict(enumerate(folders))
    if classes is not None:
        known = {str(name).casefold(): number for number, name in classes.items()}
        if all(folder.casefold() in known for folder in folders):
            by_class = {known[folder.casefold()]: folder for folder in folders}
            return Source(path, split, (str(place.resolve()),), classes, {}, by_class)
        if not (len(folders) == len(classes) and all(map(_WORDNET.fullmatch, folders))):
            _check_classes(path, names, classes)
    return Source(path, split, (str(place.resolve()),), names, {}, names)


_WORDNET = re.compile(r"n\d{8}")
"""Folders of ImageNet: their order is that of the classes, their names are not."""


def _root(path: Path, data: Mapping[str, Any]) -> Path:
    root = path.resolve().parent
    wanted = data.get("path")
    if not wanted:
        return root
    beside = root / str(wanted)
    return beside if beside.exists() else Path(str(wanted)).resolve()


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def is_description(path: str | Path) -> bool:
    """Whether a yaml describes a dataset, and not a network: it names images to look at."""
    try:
        data = _parse(Path(path))
    except UserError:
        return False
    return any(key in data for key in ("train", "val", "validation", "test"))
