"""Unlabelled images for repair: decoded once, a part held out, the rest shown in many views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.bands import read_bands
from core.data.listing import image_files
from core.data.stream import DataSettings
from core.errors import UserError
from core.progress import Progress, silent
from core.system.files import open_regular
from core.system.size import ImageSize, SizeLike

Pixels = NDArray[np.uint8]

STORED = 1.5
"""Images are kept at this multiple of the network's longer side at most, for views that zoom in."""
HELD_OUT = 8
"""One image in as many is held out, at least ``LEAST``: steps are measured on it, never fitted."""
LEAST = 2
MOST_HELD_OUT = 64
"""Images held out at most: measuring takes as long as they are many."""
MOST = 8192
"""Images read at most, drawn evenly from the split."""
KEPT_BYTES = 1 << 30
"""Decoded images kept in memory; those beyond are decoded again when they are needed."""
BORDER = 114
"""Grey around letterboxed images, as Ultralytics pads them."""


class Pictures(Sequence[Pixels]):
    """Decoded images: as many in memory as fit, the others decoded again each time.

    Parameters
    ----------
    pairs : sequence of (Path, uint8 array of shape (height, width, channels) or None)
        Files, and what is kept of them in memory.
    longest : int
        They are scaled down to this side when they are decoded.
    channels : int
        Of the images that the network takes.
    """

    def __init__(
        self, pairs: Sequence[tuple[Path, Pixels | None]], longest: int, channels: int = 3
    ) -> None:
        self._pairs, self._longest, self._channels = tuple(pairs), longest, channels

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, number: int) -> Pixels: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Pixels]: ...
    def __getitem__(self, number: int | slice) -> Pixels | Sequence[Pixels]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        file, pixels = self._pairs[number]
        pixels = _decode(file, self._longest, self._channels) if pixels is None else pixels
        if pixels is None:
            raise UserError(
                f"{file} can no longer be read.", "Leave the images in place during the repair."
            )
        return pixels


