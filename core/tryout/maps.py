"""Maps that networks find of an image, classes of pixels or depths: alike, and drawn over it."""

from __future__ import annotations

import colorsys
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.labels import Object
from core.data.picture import as_picture

SIDE = 1600
"""Longest side of a picture, in pixels: as much as the window shows."""
SOLID = 0.6
"""How far the colour of a class covers the image."""
ALIKE = 1.25
"""Ratio up to which two depths are one, as for the figure δ1."""
TAILS = (2.0, 98.0)
"""Percentiles of the first network's depths that get the ends of the colours."""
SPREAD = 0.618034
"""Of the hue circle between one class and the next, as in the window."""
LEAST = 0.001
"""Share of an image below which a class is not named."""
QUALITY = 90
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Map:
    """What a network finds at every pixel of an image.

    Attributes
    ----------
    values : array, shape (height, width)
        Numbers of classes, or depths in metres.
    names : dict of int to str, or None
        Classes by number; None for depths.
    binary : bool
        Whether 1 is the only class, and 0 what is none.
    """

    values: NDArray[Any]
    names: dict[int, str] | None
    binary: bool = False

    def alike(self, other: Map) -> float:
        """Return the share of pixels with the same class, or with depths within `ALIKE`."""
        if self.names is not None:
            return float((self.values == other.values).mean())
        logs = [np.log(np.maximum(each.values, 1e-6)) for each in (self, other)]
        return float((np.abs(logs[0] - logs[1]) < np.log(ALIKE)).mean())


def map_of(result: Any) -> Map | None:
    """Return the map of a result; None where it has objects.

    Parameters
    ----------
    result : ultralytics.engine.results.Results
        On the CPU.
    """
    if getattr(result, "semantic_mask", None) is not None:
        names = {int(number): str(name) for number, name in result.names.items()}
        values = np.asarray(result.semantic_mask.data).astype(np.int64)
        binary = len(names) == 1
        return Map(values, {1: names[min(names)]} if binary else names, binary)
    if getattr(result, "depth", None) is not None:
        return Map(np.asarray(result.depth.data, np.float32), None)
    return None


def legend(found: Map, first: Map) -> list[Object]:
    """Return what the colours of a map say: classes by falling share, or two depths.

    Parameters
    ----------
    found : Map
    first : Map
        Of the first network, whose range all depths are drawn in.
    """
    if found.names is None:
        low, high = _range(first)
        ends = (("near", low, 1.0), ("far", high, 0.0))
        return [
            {"class": f"{word} {metres:.2f} m", "colour": _hex(_ramp(np.array([[share]]))[0, 0])}
            for word, metres, share in ends
        ]
    numbers, counts = np.unique(found.values, return_counts=True)
    shares = sorted(zip(-counts / found.values.size, numbers.tolist(), strict=True))
    return [
        {
            "class": found.names[number],
            "share": round(float(-share), 4),
            "colour": _hex(class_colour(number)),
        }
        for share, number in shares
        if -share >= LEAST and number in found.names
    ]


def drawn(pixels: Pixels, found: Map, first: Map) -> bytes:
    """Return a map over its image as a JPEG.

    Parameters
    ----------
    pixels : uint8 array, shape (height, width, channels)
        As the network takes it: blue, green, red where there are three channels.
    found, first : Map
        As for `legend`.
    """
    from PIL import Image

    image = Image.fromarray(as_picture(pixels[..., ::-1] if pixels.shape[-1] == 3 else pixels))
    image.thumbnail((SIDE, SIDE))
    size = image.size
    if found.names is None:
        low, high = _range(first)
        near = 1.0 - (np.log(np.maximum(found.values, 1e-6)) - np.log(low)) / np.log(high / low)
        image = Image.fromarray(_ramp(np.clip(near, 0.0, 1.0))).resize(size)
    else:
        values = Image.fromarray(found.values.astype(np.int32))
        near = np.asarray(values.resize(size, Image.Resampling.NEAREST))
        numbers, places = np.unique(near, return_inverse=True)
        colours = np.array([class_colour(int(number)) for number in numbers], np.uint8)
        cover = np.array([SOLID if int(number) in found.names else 0.0 for number in numbers])
        places = places.reshape(size[1], size[0])
        base, over = np.asarray(image, float), cover[places][..., None]
        mixed = (1 - over) * base + over * colours[places]
        image = Image.fromarray(mixed.astype(np.uint8))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=QUALITY)
    return data.getvalue()


def class_colour(number: int) -> tuple[int, int, int]:
    """Return the colour of a class, the same as the window's: red, green, blue."""
    red, green, blue = colorsys.hsv_to_rgb((0.58 + SPREAD * number) % 1.0, 0.62, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _range(first: Map) -> tuple[float, float]:
    low, high = (max(float(v), 1e-6) for v in np.percentile(first.values, TAILS))
    return low, max(high, low * 1.01)


def _ramp(shares: NDArray[Any]) -> Pixels:
    """Return colours of shares, 0 to 1, dark to bright; shape (height, width, 3)."""
    import cv2

    levels = np.round(255 * shares).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(colours[..., ::-1], np.uint8)


def _hex(colour: Any) -> str:
    return "#{:02x}{:02x}{:02x}".format(*(int(part) for part in colour))
