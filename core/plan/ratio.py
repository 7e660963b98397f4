"""The limits of a ratio: the share of a block's or a layer's channels to remove."""

from __future__ import annotations

LEAST, WHOLE = 0.0, 1.0
"""What a plan may ask for."""
OFFERED = 0.95
"""What the window's controls go up to: a block that loses more has next to nothing left."""
SCANNED = (0.25, 0.5, 0.75, 0.9)
"""What a sensitivity scan measures of each block unless told otherwise."""
PLACES = 4
"""Decimal places that a ratio set by hand keeps."""


def within(ratio: float, most: float = WHOLE) -> float:
    """Return the nearest ratio that may be asked for."""
    return min(most, max(LEAST, ratio))


def set_by_hand(ratio: float, most: float = WHOLE) -> float:
    """Return the same, as an edit of the plan keeps it."""
    return round(within(ratio, most), PLACES)
