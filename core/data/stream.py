"""Images with their labels as a stream of batches; nothing is written next to the user's files."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from core.data.datasets import check_image, dataset_class
from core.data.dense import CHECK_LABELS, DENSE, MAP_WORDS
from core.data.folders import FolderDataset
from core.data.source import Source, read_source
from core.errors import UserError
from core.graph.drive import image_channels, real_size
from core.progress import Progress, silent
from core.system.machine import check_device
from core.system.paths import NOWHERE
from core.system.size import USUAL_SIZE, ImageSize

Batch = dict[str, Any]
KEEP = 1 << 28
"""Bytes of decoded images that a stream holds: some 870 at 320 px."""
TASKS = ("detect", "segment", "pose", "obb", "classify", *DENSE)
"""Tasks whose labels can be read: in files and maps next to their images, or by folders."""
_TELL_EVERY = 16
"""Images between two reports of a scan."""
ALL = 1 << 30
"""More images than any dataset has."""


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which images to look at.

    Attributes
    ----------
    path : Path
        A dataset YAML, or a folder of folders by class.
    same_classes : bool
        Whether its classes are the model's, by number, whatever their names.
    images : int
        How many, drawn by ``seed``; all when there are fewer.
    image_size : ImageSize
        What they are letterboxed to: a square, or height and width.
    batch : int
        Images held at once.
    device : str
        ``cpu``, ``cuda``, ``cuda:1`` …; empty picks a GPU if there is one.
    channels : int or None
        Of an image, as a network takes it (see ``fitted``); None for what the dataset says.
    """

    path: Path
    images: int = 96
    seed: int = 0
    image_size: ImageSize = USUAL_SIZE
    batch: int = 8
    device: str = ""
    split: str = "train"
    same_classes: bool = False
    channels: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", ImageSize.of(self.image_size))

    @classmethod
    def from_json(cls, data: Mapping[str, Any], **defaults: Any) -> DataSettings:
        """Read plain data: ``path`` and any of the other fields; null ``images`` is all of them.

        Parameters
        ----------
        data : mapping
        **defaults
            For what it leaves out.
        """
        known = {field.name for field in fields(cls)}
        values = {**defaults, **{k: v for k, v in data.items() if k in known}}
        values["path"] = Path(str(values["path"]))
        if "images" in values and values["images"] is None:
            values["images"] = ALL
        return cls(**{k: v for k, v in values.items() if v is not None})

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads."""
        plain = {"path": str(self.path), "image_size": self.image_size.plain}
        return {field.name: getattr(self, field.name) for field in fields(self)} | plain

    def source(self, classes: Mapping[int, str] | None = None, task: str = "") -> Source:
        """Return where the split is, held against a model's classes.

        Raises
        ------
        UserError
            When it is missing, or its classes are others and were not said to be the same.
        """
        return read_source(
            self.path, self.split, classes, same_classes=self.same_classes, task=task
        )

    def fitted(self, model: nn.Module) -> DataSettings:
        """Return the same for images of a size, and of channels, that a network takes.

        Parameters
        ----------
        model : nn.Module
            A classifier takes any size.
        """
        fitted = replace(self, channels=image_channels(model))
        if getattr(model, "task", None) == "classify":
            return fitted
        return replace(fitted, image_size=real_size(model, self.image_size))

    def pick_device(self) -> str:
        """Return the device to run on.

        Raises
        ------
        UserError
            When a GPU was chosen and there is none: the processor is no answer to that.
        """
        return pick_device(self.device)


def pick_device(device: str = "") -> str:
    """Return the device to run on: the one chosen, or a GPU if there is one.

    Raises
    ------
    UserError
        When a GPU was chosen and there is none: the processor is no answer to that.
    """
    import torch

    found = torch.cuda.is_available()
    check_device(device)
    if device.startswith("cuda") and not found:
        raise no_gpu(device)
    return device or ("cuda" if found else "cpu")


def no_gpu(device: str) -> UserError:
    """Return what to say when a GPU was chosen and there is none."""
    return UserError(
        f"The device “{device}” was selected, but torch finds no GPU.",
        "Select cpu, or install a torch build for your GPU and its driver.",
    )


class Stream:
    """Batches of images and labels; the same on every pass.

    Images are kept as they were decoded while they fit in ``KEEP`` bytes, and read again from disk
    on every pass beyond that.

    Parameters
    ----------
    settings : DataSettings
    task : str
        The model's task.
    classes : mapping
        The model's classes.

    Attributes
    ----------
    skipped : int
        Chosen images (or labels) that could not be read.

    Raises
    ------
    UserError
        When there are no usable images or no labelled objects.
    """

    def __init__(self, settings: DataSettings, task: str, classes: Mapping[int, str]) -> None:
        if task not in TASKS:
            raise UserError(
                f"Ranking from images does not support the task “{task}”.",
                "Use a criterion that needs no images.",
            )
        self.settings, self.task = settings, task
        source = settings.source(classes, task)
        self.dataset, self.skipped = open_dataset(source, settings, task)
        self._items: dict[int, Mapping[str, Any]] = {}
        self._room = KEEP
        self._digest = ""
        if task not in DENSE and not any(len(label["cls"]) for label in self.dataset.labels):
            raise UserError(
                f"None of the {len(self.dataset)} images of {settings.path} has a labelled object.",
                "Check that the labels are where Ultralytics expects them (images → labels).",
            )

    def __len__(self) -> int:
        return len(self.dataset)

    def fingerprint(self) -> str:
        """Name what is in the images and labels chosen, by their places, sizes and times."""
        digest = hashlib.sha256()
        digest.update(repr(sorted(self.dataset.data["names"].items())).encode())
        labels = getattr(self.dataset, "label_files", [])
        for name in (*self.dataset.im_files, *labels):
            path = Path(name)
            facts = path.stat() if path.is_file() else None
            known = (name, facts.st_size, facts.st_mtime_ns) if facts else (name,)
            digest.update(repr(known).encode())
        return digest.hexdigest()

    @property
    def sha256(self) -> str:
        """A hash of what the images, their labels and the classes are, wherever they are."""
        if not self._digest:
            digest = hashlib.sha256(repr(sorted(self.dataset.data["names"].items())).encode())
            for name in (*self.dataset.im_files, *getattr(self.dataset, "label_files", [])):
                path = Path(name)
                digest.update(path.read_bytes() if path.is_file() else b"-")
                digest.update(b"|")
            self._digest = digest.hexdigest()
        return self._digest

    def batches(self, size: int | None = None, numbers: range | None = None) -> Iterator[Batch]:
        """Yield batches on the device; ``img`` is float, 0 to 1, shape (n, c, height, width).

        Parameters
        ----------
        size : int, optional
            Images of a batch; that of the settings by default.
        numbers : range, optional
            Which batches; all by default.
        """
        size = size or self.settings.batch
        device = self.settings.pick_device()
        starts = range(0, len(self.dataset), size)
        for start in starts if numbers is None else starts[numbers.start : numbers.stop]:
            items = [self._item(n) for n in range(start, min(start + size, len(self.dataset)))]
            batch: Batch = self.dataset.collate_fn(items)
            for key, value in batch.items():
                if isinstance(value, Tensor):
                    batch[key] = value.to(device)
            if self.task in DENSE:  # its map makes every image one object
                batch["batch_idx"] = torch.arange(len(items), device=device)
                batch["cls"] = torch.zeros(len(items), 1, device=device)
            whole = not batch["img"].is_floating_point()
            batch["img"] = batch["img"].float() / (255 if whole else 1)
            yield batch

    def _item(self, number: int) -> dict[str, Any]:
        """Return one image with its labels, which whoever collates them may change."""
        item = self._items.get(number)
        if item is None:
            item = self.dataset[number]
            self._room -= item["img"].nbytes
            if self._room >= 0:
                self._items[number] = item
        return {
            key: value.clone() if isinstance(value, Tensor) and key != "img" else value
            for key, value in item.items()
        }


def open_dataset(
    source: Source,
    settings: DataSettings,
    task: str,
    *,
    rect: bool = False,
    squash: bool = False,
    stride: int = 32,
    progress: Progress = silent,
) -> tuple[Any, int]:
    """Return Ultralytics' dataset over some images of a split, and how many were unreadable.

    ``squash`` scales images to the whole size whatever their shape, as RT-DETR wants them;
    ``stride`` is what the sides of batches with ``rect`` are multiples of, which is for squares
    alone: images of another size fill all of it, as where Ultralytics evaluates an export. Every
    image is decoded once, to see that it can be; ``progress`` is called meanwhile, and may cancel.
    """
    if (task == "classify") != bool(source.folders):
        raise UserError(
            f"The dataset {source.path} has no labels for the task “{task}”.",
            "Classification needs a folder with train/CLASS/IMAGE and val/CLASS/IMAGE; "
            "every other task needs a dataset YAML.",
        )
    if source.folders:
        folders = FolderDataset(
            source, settings.images, settings.seed, settings.image_size, check_image, progress,
            settings.channels or 3,
        )  # fmt: skip
        return folders, folders.unreadable
    shape = {"rect": rect, "squash": squash, "stride": stride}
    dataset = _images_with_labels(source, settings, task, shape, progress)
    forget_arrays(dataset)
    return dataset, dataset.unreadable


def forget_arrays(dataset: Any) -> None:
    """Keep a dataset from loading, or deleting, ``.npy`` files that are next to the images."""
    if hasattr(dataset, "npy_files"):
        dataset.npy_files = [NOWHERE] * len(dataset.npy_files)


def _images_with_labels(
    source: Source,
    settings: DataSettings,
    task: str,
    shape: dict[str, Any],
    progress: Progress,
) -> Any:
    from ultralytics.cfg import get_cfg

    kind, size = dataset_class(task, bool(source.extra.get("masks_dir"))), settings.image_size
    shape["rect"] = shape["rect"] and size.square and task != "depth"
    if task in DENSE:  # as Ultralytics evaluates them: no frame around a batch
        shape["pad"] = 0.0
    data = {**source.extra, "names": dict(source.names), "nc": len(source.names)}
    data["channels"] = settings.channels or data.get("channels", 3)
    bar = partial(_Bar, progress)
    with (
        mock.patch("ultralytics.data.utils.check_image", check_image),
        mock.patch("ultralytics.data.dataset.TQDM", bar),
        _quiet(),
    ):
        try:
            return kind(
                img_path=list(source.images),
                imgsz=size.longest if size.square else tuple(size),
                augment=False,
                hyp=get_cfg(),
                **shape,
                batch_size=settings.batch,
                data=data,
                task=task,
                chosen=(settings.images, settings.seed),
            )
        except (RuntimeError, FileNotFoundError, ValueError, AssertionError) as error:
            raise UserError(
                f"The split “{source.split}” of the dataset {source.path} has no usable images.",
                f"{MAP_WORDS.get(task, CHECK_LABELS)} {_first(error)}",
            ) from error


def _first(error: Exception) -> str:
    """Return the first trouble that Ultralytics lists, as a sentence; empty where it lists none."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    found = [line for line in lines[1:] if ": " in line and "http" not in line]
    return f"The first: {found[0]}." if found else ""


class _Bar:
    """Replaces Ultralytics' progress bar, and reports to our own progress."""

    def __init__(self, progress: Progress, items: Any, desc: str = "", total: int = 0) -> None:
        self._progress, self._items, self._total, self.desc = progress, items, total, desc

    def __iter__(self) -> Iterator[Any]:
        for number, item in enumerate(self._items):
            if number % _TELL_EVERY == 0:
                self._progress(number / self._total, f"Reading image {number} of {self._total}")
            yield item

    def close(self) -> None:
        """Do nothing."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ultralytics' bars and advice off the screen."""
    import logging

    from ultralytics.utils import LOGGER

    level = LOGGER.level
    LOGGER.setLevel(logging.ERROR)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
