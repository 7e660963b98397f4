"""Images in folders by class, as Ultralytics' classification networks are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.data.bands import read_bands
from core.data.beneath import files_beneath
from core.data.source import Source
from core.data.stock import IMG_FORMATS
from core.errors import UserError
from core.progress import Progress, silent
from core.system.size import ImageSize

Pixels = NDArray[np.uint8]


class BandTransforms:
    """Brings images of any number of bands into a size, as Ultralytics brings colour images.

    Its own transforms take pictures in colour alone.

    Parameters
    ----------
    size : ImageSize
        A square is cut from the middle; to another size an image is scaled.
    augment : Any, optional
        Arguments of a training: what it says of crops, flips and erasing is followed. Colours are
        not changed, for bands have none.
    """

    def __init__(self, size: ImageSize, augment: Any = None) -> None:
        from torchvision import transforms

        whole = (size.height, size.width)
        if augment is None:
            scaled = transforms.Resize(size.longest if size.square else whole, antialias=True)
            steps = [scaled, transforms.CenterCrop(whole)]
        else:
            scale = (1.0 - augment.scale, 1.0)
            steps = [
                transforms.RandomResizedCrop(whole, scale=scale, antialias=True),
                transforms.RandomHorizontalFlip(augment.fliplr),
                transforms.RandomVerticalFlip(augment.flipud),
                transforms.RandomErasing(augment.erasing),
            ]
        self._steps = transforms.Compose(steps)

    def __call__(self, pixels: Pixels) -> torch.Tensor:
        """Return an image of shape (height, width, bands) as floats 0 to 1, bands first."""
        bands = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return torch.as_tensor(self._steps(bands.float() / 255))


class BandFolders:
    """What a training of Ultralytics gets in the place of its own images in folders.

    Parameters
    ----------
    dataset : ultralytics ClassificationDataset
    channels : int
        As the network takes.
    size : ImageSize
    augment : Any, optional
        As for `BandTransforms`.

    Raises
    ------
    UserError
        For an image that has other bands.
    """

    def __init__(self, dataset: Any, channels: int, size: ImageSize, augment: Any = None) -> None:
        self.samples, self.root = dataset.samples, dataset.root
        self.torch_transforms = dataset.torch_transforms  # what is kept with the network
        self._transforms, self._channels = BandTransforms(size, augment), channels
        for path, *_ in self.samples:
            if read_bands(Path(path), channels) is None:
                raise UserError(
                    f"{path} cannot be read as an image of {_bands(channels)}.",
                    "Remove it, or save it with the bands that the network takes.",
                )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one image and its class."""
        path, kind, *_ = self.samples[index]
        pixels = read_bands(Path(path), self._channels)
        if pixels is None:  # it was changed meanwhile
            raise UserError(f"{path} can no longer be read.", "Restore it, and resume.")
        return {"img": self._transforms(pixels), "cls": kind}


def _bands(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"


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
    channels : int
        As the network takes.
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
        channels: int = 3,
    ) -> None:
        from ultralytics.data.augment import classify_transforms

        self._channels, self._band_transforms = channels, BandTransforms(image_size)
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
                self._check_bands(path)
            except Exception as error:  # decoders raise what they please; it cannot be read
                self.messages.append(f"{path}: {error}")
                continue
            self.im_files.append(str(path))
            self.labels.append({"cls": np.array([kind])})
        self.unreadable = len(chosen) - len(self.im_files)
        if not self.im_files:
            raise UserError(
                f"The split “{source.split}” of the dataset {source.path} has no usable images.",
                "Check that it has one folder of images per class"
                + ("." if channels == 3 else f", each with {_bands(channels)}."),
            )

    def _check_bands(self, path: Path) -> None:
        if self._channels != 3 and read_bands(path, self._channels) is None:
            raise ValueError(f"it cannot be read as an image of {_bands(self._channels)}")

    def __len__(self) -> int:
        return len(self.im_files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return one image, float, 0 to 1, shape (channels, height, width), and its class."""
        kind = int(self.labels[index]["cls"][0])
        if self._channels != 3:
            bands = read_bands(Path(self.im_files[index]), self._channels)
            if bands is None:
                raise UserError(f"{self.im_files[index]} can no longer be read.", "Restore it.")
            return {"img": self._band_transforms(bands), "cls": kind}
        with Image.open(self.im_files[index]) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            pixels = self.transforms(upright)
        return {"img": pixels, "cls": kind}

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
    number = {folder: kind for kind, folder in source.folders.items()}
    found = []
    for place in source.images:
        for folder in sorted(path for path in Path(place).iterdir() if path.is_dir()):
            if folder.name in number:
                held = files_beneath(str(folder), _is_image, links=False, hidden=True)
                files = sorted(map(Path, held))
                found += [(path, number[folder.name]) for path in files]
    return found


def _is_image(name: str) -> bool:
    return Path(name).suffix[1:].lower() in IMG_FORMATS


def _drawn(listed: list[tuple[Path, int]], images: int, seed: int) -> list[tuple[Path, int]]:
    if images >= len(listed):
        return listed
    order = np.random.default_rng(seed).permutation(len(listed))[:images]
    return [listed[number] for number in sorted(order.tolist())]
