"""Sample images with what every network found, small enough for a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.system.files import open_regular

LARGEST = 400
"""Longer side of a sample in pixels."""
QUALITY = 72
MOST_BOXES = 40
"""Boxes drawn on one image, the surest first."""


def choose(rows: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """Pick images evenly from the worst change to the best, so that none is hand-picked.

    Parameters
    ----------
    rows : sequence of mapping
        Of a comparison, the worst change first.
    count : int
    """
    if count <= 0 or not rows:
        return []
    if len(rows) <= count:
        return list(rows)
    last = len(rows) - 1
    places = {round(last * place / max(1, count - 1)) for place in range(count)}
    return [rows[place] for place in sorted(places)]


def sample(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an image as plain data with its picture, or None when it cannot be read.

    Returns
    -------
    dict
        ``name``, ``width``, ``height``, ``jpeg`` (a data URI), ``scores``, ``change``, ``truth``
        and ``boxes`` (one list a network; fractions of the image).
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(str(row["image"]))
    try:
        with open_regular(path) as stream, Image.open(stream) as opened:
            # As the labels see it: cameras store turned pictures with a note.
            image = ImageOps.exif_transpose(opened).convert("RGB")
            image.thumbnail((LARGEST, LARGEST))
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None
    return {
        "name": path.name,
        "width": image.width,
        "height": image.height,
        "jpeg": "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
        "scores": list(row["scores"]),
        "change": row["change"],
        "truth": list(row["truth"]),
        "boxes": [_surest(boxes) for boxes in row["boxes"]],
    }


def _surest(boxes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(boxes, key=lambda box: -float(box.get("confidence") or 0.0))[:MOST_BOXES]
