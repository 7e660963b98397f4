"""What was measured of an interrupted run: the next run with the same request continues there."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError
from core.plan.latency.files import latency_folder
from core.ship.latency.measure import Numbers
from core.system.budget import CACHED, read_json
from core.system.cache import DAMAGED
from core.system.files import write_json

FOLDER = "unfinished"
"""Beneath the folder of latency tables."""


class Unfinished:
    """Keeps what each case of a run took until the run is over.

    Ratios are within one case, so that cases may be hours apart.

    Parameters
    ----------
    request : mapping
        What the run measures, as plain data: the same request finds the same cases.
    shape : pair of int
        Turns and networks of every case.
    """

    def __init__(self, request: Mapping[str, Any], shape: tuple[int, int]) -> None:
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        self.file: Path = latency_folder() / FOLDER / f"{digest[:32]}.json"
        self._shape = shape
        self._cases: dict[str, Any] = {}
        with contextlib.suppress(*DAMAGED):
            self._cases = dict(read_json(self.file, CACHED))

    def find(self, case: str) -> tuple[Numbers, Numbers] | None:
        """Return the wall and processor times of a case; None where it was not measured."""
        try:
            wall, cpu = (np.array(self._cases[case][part], float) for part in ("wall", "cpu"))
        except DAMAGED:
            return None
        sound = all(t.shape == self._shape and np.isfinite(t).all() for t in (wall, cpu))
        return (wall, cpu) if sound and (wall > 0).all() else None

    def keep(self, case: str, wall: Numbers, cpu: Numbers) -> None:
        """Take in what a case took; a folder that cannot be written keeps nothing."""
        self._cases[case] = {"wall": wall.tolist(), "cpu": cpu.tolist()}
        with contextlib.suppress(OSError, UserError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.file, self._cases)

    def over(self) -> None:
        """The run reached its end: the next one measures again."""
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)
