"""Where the images of a split are, and which classes their labels have.

Resolved as Ultralytics' ``check_det_dataset`` and ``check_cls_dataset`` do, which also download,
run scripts, split folders and repair images; here, files are only read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.data.class_folders import holds_classes, no_class_folders, read_class_folders
from core.data.classes import assumed_classes, check_classes
from core.data.dense import polygon_marks, with_background
from core.data.description import EXAMPLE, Description, is_description, read_description
from core.data.stock import datasets_folder, shipped_description
from core.errors import UserError

MASKS = "masks"
"""The folder next to ``images`` in which Ultralytics finds masks unasked."""

__all__ = ["Source", "find_description", "is_description", "read_source"]


ENDINGS = (".yaml", ".yml")
MOST_LOOKED = 500_000
"""Files and folders below a folder that are looked through for a description."""


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
    assumed : dict of str to str
        The model's class by the dataset's, where classes of other names were taken as the model's
        on request.
    """

    path: Path
    split: str
    images: tuple[str, ...]
    names: Mapping[int, str]
    extra: Mapping[str, Any]
    folders: Mapping[int, str] = field(default_factory=dict)
    assumed: Mapping[str, str] = field(default_factory=dict)


def read_source(
    path: str | Path,
    split: str,
    classes: Mapping[int, str] | None = None,
    *,
    same_classes: bool = False,
    task: str = "",
) -> Source:
    """Read one split of a dataset description.

    Parameters
    ----------
    path : str or Path
        An Ultralytics dataset YAML, the folder that holds it, or the name of one that Ultralytics
        ships; or, for classification, a folder whose folders ``train`` and ``val`` hold one folder
        of images per class.
    split : str
        ``train``, ``val`` or ``test``.
    classes : mapping, optional
        The model's classes; labels of other classes are refused.
    same_classes : bool
        Whether the dataset's classes are the model's, by number, whatever their names; the source
        has the model's names then.
    task : str
        The model's: some add a class to those of the dataset (`core.data.dense.with_background`).

    Raises
    ------
    UserError
        When the file or the split is missing.
    ClassesDifferError
        When its classes are not the model's.
    """
    place = find_description(Path(path))
    if place.is_dir():
        found = read_class_folders(place, split, classes, same_classes)
        where = (str(found.place),)
        return Source(place, split, where, found.names, {}, found.folders, found.assumed)
    description = read_description(place)
    said = _with_masks(description, split)
    names: Mapping[int, str] = with_background(description.names, said, task)
    assumed: dict[str, str] = {}
    if classes is not None:
        if same_classes and len(names) == len(classes):
            assumed = assumed_classes(names, classes)
            names = dict(classes)
        else:
            check_classes(place, names, classes)
    images = _places_of(description, split)
    extra = {**said, **polygon_marks(names, said, task)}
    return Source(place, split, images, names, extra, {}, assumed)


def _with_masks(description: Description, split: str) -> dict[str, Any]:
    """Return what else the labels need, with the folder of masks that need not be named."""
    said = dict(description.extra)
    with contextlib.suppress(OSError, ValueError):  # places that cannot be are named later
        wanted = description.places.get(split, ())
        found = (r for r in roots_of(description) if all(p.exists() for p in _resolved(r, wanted)))
        if said.get("masks_dir") is None and any((root / MASKS).is_dir() for root in (*found,)[:1]):
            said["masks_dir"] = MASKS
    return said


def _places_of(description: Description, split: str) -> tuple[str, ...]:
    """Return where a split is.

    Raises
    ------
    UserError
        When the description does not name it, or nothing is there.
    """
    wanted = description.places.get(split)
    if not wanted:
        raise UserError(f"The dataset {description.path} has no split “{split}”.", EXAMPLE)
    missing = None
    for root in roots_of(description):
        try:
            found = _resolved(root, wanted)
            absent = next((place for place in found if not place.exists()), None)
        except (OSError, ValueError):  # a name that no file can have
            raise UserError(
                f"The dataset {description.path} names a place for “{split}” that cannot exist.",
                "Correct “path” or the split in the dataset YAML.",
            ) from None
        if absent is None:
            return tuple(map(str, found))
        missing = missing or absent
    raise UserError(
        f"The images of the dataset {description.path} are missing: {missing} does not exist.",
        "Correct “path” or the split in the dataset YAML.",
    )


