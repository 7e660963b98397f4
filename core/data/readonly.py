"""Keeps Ultralytics' datasets from writing anything next to the user's files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from core.data.datasets import check_image
from core.data.listing import image_files


@contextlib.contextmanager
def only_reading() -> Iterator[None]:
    """Keep Ultralytics' datasets from reading old label caches, writing new ones, and repairing."""
    home = "ultralytics.data.dataset"
    with (
        mock.patch(f"{home}.save_dataset_cache_file", _keep_nothing),
        mock.patch(f"{home}.load_dataset_cache_file", side_effect=FileNotFoundError),
        mock.patch("ultralytics.data.utils.check_image", check_image),
        mock.patch("ultralytics.data.base.BaseDataset.get_img_files", _img_files),
    ):
        yield


def _img_files(dataset: Any, img_path: str | list[str]) -> list[str]:
    """List images as everything here does, and take the share of them that a training asks for."""
    files = image_files(img_path if isinstance(img_path, list) else [img_path])
    if not files:
        raise FileNotFoundError(f"no images found in {img_path}")
    share = dataset.fraction
    count = share if isinstance(share, int) else max(1, round(len(files) * share))
    return files[:count]


def _keep_nothing(_prefix: str, _path: Path, contents: dict[str, Any], version: str) -> None:
    """Do what else Ultralytics does on writing: its readers expect the version."""
    contents["version"] = version
