"""Layer times of this machine on disk: what was measured once is never measured again.

One file per machine, runtime and settings; networks share it. It is written after every few
points, so a build that was cancelled or killed continues where it stopped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.plan.latency.files import key_of, latency_folder
from core.system.budget import CACHED, read_json
from core.system.cache import DAMAGED
from core.system.files import write_json

FORMAT = 2

Place = tuple[str, int, int]
"""A shape's name, an input width and an output width."""


class LayerStore:
    """Times of layers, by shape and widths.

    Parameters
    ----------
    about : mapping
        What they depend on (``core.plan.latency.files.describe``).
    path : Path, optional
        The file; in the user's cache by default. One that is missing, damaged or of another
        version counts as empty.
    again : bool
        Measure anew: the times are kept next to the file, until `settle` puts them in its place. A
        build that was interrupted continues with them.

    Attributes
    ----------
    step : int or None
        Of the staircase; None until it was measured.
    reference : float or None
        Milliseconds of the reference layer when the first points were measured.
    """

    def __init__(
        self, about: Mapping[str, Any], path: Path | None = None, *, again: bool = False
    ) -> None:
        self.about = {key: about[key] for key in about if key not in ("sha256", "image_size")}
        self._usual = path or latency_folder() / f"layers-{key_of(self.about)}.json"
        self.path = (
            self._usual.with_name(f"{self._usual.stem}-again.json") if again else self._usual
        )
        self.step: int | None = None
        self.reference: float | None = None
        self._times: dict[Place, float] = {}
        self._read()

    def _read(self) -> None:
        try:
            data = read_json(self.path, CACHED)
            if data["format"] != FORMAT or data["about"] != self.about:
                return
            times = {
                (str(name), int(row[0]), int(row[1])): float(row[2])
                for name, rows in data["points"].items()
                for row in rows
            }
            step = None if data["step"] is None else int(data["step"])
            reference = None if data["reference"] is None else float(data["reference"])
        except DAMAGED:
            return
        positive = step is None or step >= 1, reference is None or reference > 0
        if all(0 <= ms < float("inf") for ms in times.values()) and all(positive):
            self._times, self.step, self.reference = times, step, reference

    def __contains__(self, place: Place) -> bool:
        return place in self._times

    def __getitem__(self, place: Place) -> float:
        return self._times[place]

    def __len__(self) -> int:
        return len(self._times)

    def add(self, places: Iterable[Place], times: Iterable[float]) -> None:
        """Add measurements and write the file; a cache that cannot be written only costs time."""
        self._times.update(zip(places, map(float, times), strict=True))
        self.save()

    def settle(self) -> None:
        """All that was wanted is measured: the times take the place of those before."""
        if self.path != self._usual:
            with contextlib.suppress(OSError):
                self.path.replace(self._usual)
            self.path = self._usual

    def save(self) -> None:
        """Write the file."""
        points: dict[str, list[list[float]]] = {}
        for (name, ins, outs), ms in sorted(self._times.items()):
            points.setdefault(name, []).append([ins, outs, ms])
        data = {
            "format": FORMAT,
            "about": self.about,
            "step": self.step,
            "reference": self.reference,
            "points": points,
        }
        with contextlib.suppress(OSError, UserError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, data, compact=True)