@dataclass(frozen=True)
class Pool:
    """Images as RGB, or with as many channels as the network takes.

    Attributes
    ----------
    fit : sequence of uint8 arrays, shape (height, width, channels)
        Images that steps may look at.
    held : sequence of uint8 arrays
        Images that steps are measured on.
    held_files : tuple of Path
        Their files, for a validator to read.
    size : ImageSize
        Of the images that the network takes.
    skipped : int
        Files that could not be read.
    available : int
        Images that the split has.
    """

    fit: Sequence[Pixels]
    held: Sequence[Pixels]
    held_files: tuple[Path, ...]
    size: ImageSize
    skipped: int
    available: int = 0

    def plain(self, held: bool = False, size: int = 8, most: int | None = None) -> Iterator[Tensor]:
        """Yield letterboxed batches, float 0 to 1, shape (n, channels, height, width).

        Parameters
        ----------
        held : bool
            Of the held-out images.
        size : int
            Images in a batch.
        most : int, optional
            No more images, spread evenly over those that there are; all by default.
        """
        pictures = self.held if held else self.fit
        count = len(pictures) if most is None else min(most, len(pictures))
        chosen = np.linspace(0, len(pictures) - 1, count).round().astype(int).tolist()
        for start in range(0, count, size):
            batch = [letterbox(pictures[n], self.size) for n in chosen[start : start + size]]
            yield to_tensor(batch)

    def views(self, rng: np.random.Generator, size: int) -> Tensor:
        """Return one batch of random views of the fitted images: half of them mosaics.

        Flip, zoom, crop and colour; no label is needed, since the teacher labels anything.
        """
        return to_tensor([self._view(rng) for _ in range(size)])

    def _view(self, rng: np.random.Generator) -> Pixels:
        tall, wide = self.size
        if rng.random() < 0.5:
            return _zoomed(self._any(rng), tall, wide, rng, 0.6, 1.4)
        x, y = rng.integers((wide // 4, tall // 4), (wide - wide // 4, tall - tall // 4))
        board = np.full((tall, wide, self.fit[0].shape[2]), BORDER, np.uint8)
        for rows, columns in (
            (slice(0, y), slice(0, x)),
            (slice(0, y), slice(x, wide)),
            (slice(y, tall), slice(0, x)),
            (slice(y, tall), slice(x, wide)),
        ):
            height, width = rows.stop - rows.start, columns.stop - columns.start
            board[rows, columns] = _zoomed(self._any(rng), height, width, rng, 0.8, 2.2)
        return board

    def _any(self, rng: np.random.Generator) -> Pixels:
        return self.fit[int(rng.integers(len(self.fit)))]


def files_of(settings: DataSettings) -> list[Path]:
    """Return the files of the images that are chosen of a split, whether they can be read or not.

    Parameters
    ----------
    settings : DataSettings
        Its seed draws them.

    Raises
    ------
    UserError
        When the dataset or the split is missing.
    """
    rng = np.random.default_rng(settings.seed)
    return _drawn(_listed(settings), settings.images, rng)


def _drawn(files: list[Path], count: int, rng: np.random.Generator) -> list[Path]:
    if count >= len(files):
        return files
    return [files[n] for n in sorted(rng.permutation(len(files))[:count].tolist())]


def open_pool(
    settings: DataSettings,
    progress: Progress = silent,
    held_out: int = HELD_OUT,
    enough: Callable[[], bool] = lambda: False,
) -> Pool:
    """Read the chosen images of a split; labels are not looked at.

    Parameters
    ----------
    settings : DataSettings
    progress : Progress
    held_out : int
        One image in as many is held out, at least ``LEAST`` and at most ``MOST_HELD_OUT``.
    enough : callable
        Asked before every image; where it is true, those read so far are all there are.

    Raises
    ------
    UserError
        When fewer than two images can be read.
    """
    rng = np.random.default_rng(settings.seed)
    channels = settings.channels or 3
    every = _listed(settings)
    files = _drawn(every, min(settings.images, MOST), rng)
    longest = int(STORED * settings.image_size.longest)
    pictures, skipped = _read(files, longest, settings, progress, enough)
    if len(pictures) < 2:
        raise UserError(
            f"Repair needs at least two readable images; the split “{settings.split}” of "
            f"{settings.path} has {len(pictures)}.",
            "Use a dataset with more images; labels are not needed.",
        )
    count = min(max(LEAST, len(pictures) // held_out), len(pictures) // 2, MOST_HELD_OUT)
    drawn = set(rng.permutation(len(pictures))[:count].tolist())
    held = [pair for number, pair in enumerate(pictures) if number in drawn]
    return Pool(
        Pictures(
            [p for number, p in enumerate(pictures) if number not in drawn], longest, channels
        ),
        Pictures(held, longest, channels),
        tuple(f for f, _ in held),
        settings.image_size,
        skipped,
        len(every),
    )


def _read(
    files: Sequence[Path],
    longest: int,
    settings: DataSettings,
    progress: Progress,
    enough: Callable[[], bool],
) -> tuple[list[tuple[Path, Pixels | None]], int]:
    """Decode files once, in random order so that any part of them is drawn evenly.

    Returns
    -------
    list of (Path, uint8 array or None), int
        Readable images in the order of ``files``, and how many could not be read.
    """
    found: dict[Path, Pixels | None] = {}
    skipped, room = 0, KEPT_BYTES
    order = np.random.default_rng([settings.seed, 3]).permutation(len(files))
    for number, place in enumerate(order.tolist()):
        if len(found) > LEAST and enough():
            break
        progress(number / len(files), f"Reading image {number + 1} of {len(files)}")
        pixels = _decode(files[place], longest, settings.channels or 3)
        if pixels is None:
            skipped += 1
            continue
        found[files[place]] = pixels if pixels.nbytes <= room else None
        room -= min(pixels.nbytes, room)
    return [(file, found[file]) for file in files if file in found], skipped


def _listed(settings: DataSettings) -> list[Path]:
    """Return the image files of a split, sorted, each once."""
    source = settings.source()
    try:
        files = image_files(source.images)
    except (OSError, ValueError) as error:
        raise UserError(
            f"The split “{settings.split}” of the dataset {settings.path} has no usable images.",
            "Check that its image list can be read.",
        ) from error
    return sorted(map(Path, set(files)))


def _decode(file: Path, longest: int, channels: int = 3) -> Pixels | None:
    """Return an image, scaled down to its longest side, or None when it cannot be read.

    RGB for three channels; the grey level for one; as many bands as the file has for others.
    """
    import cv2
    from PIL import Image, ImageOps

    if channels == 3:
        try:
            with open_regular(file) as stream, Image.open(stream) as image:
                upright = ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return None
        pixels: Pixels | None = np.asarray(upright)
    else:
        pixels = read_bands(file, channels)
    if pixels is None:
        return None
    scale = longest / max(pixels.shape[:2])
    if scale < 1:
        pixels = _resized(pixels, scale, scale, cv2.INTER_AREA)
    return pixels


def _resized(pixels: Pixels, along: float, across: float, how: int | None = None) -> Pixels:
    import cv2

    height, width = pixels.shape[:2]
    size = max(1, round(width * across)), max(1, round(height * along))
    result: Any = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR if how is None else how)
    shape = (size[1], size[0], pixels.shape[2])  # of a single channel, OpenCV drops the axis
    return np.asarray(result, np.uint8).reshape(shape)


def letterbox(pixels: Pixels, size: SizeLike) -> Pixels:
    """Scale an image into a size with grey borders, as the validator does."""
    tall, wide = ImageSize.of(size)
    scale = min(tall / pixels.shape[0], wide / pixels.shape[1])
    small = _resized(pixels, scale, scale)[:tall, :wide]
    board = np.full((tall, wide, pixels.shape[2]), BORDER, np.uint8)
    top, left = (tall - small.shape[0]) // 2, (wide - small.shape[1]) // 2
    board[top : top + small.shape[0], left : left + small.shape[1]] = small
    return board


def _zoomed(
    pixels: Pixels, height: int, width: int, rng: np.random.Generator, low: float, high: float
) -> Pixels:
    """Fill a rectangle with a random zoom of an image, grey where smaller, in other colours."""
    zoom = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    scale = zoom * max(height, width) / max(pixels.shape[:2])
    stretch = float(np.exp(rng.uniform(-0.1, 0.1)))
    image = _resized(pixels, scale * stretch, scale / stretch)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    board = np.full((height, width, image.shape[2]), BORDER, np.uint8)
    spans = []
    for have, want in zip(image.shape[:2], (height, width), strict=True):
        offset = int(rng.integers(min(0, want - have), max(0, want - have) + 1))
        first = max(0, -offset)
        place = max(0, offset)
        count = min(have - first, want - place)
        spans.append((slice(first, first + count), slice(place, place + count)))
    (rows, to_rows), (columns, to_columns) = spans
    board[to_rows, to_columns] = jitter(image[rows, columns], rng)
    return board


def jitter(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Change contrast, brightness and colour a little."""
    count = pixels.shape[2]
    gain = rng.uniform(0.7, 1.3) * np.exp(rng.uniform(-0.08, 0.08, count))
    shift = rng.uniform(-20, 20)
    levels = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
    return np.stack([levels[:, c][pixels[..., c]] for c in range(count)], axis=-1)


def to_tensor(pictures: Sequence[Pixels]) -> Tensor:
    """Stack images into floats 0 to 1, shape (n, channels, height, width)."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))
    return stacked.permute(0, 3, 1, 2).float() / 255
