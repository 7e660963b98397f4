"""What a dataset YAML says, read as Ultralytics reads it. Nothing is looked for on the disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from core.data.stock import imagenet_names
from core.errors import UserError, reason_of
from core.system.budget import (
    DATASET_YAML,
    GLANCE,
    MOST_CLASSES,
    Budget,
    OverBudgetError,
    parse_yaml,
    read_text,
)

EXAMPLE = "A dataset YAML has 'train', 'val' and 'names', as documented by Ultralytics."
LABEL_KEYS = (
    "kpt_shape", "channels", "flip_idx", "masks_dir", "label_mapping", "depth_scale", "max_depth",
)  # fmt: skip
"""What labels need to be read, next to the classes."""
SPLITS = ("train", "val", "test")
SPELLINGS: Mapping[str, tuple[str, ...]] = {"val": ("val", "validation")}
"""Keys of a split, the one that counts first."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "path": (str,),
    "train": (str, list),
    "val": (str, list),
    "validation": (str, list),
    "test": (str, list),
    "names": (list, dict),
    "kpt_shape": (list,),
    "flip_idx": (list,),
    "masks_dir": (str,),
    "label_mapping": (dict,),
    "depth_scale": (int, float),
    "max_depth": (int, float),
}
_NUMBERS = ("kpt_shape", "flip_idx")
"""Lists of whole numbers."""
_TYPE_WORDS: Mapping[type, str] = {
    str: "text",
    list: "a list",
    dict: "a mapping",
    int: "a number",
    float: "a number",
}
_UNPRINTABLE = re.compile(
    r"[^\x09\x0A\x0D\x20-\x7E\x85\xA0-\uD7FF\uE000-\uFFFD\U00010000-\U0010ffff]+"
)
"""What Ultralytics removes from a text that YAML does not take."""


@dataclass(frozen=True, slots=True)
class Description:
    """A dataset YAML.

    Attributes
    ----------
    path : Path
        The file.
    root : str
        What its places are relative to, as written; empty where it does not say.
    places : dict of str to (str or tuple of str)
        Folders or image lists of every split that it names, as written.
    names : dict of int to str
        Classes.
    extra : dict
        What else the labels need (``kpt_shape``, ``channels``).
    """

    path: Path
    root: str
    places: Mapping[str, str | tuple[str, ...]]
    names: Mapping[int, str]
    extra: Mapping[str, Any]


def read_description(path: str | Path) -> Description:
    """Read a dataset YAML.

    Raises
    ------
    UserError
        When it cannot be read, or Ultralytics would refuse what it says.
    """
    path = Path(path)
    data = read_mapping(path)
    for key, kinds in _TYPES.items():
        if data.get(key) is not None and not isinstance(data[key], kinds):
            wanted = " or ".join(dict.fromkeys(_TYPE_WORDS[kind] for kind in kinds))
            raise UserError(f"“{key}” in the dataset {path} must be {wanted}.", EXAMPLE)
    for key in _NUMBERS:
        if not all(type(item) is int for item in data.get(key) or ()):
            raise UserError(f"“{key}” in the dataset {path} must be whole numbers.", EXAMPLE)
    return Description(
        path,
        str(data.get("path") or ""),
        {split: found for split in SPLITS if (found := _places(path, data, split))},
        _names(path, data),
        {key: data[key] for key in LABEL_KEYS if key in data},
    )


