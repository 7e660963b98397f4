"""Records of a search in its journal: their shapes, and what is read of them. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from core.choose.front import not_dominated
from core.choose.measured import MeasuredPoint
from core.plan.schema import PlanData
from core.search import parts
from core.search.parts import Count, Part, PruningReport
from core.search.settings import AT_ONCE
from core.system.records import Shape, checked

KIND = "search"
"""Of the journal."""
JOURNAL = "search.jsonl"
"""Its name in the folder of a search."""
Record = parts.Record
MEASURED = ("measured", "stopped")
"""States of trials that have a point."""


class _Identity(Shape):
    at_once: Annotated[int, Field(ge=1, le=AT_ONCE)] = 1
    int8: bool = True


class _Search(Shape):
    """The first record: what is searched."""

    search: _Identity


class _Unpruned(Shape):
    point: dict[str, Any]
    parameters: Count
    macs: Count


class _Base(Shape):
    unpruned: _Unpruned


class _Reference(Shape):
    """The unpruned network as INT8; without a point, what is missing for that."""

    format: str
    point: dict[str, Any] | None = None
    figures: dict[str, float] = Field(default_factory=dict)
    missing: str = ""


class _Int8(Shape):
    int8: _Reference


class _Suggested(Shape):
    amount: float
    plan: PlanData


class _Seeds(Shape):
    """Plans that are measured first."""

    suggested: list[_Suggested]


class _Part(Shape):
    part: Part


class Trial(Shape):
    """One trial.

    Attributes
    ----------
    trial : int
        Its number, from 0.
    settings : dict
        A value for every axis.
    state : str
        ``measured``; ``stopped``: measured after repair, and too far behind to be tuned;
        ``same``: the network of an earlier trial, ``same_as``; ``refused``, with ``message``.
    point, repaired : dict
        What was measured, finally and before it was tuned (`MeasuredPoint`).
    figures : dict
        All figures of accuracy.
    report : dict
        Of the pruning; empty where only the image size is another.
    file : str
        Where the network was saved. Only those of the front are kept.
    seconds : float
    """

    trial: Count
    settings: dict[str, Any]
    state: Literal["measured", "stopped", "same", "refused"]
    seconds: Annotated[float, Field(ge=0)]
    key: str = ""
    message: str = ""
    same_as: Count | None = None
    point: dict[str, Any] | None = None
    repaired: dict[str, Any] | None = None
    figures: dict[str, float] = Field(default_factory=dict)
    report: PruningReport | None = None
    file: str = ""


SHAPES: Mapping[str, type[BaseModel]] = {
    "search": _Search,
    "unpruned": _Base,
    "int8": _Int8,
    "suggested": _Seeds,
    "trial": Trial,
    "part": _Part,
}
"""Shapes of records by the field that only they have."""


def check(record: Record) -> None:
    """Raise ``ValueError`` for a record that could not be used."""
    shape = next((shape for field, shape in SHAPES.items() if field in record), None)
    if shape is None:
        raise ValueError("it is no record of a search")
    checked(shape, record)
    if "part" in record:
        parts.check(record["part"])
    if "unpruned" in record:
        MeasuredPoint.from_json(record["unpruned"]["point"])
    if "int8" in record and record["int8"].get("point") is not None:
        MeasuredPoint.from_json(record["int8"]["point"])
    if record.get("state") in MEASURED:
        if missing := sorted({"key", "file", "figures", "report"} - record.keys()):
            raise ValueError(f"it has no {missing[0]}")
        for name in ("point", *(("repaired",) if record.get("repaired") else ())):
            MeasuredPoint.from_json(record.get(name) or {})


def point_of(record: Record) -> tuple[float, float]:
    """Return the milliseconds and the accuracy of a trial that was measured."""
    return float(record["point"]["latency_ms"]), float(record["point"]["accuracy"])


def repaired_of(record: Record) -> tuple[float, float]:
    """Return the same as it was before it was tuned."""
    point = record.get("repaired") or record["point"]
    return float(point["latency_ms"]), float(point["accuracy"])


def measured(records: Sequence[Record]) -> list[Record]:
    """Return the trials that have a point."""
    return [record for record in records if record.get("state") in MEASURED]


def front(trials: Sequence[Record], unpruned: Record | None = None) -> list[Record]:
    """Return the trials that no other one beats in milliseconds and accuracy, fastest first.

    Parameters
    ----------
    trials : sequence of dict
    unpruned : dict, optional
        Its record: what is no faster and no more accurate than it is not on the front.
    """
    candidates = measured(trials)
    points = [point_of(record) for record in candidates]
    if unpruned is not None:
        points.insert(0, point_of(unpruned))
    if not points:
        return []
    figures = np.array([(ms, -accuracy) for ms, accuracy in points], dtype=np.float64)
    first = len(points) - len(candidates)
    chosen = [candidates[n - first] for n in not_dominated(figures) if n >= first]
    return sorted(chosen, key=point_of)


def prune_files(trials: Sequence[Record], kept: Sequence[Record], folder: Path) -> list[Path]:
    """Remove the networks of trials that are not on the front, and return them.

    Parameters
    ----------
    trials : sequence of dict
    kept : sequence of dict
        On the front.
    folder : Path
        Of the search: nothing outside it is removed.
    """
    stay = {record["file"] for record in kept}
    gone = []
    for record in measured(trials):
        path = Path(record["file"])
        if record["file"] not in stay and path.parent == folder and path.is_file():
            path.unlink()
            gone.append(path)
    return gone
