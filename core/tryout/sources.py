"""Images, folders and videos that networks are tried on: what they are, and how many are read.

Needs no torch: the window asks here what a dropped file is.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError, reason_of

IMAGES = frozenset(
    (
        "avif",
        "bmp",
        "dng",
        "heic",
        "heif",
        "jp2",
        "jpeg",
        "jpg",
        "mpo",
        "png",
        "tif",
        "tiff",
        "webp",
    )
)
VIDEOS = frozenset(
    ("asf", "avi", "gif", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ts", "wmv", "webm")
)
"""Endings of the files that Ultralytics reads, without the dot; a GIF is a video to it."""
MOST_IMAGES = 200
"""Images that are read; of more, this many are taken evenly."""
MOST_FRAMES = 40
"""Frames that are read of each video, taken evenly."""
MOST_VIDEOS = 5
_SCANNED = 100_000
"""Entries of a folder that are looked at."""
_GLANCE = 2_000
"""Entries that are looked at while a folder is dragged over the window."""


@dataclass(frozen=True, slots=True)
class Found:
    """What files and folders hold.

    Attributes
    ----------
    images, videos : tuple of Path
        To be read, in order.
    images_total, videos_total : int
        How many there are, with those that are left out.
    """

    images: tuple[Path, ...]
    videos: tuple[Path, ...]
    images_total: int
    videos_total: int

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is not read, a sentence each."""
        notes = []
        if self.images_total > len(self.images):
            used, total = len(self.images), self.images_total
            notes.append(f"{used:,} of {total:,} images are used, taken evenly.")
        if self.videos_total > len(self.videos):
            used, total = len(self.videos), self.videos_total
            notes.append(f"The first {used} of {total:,} videos are used.")
        return tuple(notes)


def ending(path: str | Path) -> str:
    """Return the ending of a file's name in lower case, without the dot."""
    return Path(path).suffix[1:].lower()


def can_try(path: str | Path) -> bool:
    """Whether networks can be tried on a file or folder, by its name or by what is in it.

    A folder that holds a dataset YAML or ``train`` is a dataset, and no folder of images.
    """
    path = Path(path)
    if not path.is_dir():
        return ending(path) in IMAGES | VIDEOS
    seen = False
    for name, is_folder in _glance(path):
        kind = ending(name)
        if (is_folder and name == "train") or (not is_folder and kind in ("yaml", "yml")):
            return False
        seen = seen or (not is_folder and kind in IMAGES | VIDEOS)
    return seen


def describe(paths: Sequence[str | Path]) -> str:
    """Return what files and folders hold, as ``cat.jpg``, ``12 images`` or ``1 image, 1 video``."""
    if len(paths) == 1 and not Path(paths[0]).is_dir():
        return Path(paths[0]).name
    images, videos, more = 0, 0, False
    for path in map(Path, paths):
        names = [str(path)]
        if path.is_dir():
            entries = _glance(path)
            more = more or len(entries) == _GLANCE
            names = [name for name, is_folder in entries if not is_folder]
        images += sum(ending(name) in IMAGES for name in names)
        videos += sum(ending(name) in VIDEOS for name in names)
    counts = [(images, "image"), (videos, "video")]
    words = [f"{n:,} {word}{'s' * (n != 1)}" for n, word in counts if n] or ["no images"]
    return ("more than " if more else "") + ", ".join(words)


def find_sources(paths: Sequence[str | Path]) -> Found:
    """List the images and videos that files and folders hold.

    Parameters
    ----------
    paths : sequence of path
        Images, videos, and folders with some of them directly in them.

    Returns
    -------
    Found
        Never empty.

    Raises
    ------
    UserError
        For a path that is missing, is neither an image nor a video, or a folder without any.
    """
    listed = list(dict.fromkeys(file for path in paths for file in _files(Path(path))))
    images = [file for file in listed if ending(file) in IMAGES]
    videos = [file for file in listed if ending(file) in VIDEOS]
    if not listed:
        raise UserError("No image was given.", "Pass an image, a folder of images or a video.")
    chosen = tuple(images[n] for n in evenly(len(images), MOST_IMAGES))
    return Found(chosen, tuple(videos[:MOST_VIDEOS]), len(images), len(videos))


def evenly(total: int, most: int) -> list[int]:
    """Return the numbers of at most ``most`` of ``total`` things, evenly spread, rising."""
    if total <= most:
        return list(range(total))
    return [n * total // most for n in range(most)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        try:
            names = [name for name, is_folder in _entries(path, _SCANNED) if not is_folder]
        except OSError as error:
            raise UserError(f"Could not read the folder {path}: {reason_of(error)}.") from error
        files = [path / name for name in sorted(names) if ending(name) in IMAGES | VIDEOS]
        if not files:
            raise UserError(
                f"The folder {path} contains no images or videos.",
                "Choose a folder with images directly in it.",
            )
        return files
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Check the path.")
    if ending(path) not in IMAGES | VIDEOS or not path.is_file():
        raise UserError(
            f"{path} is neither an image nor a video.",
            "Choose an image such as .jpg or .png, a folder of images, or a video such as .mp4.",
        )
    return [path]


def _glance(folder: Path) -> list[tuple[str, bool]]:
    """Return the first entries of a folder; none of one that cannot be read."""
    try:
        return _entries(folder, _GLANCE)
    except OSError:
        return []


def _entries(folder: Path, most: int) -> list[tuple[str, bool]]:
    """Return names in a folder, and which are folders; hidden ones are left out."""
    with os.scandir(folder) as entries:
        first = itertools.islice(entries, most)
        return [(e.name, e.is_dir()) for e in first if not e.name.startswith(".")]
