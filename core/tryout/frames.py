"""Images and frames of videos, decoded one at a time for networks to be tried on."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from core.data.bands import read_bands
from core.errors import reason_of
from core.ship.export.exporter import sealed
from core.system.files import check_regular, write_bytes
from core.tryout.result import Unread
from core.tryout.sources import MOST_FRAMES, Found, ending, evenly

Pixels = NDArray[np.uint8]
MOST_PIXELS = 100_000_000
"""Of one image, which takes 300 MB decoded."""
SMALLEST = 10
"""Pixels of the shorter side: smaller images show nothing."""
_LOOKED_AT = 20_000
"""Frames that are gone through in one video: more than ten minutes."""
_CHECK_EVERY = 50
"""Frames gone through between two looks at whether to stop."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One image to try networks on.

    Attributes
    ----------
    image : str
        The file that shows it; empty for a frame that is not kept.
    title : str
    pixels : uint8 array, shape (height, width, channels)
        Blue, green, red, as Ultralytics takes them, or what networks take that are for others.
    """

    image: str
    title: str
    pixels: Pixels


class Shots:
    """The images that were found, decoded as they are needed.

    Parameters
    ----------
    found : Found
    keep : Path, optional
        A folder for frames of videos, so that they can be shown.
    check : callable
        Called while a video is searched; may cancel.
    channels : int
        Of the images that the networks take.

    Attributes
    ----------
    skipped : list of Unread
        Filled on the way.
    left_out : list of str
    expected : int
        About how many there will be.
    """

    def __init__(
        self,
        found: Found,
        keep: Path | None = None,
        check: Callable[[], None] = lambda: None,
        channels: int = 3,
    ) -> None:
        self._found, self._keep, self._check, self._channels = found, keep, check, channels
        self.skipped: list[Unread] = []
        self.left_out: list[str] = list(found.left_out)
        self.expected = len(found.images) + MOST_FRAMES * len(found.videos)

    def __iter__(self) -> Iterator[Shot]:
        for path in self._found.images:
            read = _decode if self._channels == 3 else partial(_bands, channels=self._channels)
            pixels = self._tried(path, read)
            if pixels is not None:
                yield Shot(str(path), path.name, pixels)
        for number, path in enumerate(self._found.videos):
            yield from self._video(path, number)

    def _tried(self, path: Path, read: Callable[[Path], Pixels]) -> Pixels | None:
        try:
            return read(path)
        except _UnreadableError as error:
            self.skipped.append({"file": str(path), "reason": str(error)})
            return None

    def _video(self, path: Path, number: int) -> Iterator[Shot]:
        import cv2

        if self._channels not in (1, 3):
            reason = f"A video has three channels, and the networks take {self._channels}."
            self.skipped.append({"file": str(path), "reason": reason})
            return
        video = cv2.VideoCapture(str(path))
        try:
            sides = [video.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
            if not video.isOpened() or _size_problem(int(sides[0]), int(sides[1])):
                problem = _size_problem(int(sides[0]), int(sides[1])) if video.isOpened() else ""
                reason = problem or "It cannot be read as a video."
                self.skipped.append({"file": str(path), "reason": reason})
                return
            rate = video.get(cv2.CAP_PROP_FPS)
            total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            if total <= 0:
                total = self._count(path)
            wanted = evenly(min(total, _LOOKED_AT), MOST_FRAMES)
            self.expected += len(wanted) - MOST_FRAMES
            found = 0
            for place, pixels in self._frames(video, wanted):
                found += 1
                seconds = f", {place / rate:.1f} s" if rate > 0 else ""
                image = self._kept(pixels, f"{number}-{place:06d}.jpg")
                if self._channels == 1:
                    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
                    pixels = np.asarray(grey, np.uint8)[..., None]
                yield Shot(image, f"{path.name}, frame {place + 1:,}{seconds}", pixels)
            self._report(path, found, total)
        finally:
            video.release()

    def _report(self, path: Path, found: int, total: int) -> None:
        if not found:
            self.skipped.append({"file": str(path), "reason": "It has no frames that can be read."})
        elif found < total:
            first = f"the first {_LOOKED_AT:,} of " if total > _LOOKED_AT else ""
            self.left_out.append(
                f"{found:,} frames of {path.name} are used, taken evenly from {first}{total:,}."
            )

    def _frames(self, video: Any, wanted: list[int]) -> Iterator[tuple[int, Pixels]]:
        """Go through a video and decode only what is wanted of it."""
        asked = set(wanted)
        for place in range(max(wanted, default=-1) + 1):
            if place % _CHECK_EVERY == 0:
                self._check()
            if not video.grab():
                return
            if place in asked:
                there, pixels = video.retrieve()
                if there and pixels is not None and not _size_problem(*pixels.shape[1::-1]):
                    yield place, pixels

    def _count(self, path: Path) -> int:
        """Count the frames of a video that does not say how many it has."""
        import cv2

        video = cv2.VideoCapture(str(path))
        try:
            count = 0
            while count < _LOOKED_AT and video.grab():
                count += 1
                if count % _CHECK_EVERY == 0:
                    self._check()
            return count
        finally:
            video.release()

    def _kept(self, pixels: Pixels, name: str) -> str:
        if self._keep is None:
            return ""
        import cv2

        done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
        if not done:
            return ""
        write_bytes(self._keep / name, data.tobytes())
        return str(self._keep / name)


class _UnreadableError(Exception):
    """An image that cannot be used, with the reason."""


def _decode(path: Path) -> Pixels:
    """Decode an image as Ultralytics does, if it is whole and not too large."""
    try:
        check_regular(path)
        with sealed(), warnings.catch_warnings(action="ignore"), Image.open(path) as opened:
            problem = _size_problem(*opened.size)
            if problem:
                raise _UnreadableError(problem)
            opened.load()
            pixels = _by_ultralytics(path)
            if pixels is None:
                upright = ImageOps.exif_transpose(opened).convert("RGB")
                pixels = np.ascontiguousarray(np.asarray(upright, dtype=np.uint8)[..., ::-1])
    except Image.DecompressionBombError as error:
        raise _UnreadableError(f"It has more than {MOST_PIXELS // 10**6} megapixels.") from error
    except (UnidentifiedImageError, ImportError) as error:  # Ultralytics looks for one of HEIF
        if ending(path) in ("heic", "heif"):
            raise _UnreadableError("HEIF images need the package pi-heif.") from error
        raise _UnreadableError("It is not an image, or of a kind that is not supported.") from error
    except OSError as error:
        reason = f"It cannot be read: {reason_of(error).rstrip('.')}."
        raise _UnreadableError(reason) from error
    except (SyntaxError, ValueError, TypeError, EOFError, MemoryError, IndexError) as error:
        raise _UnreadableError("It is damaged.") from error
    return pixels


def _bands(path: Path, channels: int) -> Pixels:
    """Read an image for networks that take no colour image, if it has what they take."""
    with sealed(), _silent_opencv():
        pixels = read_bands(path, channels)
    if pixels is None:
        takes = "1 channel" if channels == 1 else f"{channels} channels"
        raise _UnreadableError(f"It cannot be read as an image of {takes}.")
    if problem := _size_problem(pixels.shape[1], pixels.shape[0]):
        raise _UnreadableError(problem)
    return pixels


def _by_ultralytics(path: Path) -> Pixels | None:
    """Read an image with OpenCV; None where it does not know the kind."""
    import cv2
    from ultralytics.utils.patches import imread

    with _silent_opencv():
        try:
            pixels: Pixels | None = imread(str(path), cv2.IMREAD_COLOR)
        except cv2.error:
            return None
    return pixels if pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 3 else None


@contextlib.contextmanager
def _silent_opencv() -> Iterator[None]:
    """Keep what decoders print off the screen: problems are reported here."""
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    log = cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def _size_problem(width: int, height: int) -> str:
    """Return why an image of a size cannot be used; empty where it can."""
    if width * height > MOST_PIXELS:
        limit = MOST_PIXELS // 10**6
        return f"It is too large: {width:,} × {height:,} pixels, of at most {limit} megapixels."
    if min(width, height) < SMALLEST:
        return f"It is too small: {width} × {height} pixels."
    return ""
