"""Images as pictures to look at, whatever their bands and depth. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.system.files import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

SHOWN = 3
"""Bands of a picture: the first ones of an image with more, as Ultralytics draws them."""
TAILS = (1.0, 99.0)
"""Percentiles that become black and white where values are no bytes."""
Pixels = NDArray[np.uint8]


def open_picture(path: str | Path) -> Image:
    """Return an image as a picture in colour, upright.

    Of the pages of a TIFF, which are bands to Ultralytics, the first three are red, green and blue.
    Values of more than eight bits are stretched to them.

    Parameters
    ----------
    path : path

    Raises
    ------
    OSError, SyntaxError, ValueError
        When it cannot be read.
    """
    from PIL import Image, ImageOps, ImageSequence

    with open_regular(path) as stream, Image.open(stream) as opened:
        if opened.format == "TIFF" and (pages := getattr(opened, "n_frames", 1)) > 1:
            frames = zip(range(min(pages, SHOWN)), ImageSequence.Iterator(opened), strict=False)
            return Image.fromarray(as_picture(_stacked([np.array(one) for _, one in frames])))
        if opened.mode in ("RGB", "L", "P", "RGBA", "LA", "1", "CMYK", "YCbCr"):
            return ImageOps.exif_transpose(opened).convert("RGB")
        return Image.fromarray(as_picture(np.array(ImageOps.exif_transpose(opened))))


def as_picture(pixels: NDArray[Any]) -> Pixels:
    """Return bands as a picture.

    Parameters
    ----------
    pixels : array, shape (height, width) or (height, width, bands)
        Bytes, or other numbers, which are stretched.

    Returns
    -------
    uint8 array, shape (height, width, 3)
        The first three bands; one band is grey, and of two the last one is repeated.
    """
    bands = pixels[..., None] if pixels.ndim == 2 else pixels[..., :SHOWN]
    shown = np.stack([_bytes(bands[..., n]) for n in range(bands.shape[-1])], -1)
    more = SHOWN - shown.shape[-1]
    return np.ascontiguousarray(np.concatenate([shown, *[shown[..., -1:]] * more], -1))


def _bytes(band: NDArray[Any]) -> Pixels:
    if band.dtype == np.uint8:
        return np.asarray(band, np.uint8)
    known = band[np.isfinite(band)].astype(float)
    low, high = np.percentile(known, TAILS) if known.size else (0.0, 1.0)
    share = (np.nan_to_num(band.astype(float), nan=low) - low) / max(high - low, 1e-12)
    return np.asarray(np.clip(255 * share, 0, 255), np.uint8)


def _stacked(pages: list[NDArray[Any]]) -> NDArray[Any]:
    """Join pages as bands; those that are no bands of the first one are left out."""
    alike = [page for page in pages if page.ndim == 2 and page.shape == pages[0].shape]
    return np.stack(alike, -1) if alike else pages[0]
