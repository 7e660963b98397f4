"""Where the legend lies: in a corner that covers no block and no heading, if there is one. No Qt.

Rectangles are (left, top, width, height) in pixels of the view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Box = tuple[float, float, float, float]
MARGIN = 6.0


def place_legend(
    size: tuple[float, float],
    area: Box,
    headings: Sequence[Box],
    obstacles: Iterable[Box],
    minimap: Box,
) -> tuple[float, float]:
    """Return the top left corner for a legend.

    Parameters
    ----------
    size : (float, float)
        Its width and height.
    area : Box
        Where it may lie.
    headings : sequence of Box
        Of the lanes, from left to right.
    obstacles : iterable of Box
        The blocks.
    minimap : Box
        What lies in the bottom right corner already.

    Returns
    -------
    (float, float)
        The first of these places that covers nothing: the top right corner, below the headings
        (from right to left), above the minimap, the bottom left corner. Where all of them cover
        something, the one that covers least.
    """
    width, height = size
    left, top, right = area[0], area[1], area[0] + area[2] - width
    bottom = area[1] + area[3] - height
    places = [(right, top)]
    for x, y, wide, high in reversed(headings):
        middle = min(max(x + (wide - width) / 2, left), right)
        places.append((middle, max(top, y + high + MARGIN)))
    places += [(right, minimap[1] - height - MARGIN), (left, bottom)]
    taken = [*headings, *obstacles, minimap]

    def covered(place: tuple[float, float]) -> float:
        inside = _overlap((*place, width, height), area)
        outside = width * height - inside
        hidden = sum(_overlap((*place, width, height), box) for box in taken)
        return round(outside + hidden, 3)

    return min(places, key=covered)  # the first of those that cover least


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)
