"""What an installed Ultralytics knows of datasets, read from its files without importing it.

Its import takes seconds and writes settings; the window needs the same answers without either.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from core.system.budget import DATASET_YAML, SETTINGS, parse_yaml, read_json, read_text
from core.system.program import USERS_SETTINGS, own_settings

IMG_FORMATS = {"avif", "bmp", "dng", "heic", "heif", "jp2", "jpeg", "jpg"}
IMG_FORMATS |= {"mpo", "png", "tif", "tiff", "webp"}
"""Endings of the files that are images to Ultralytics; a test holds them against its own."""
_SETTINGS = "settings.json"


def datasets_folder() -> Path:
    """Return where Ultralytics looks for a dataset whose path is relative: its ``datasets_dir``.

    The setting is that of the person's own Ultralytics, which Secateur never writes; without one,
    ``datasets`` in the current folder, as Ultralytics has it.
    """
    try:
        data = read_json(_settings_folder() / _SETTINGS, SETTINGS)
        return Path(str(data["datasets_dir"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Path("datasets").absolute()


def _settings_folder() -> Path:
    """Return the folder of the person's own Ultralytics settings, by the rule of Ultralytics."""
    chosen = os.environ.get(USERS_SETTINGS)
    if chosen is None and (chosen := os.environ.get("YOLO_CONFIG_DIR")):
        chosen = None if Path(chosen) == own_settings() else chosen
    if chosen:
        return Path(chosen).expanduser() / "Ultralytics"
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Roaming" / "Ultralytics"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Ultralytics"
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "Ultralytics"


def shipped_description(name: str) -> Path | None:
    """Return the dataset YAML of that name that Ultralytics ships, such as ``coco8``."""
    folder = _datasets_of_ultralytics()
    if folder is None or Path(name).name != name or not name:
        return None
    endings = [""] if name.endswith((".yaml", ".yml")) else [".yaml", ".yml"]
    found = [folder / f"{name}{ending}" for ending in endings]
    return next((path for path in found if path.is_file()), None)


@lru_cache(maxsize=1)
def imagenet_names() -> Mapping[str, str]:
    """Return the classes of ImageNet by their codes (``n01440764`` is a tench)."""
    folder = _datasets_of_ultralytics()
    try:
        text = read_text((folder or Path()) / "ImageNet.yaml", DATASET_YAML)
        names = parse_yaml(text, DATASET_YAML)["map"]
        return {str(code): str(name) for code, name in names.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return {}


def _datasets_of_ultralytics() -> Path | None:
    spec = importlib.util.find_spec("ultralytics")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) / "cfg" / "datasets" if places else None
