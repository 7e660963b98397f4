"""Where the names of points go, so that none is on another name or point."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

Size = tuple[float, float]
Place = tuple[float, float]
Box = tuple[float, float, float, float]
GAP = 7.0
"""Pixels between a point and its name."""
ROWS = 6
"""How many lines up or down a name may move away from its point."""


def place_names(
    points: Sequence[Place], sizes: Sequence[Size], area: Size
) -> list[tuple[float, float]]:
    """Find places for names next to their points.

    Parameters
    ----------
    points : sequence of (float, float)
        In pixels, y downwards.
    sizes : sequence of (float, float)
        Width and height of every name.
    area : (float, float)
        Width and height of the drawing; names stay inside where they can.

    Returns
    -------
    list of (float, float)
        The top left corner of every name. Where there is no free place, the one that covers least.
    """
    taken: list[Box] = [(x - GAP, y - GAP, x + GAP, y + GAP) for x, y in points]
    found = []
    for point, size in zip(points, sizes, strict=True):
        boxes = [_inside(box, area) for box in _places(point, size)]
        best = min(boxes, key=lambda box: _cost(box, point, taken, area))
        taken.append(best)
        found.append((best[0], best[1]))
    return found


def _places(point: Place, size: Size) -> list[Box]:
    """Return places around a point, near ones first."""
    (x, y), (width, height) = point, size
    lefts = (x + GAP, x - GAP - width, x - width / 2)
    boxes = []
    for step, left in product(range(2 * ROWS), lefts):
        rise = step * height / 2
        rises = (-rise, rise) if step else (0.0,)
        for rise in rises:
            top = y - height / 2 + rise
            boxes.append((left, top, left + width, top + height))
    return boxes


def _inside(box: Box, area: Size) -> Box:
    """Move a place up or down into the drawing."""
    left, top, right, bottom = box
    shift = max(0.0, -top) or min(0.0, area[1] - bottom)
    return left, top + shift, right, bottom + shift


def _cost(box: Box, point: Place, taken: Sequence[Box], area: Size) -> tuple[float, float]:
    """Return what a place covers, and how far it is from its point."""
    whole = (box[2] - box[0]) * (box[3] - box[1])
    outside = whole - _shared(box, (0.0, 0.0, area[0], area[1]))
    covered = sum(_shared(box, other) for other in taken)
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    far = abs(middle[1] - point[1]) * 4 + abs(middle[0] - point[0])
    return round(4 * outside + covered, 3), far


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
