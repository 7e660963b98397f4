"""Images in folders by class, as Ultralytics' classification networks are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from core.data.source import Source
from core.errors import UserError
from core.progress import Progress, silent
from core.system.size import ImageSize


class FolderDataset:
    """Some images of a split, each with the class of its folder.

    Parameters
    ----------
    source : Source
        Its places are folders that hold one folder per class.
    images, seed : int
        How many are drawn, and by which lot.
    image_size : ImageSize
        A square is cut from the middle of every image; to another size it is scaled.
    check : callable
        Raises for an image that cannot be opened whole.
    progress : Progress
        Told of every image; may cancel.

    Attributes
    ----------
    im_files : list of str
    labels : list of dict
        ``cls``, shape (1,), of each image.
    unreadable : int
        Images left out; ``messages`` reports why of each.
    listed : list of str
        Those left out too.

    Raises
    ------
    UserError
        When no image can be used.
    """

    def __init__(
        self,
        source: Source,
        images: int,
        seed: int,
        image_size: ImageSize,
        check: Any,
        progress: Progress = silent,
    ) -> None:
        from ultralytics.data.augment import classify_transforms

        self.transforms = classify_transforms(
            size=image_size.longest if image_size.square else (image_size.height, image_size.width)
        )
        self.data = {"names": dict(source.names)}
        chosen = _drawn(_listed(source), images, seed)
        self.im_files: list[str] = []
        self.labels: list[dict[str, Any]] = []
        self.listed = [str(path) for path, _ in chosen]
        self.messages: list[str] = []
        for number, (path, kind) in enumerate(chosen):
            progress(number / len(chosen), f"Reading image {number} of {len(chosen)}")
            try:
                check(str(path))
            except Exception as error:  # decoders raise what they please; it cannot be read
                self.messages.append(f"{path}: {error}")
                continue
            self.im_files.append(str(path))
            self.labels.append({"cls": np.array([kind])})
        self.unreadable = len(chosen) - len(self.im_files)
        if not self.im_files:
            raise UserError(
                f"The split “{source.split}” of the dataset {source.path} has no usable images.",
                "Check that it has one folder of images per class.",
            )

    def __len__(self) -> int:
        return len(self.im_files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one image, float, 0 to 1, shape (3, height, width), and its class."""
        with Image.open(self.im_files[index]) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            pixels = self.transforms(upright)
        return {"img": pixels, "cls": int(self.labels[index]["cls"][0])}

    @staticmethod
    def collate_fn(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Put images together to a batch."""
        return {
            "img": torch.stack([item["img"] for item in items]),
            "cls": torch.tensor([item["cls"] for item in items]),
            "batch_idx": torch.arange(len(items), dtype=torch.float32),
        }


def _listed(source: Source) -> list[tuple[Path, int]]:
    """List the images of all classes, by place."""
    from ultralytics.data.utils import IMG_FORMATS

    number = {folder: kind for kind, folder in source.folders.items()}
    found = []
    for place in source.images:
        for folder in sorted(path for path in Path(place).iterdir() if path.is_dir()):
            if folder.name in number:
                files = sorted(p for p in folder.rglob("*") if p.suffix[1:].lower() in IMG_FORMATS)
                found += [(path, number[folder.name]) for path in files]
    return found


def _drawn(listed: list[tuple[Path, int]], images: int, seed: int) -> list[tuple[Path, int]]:
    if images >= len(listed):
        return listed
    order = np.random.default_rng(seed).permutation(len(listed))[:images]
    return [listed[number] for number in sorted(order.tolist())]