def roots_of(description: Description) -> tuple[Path, ...]:
    """Return what the places of a description are relative to, the first that holds them counts.

    Ultralytics resolves a relative ``path`` in the current folder, then in its ``datasets_dir``.
    So it is here, and then as if Ultralytics were started in the folder of the description: that
    is what whoever wrote it meant, and nobody chooses the current folder of a window.
    """
    folder = description.path.parent
    if not description.root:
        return (folder,)
    path = Path(description.root)
    if path.is_absolute():
        return (path,)
    known = (datasets_folder() / path).resolve()
    return tuple(start if start.exists() else known for start in (path, folder / path))


def _resolved(root: Path, wanted: str | tuple[str, ...]) -> tuple[Path, ...]:
    if not isinstance(wanted, str):
        return tuple((root / place).resolve() for place in wanted)
    found = (root / wanted).resolve()
    if not found.exists() and wanted.startswith("../"):  # as Roboflow writes what is in the folder
        found = (root / wanted[3:]).resolve()
    return (found,)


def find_description(path: Path) -> Path:
    """Return the YAML that a path means: itself, or the one in the folder; or a class folder.

    Raises
    ------
    UserError
        When there is nothing, or several descriptions.
    """
    if not path.exists():
        return _known_by_name(path)
    if not path.is_dir():
        return path
    found = _descriptions(path, deep=False)
    if len(found) == 1:
        return found[0]
    if not found and holds_classes(path):
        return path
    found = found or _descriptions(path, deep=True)
    if len(found) > 1:
        names = ", ".join(file.relative_to(path).as_posix() for file in found[:4])
        raise UserError(f"{path} contains several dataset YAMLs: {names}.", "Choose one of them.")
    if found:
        return found[0]
    if (path / "train").is_dir():
        raise no_class_folders(path / "train")
    raise UserError(
        f"{path} is not a dataset: no dataset YAML or class folders found.",
        "Choose a dataset YAML, or a folder with train/CLASS/IMAGE.",
    )


def _descriptions(folder: Path, *, deep: bool) -> list[Path]:
    """Return the YAML files of a folder; one where its name says which is meant."""
    held = _below(folder) if deep else [path for end in ENDINGS for path in folder.glob(f"*{end}")]
    by_ending = (sorted(path for path in held if path.name.endswith(end)) for end in ENDINGS)
    found = next((files for files in by_ending if files), [])
    for stem in (folder.name, "data"):
        named = [file for file in found if file.stem == stem]
        if len(found) > 1 and len(named) == 1:
            return named
    return found


def _below(folder: Path) -> list[Path]:
    """Return the YAML files anywhere in a folder, links to folders not followed.

    Raises
    ------
    UserError
        For a folder of more files than a dataset has.
    """
    found, looked = [], 0
    for place, folders, files in os.walk(folder):
        looked += len(folders) + len(files)
        if looked > MOST_LOOKED:
            raise UserError(
                f"{folder} contains too many files to look for a dataset YAML.",
                "Choose the dataset YAML itself.",
            )
        found += [Path(place, name) for name in files if name.endswith(ENDINGS)]
    return found


def _known_by_name(path: Path) -> Path:
    """Return the dataset that Ultralytics knows by that name, or the path itself."""
    shipped = shipped_description(str(path))
    if shipped is not None:
        return shipped
    kept = datasets_folder() / path
    return kept if not path.is_absolute() and not path.suffix and kept.is_dir() else path