def is_description(path: str | Path) -> bool:
    """Whether a YAML describes a dataset, and not a network: it names images to look at.

    One that is too large to be looked at in a moment lists many classes: no network is so long.
    """
    try:
        data = _mapping(Path(path), GLANCE)
    except OverBudgetError:
        return True
    except UserError:
        return False
    return any(key in data for key in ("train", "val", "validation", "test"))


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML as Ultralytics does: bytes that are not UTF-8 do not count.

    Raises
    ------
    UserError
        When it cannot be read, or is no mapping.
    """
    try:
        return _mapping(path, DATASET_YAML)
    except OverBudgetError as error:
        raise UserError(error.message, EXAMPLE) from error


def _mapping(path: Path, budget: Budget) -> dict[str, Any]:
    try:
        if path.is_dir():
            raise UserError(
                f"{path} is a folder, not a dataset YAML.", "Choose the YAML file in it."
            )
        data = _parse(read_text(path, budget, errors="ignore"), path, budget)
    except OSError as error:
        raise UserError(
            f"Could not read the dataset {path}: {reason_of(error)}.", "Check the path."
        ) from error
    except OverBudgetError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path} is not a dataset YAML.", EXAMPLE) from error
    if not isinstance(data, dict) or not data:
        raise UserError(f"{path} is not a dataset YAML.", EXAMPLE)
    return {str(key): None if value == "None" else value for key, value in data.items()}


def _parse(text: str, path: Path, budget: Budget) -> Any:
    try:
        return parse_yaml(text, budget, path)
    except OverBudgetError:
        raise
    except (yaml.YAMLError, ValueError):  # ValueError: a date that is none
        return parse_yaml(_UNPRINTABLE.sub("", text), budget, path)


def _places(path: Path, data: Mapping[str, Any], split: str) -> str | tuple[str, ...] | None:
    """Return the places of a split as written, by the first of its keys that is there."""
    key = next((key for key in SPELLINGS.get(split, (split,)) if key in data), split)
    places = data.get(key)
    if not isinstance(places, list):
        return places or None
    if not all(isinstance(place, str) for place in places):
        raise UserError(f"“{key}” in the dataset {path} must be a list of paths.", EXAMPLE)
    return tuple(places)


def _names(path: Path, data: Mapping[str, Any]) -> dict[int, str]:
    names, count = data.get("names"), _count(path, data)
    if names is None and count is None:
        raise UserError(f"The dataset {path} has no class names.", EXAMPLE)
    if names is None:
        return {number: f"class_{number}" for number in range(count or 0)} or _no_names(path)
    if count is not None and len(names) != count:
        raise UserError(
            f"The dataset {path} has {len(names)} names and nc: {count}.", "Correct one of them."
        )
    return class_names(path, names)


def _count(path: Path, data: Mapping[str, Any]) -> int | None:
    """Return ``nc``, which may be any whole number however it is written."""
    if "nc" not in data:
        return None
    count = data["nc"]
    try:
        number = float(count)
        if not isinstance(count, int) and number != int(number):
            raise ValueError
        whole = int(count) if isinstance(count, int) else int(number)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"“nc” in the dataset {path} is not a whole number.", "Correct or remove it."
        ) from error
    if whole > MOST_CLASSES:
        raise UserError(
            f"“nc” in the dataset {path} is more than {MOST_CLASSES:,}.", "Correct or remove it."
        )
    return whole


def class_names(path: Path, names: Any) -> dict[int, str]:
    """Return classes by number, as Ultralytics understands ``names``.

    Parameters
    ----------
    path : Path
        To name in an error.
    names : list or dict
        Names in order, or by number; codes of ImageNet become words.

    Raises
    ------
    UserError
        When a number or a name is none, or a number is missing.
    """
    entries = names if isinstance(names, dict) else dict(enumerate(names))
    if any(isinstance(name, list | dict) for name in entries.values()):
        raise UserError(f"A class name in the dataset {path} is not text.", EXAMPLE)
    try:
        found = {int(key): str(name) for key, name in entries.items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"A class of the dataset {path} has no number.", EXAMPLE) from error
    if not found:
        return _no_names(path)
    if 0 not in found or max(found) >= len(found):
        raise UserError(
            f"The classes of the dataset {path} are not numbered from 0 to {len(found) - 1}.",
            "Number them without gaps.",
        )
    if found[0].startswith("n0"):
        known = imagenet_names()
        found = {number: known.get(name, name) for number, name in found.items()}
    return dict(sorted(found.items()))


def _no_names(path: Path) -> dict[int, str]:
    raise UserError(f"The dataset {path} has no class names.", EXAMPLE)
