"""Keeps Ultralytics' datasets from writing anything next to the user's files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from core.data.stream import _check_image


@contextlib.contextmanager
def only_reading() -> Iterator[None]:
    """Keep Ultralytics' datasets from reading old label caches, writing new ones, and repairing."""
    home = "ultralytics.data.dataset"
    with (
        mock.patch(f"{home}.save_dataset_cache_file", _keep_nothing),
        mock.patch(f"{home}.load_dataset_cache_file", side_effect=FileNotFoundError),
        mock.patch("ultralytics.data.utils.check_image", _check_image),
    ):
        yield


def _keep_nothing(_prefix: str, _path: Path, contents: dict[str, Any], version: str) -> None:
    """Do what else Ultralytics does on writing: its readers expect the version."""
    contents["version"] = version


def forget_arrays(dataset: Any) -> None:
    """Keep a dataset from loading, or deleting, ``.npy`` files that are next to the images."""
    nowhere = Path("/nonexistent/secateur.npy")
    if hasattr(dataset, "npy_files"):
        dataset.npy_files = [nowhere] * len(dataset.npy_files)
