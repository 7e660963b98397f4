"""Which layers stay in higher precision: those whose accuracy is worth their milliseconds."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.ship.quantize.graph import within

AUTO, NONE = "auto", "none"
COUNTS = (0, 1, 2, 4, 8)
"""How many of the layers that lose most are left, in the versions that are tried."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A version that was measured.

    Attributes
    ----------
    kept : tuple of str
        Layers in higher precision, besides the decoding.
    accuracy : float
        Share of the FP32 file's, on images held out of calibration.
    time : float
        Share of the FP32 file's milliseconds, in turns with it.
    """

    kept: tuple[str, ...]
    accuracy: float
    time: float

    @property
    def worth(self) -> float:
        """What it keeps less what it takes: a point of accuracy is worth a point of time."""
        return self.accuracy - self.time

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"kept": list(self.kept), "accuracy": self.accuracy, "time": self.time}


NOISE = 0.01
"""What a version that leaves more layers must be worth more than one that leaves fewer."""


def best(tried: Sequence[Tried]) -> int:
    """Return the number of the version to take.

    Parameters
    ----------
    tried : sequence of Tried
        Those that leave fewer layers first; a later one must be worth more by `NOISE`.
    """
    chosen = 0
    for number, one in enumerate(tried):
        if one.worth > tried[chosen].worth + NOISE:
            chosen = number
    return chosen


def versions(ranking: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of layers to try, from none on: the first of a ranking."""
    counts = dict.fromkeys(min(count, len(ranking)) for count in COUNTS)
    return [tuple(ranking[:count]) for count in counts]


def parse_kept(text: str) -> tuple[str, ...] | None:
    """Read what is to be kept: None for the automatic choice, else names.

    Raises
    ------
    UserError
        For an empty name.
    """
    if text.strip() == AUTO:
        return None
    if text.strip() == NONE:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise UserError(
            f"“{text}” is not a list of layers.",
            f"Use {AUTO}, {NONE}, or names such as model.0,model.22.cv3.0.2.",
        )
    return names


def check_kept(kept: Collection[str], known: Collection[str]) -> None:
    """Refuse names that are no layer, and hold none.

    Raises
    ------
    UserError
        With the nearest name.
    """
    for name in kept:
        if not any(within(layer, name) for layer in known):
            near = difflib.get_close_matches(name, known, 1)
            hint = (
                f"Did you mean {near[0]}?"
                if near
                else "Use one of another name: `secateur inspect` lists all."
            )
            raise UserError(f"The network has no layer “{name}” that is quantised.", hint)
