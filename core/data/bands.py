"""Images with another number of channels than three, read as Ultralytics reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.system.files import check_regular


def read_bands(file: Path, channels: int) -> NDArray[np.uint8] | None:
    """Return an image for a network that takes other images than colour.

    One channel is the grey level of any image. Others are all bands of a file: the pages of a
    TIFF, or red, green, blue and transparency; there must be as many as the network takes.

    Parameters
    ----------
    file : Path
    channels : int
        As the network takes.

    Returns
    -------
    uint8 array, shape (height, width, channels), or None
        None where it cannot be read, or has other bands.
    """
    import cv2
    from ultralytics.utils.patches import imread

    flags = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR}.get(channels, cv2.IMREAD_UNCHANGED)
    try:
        check_regular(file)
        pixels = imread(str(file), flags=flags)
    except (cv2.error, OSError, SyntaxError, ValueError):
        return None
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != channels:
        return None
    return np.ascontiguousarray(pixels, dtype=np.uint8)
