"""Ultralytics' datasets, made to draw their images by lot and to write nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.data.dense import DENSE
from core.data.listing import image_files
from core.system.files import open_regular


def dataset_class(task: str, masks: bool) -> Any:
    """Ultralytics' dataset of a task that draws its images by lot and keeps no label cache."""
    from ultralytics.data import dataset

    kinds = {"depth": "DepthDataset"}
    kinds["semantic"] = "SemanticDataset" if masks else "PolygonSemanticDataset"
    base: Any = getattr(dataset, kinds.get(task, "YOLODataset"))

    class Dataset(base):  # type: ignore[misc]
        def __init__(self, *, chosen: tuple[int, int], squash: bool, **options: Any) -> None:
            self.chosen, self.squash = chosen, squash
            self.unreadable = 0
            self.messages: list[str] = []
            self.listed: list[str] = []
            super().__init__(**options)
            self.label_files = self._labels_listed
            self.label_of = dict(zip(self.listed, self.label_files, strict=True))

        def get_img_files(self, img_path: list[str]) -> list[str]:
            files = sorted(set(image_files(img_path)))
            if not files:
                raise FileNotFoundError(f"no images found in {', '.join(img_path)}")
            count, seed = self.chosen
            if count < len(files):
                order = np.random.default_rng(seed).permutation(len(files))[:count]
                files = [files[n] for n in sorted(order.tolist())]
            return files

        def load_image(self, i: int, rect_mode: bool = True) -> tuple[Any, Any, Any]:
            loaded: tuple[Any, Any, Any] = super().load_image(i, rect_mode and not self.squash)
            return loaded

        def _load_or_scan_cache(self, cache_path: Path, cache_hash: str) -> tuple[Any, bool]:
            self.listed = list(self.im_files)  # those that cannot be read go afterwards
            self._labels_listed = list(self.get_label_files())
            with mock.patch("ultralytics.data.dataset.save_dataset_cache_file"):
                cache = self.cache_labels(cache_path)
            cache.setdefault("version", "")
            self.unreadable = int(cache["results"][3])
            if task in DENSE:  # without its map, an image is no use
                self.unreadable += int(cache["results"][1])
            self.messages = [str(text) for text in cache["msgs"]]
            return cache, False

    return Dataset


def check_image(path: str) -> tuple[str, tuple[int, int]]:
    """Check that an image can be decoded whole, and never repair it in place."""
    from ultralytics.data.utils import exif_size

    try:
        with open_regular(path) as stream, Image.open(stream) as image:
            width, height = exif_size(image)
            image.load()
    except ImportError as error:  # Ultralytics looks for a decoder of HEIF when all others failed
        raise AssertionError(f"{path} is not an image") from error
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise AssertionError(f"{path} cannot be decoded: {error}") from error
    assert min(width, height) > 9, f"image size {width} x {height} is below 10 pixels"
    return "", (height, width)
