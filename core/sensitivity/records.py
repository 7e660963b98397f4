"""Records in the files of scans and of steps: their shapes, and how they are read. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.plan.schema import Entry
from core.system.journal import read_journal
from core.system.records import Shape, checked

SCANS, STEPS = "sensitivity", "steps"
"""Kinds of journals."""
Count = Annotated[int, Field(ge=0)]


class _Accuracy(Shape):
    map50_95: float
    map50: float
    images: Count | None = None
    skipped: Count | None = None


class _Point(Shape):
    scan: str
    block: int | None
    ratio: float | None
    map50_95: float
    map50: float = 0.0
    share: float | None = None
    macs: Count = 0
    parameters: Count = 0
    atoms: str = ""

    @model_validator(mode="after")
    def _of_a_block_or_of_all(self) -> _Point:
        if (self.block is None) != (self.ratio is None):
            raise ValueError("a block without a ratio, or a ratio without a block")
        return self


class _Scan(Shape):
    scan: str
    settings: dict[str, Any]


class _Baseline(Shape):
    run: str
    baseline: _Accuracy


class _Proof(Shape):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    relative_error: float
    tolerance: float
    passed: bool
    inputs: Count
    repaired: bool = False


class _Step(Shape):
    """What tables and charts read of a step."""

    run: str = ""
    step: Annotated[int, Field(ge=1)]
    model: str | None = None
    block: int | None = None
    layer: str | None = None
    ratio: float | None = None
    scope: str = "all"
    map50_95: float | None = None
    map50: float | None = None
    share: float | None = None
    accepted: bool = False
    note: str = ""
    macs: Count | None = None
    parameters: Count | None = None
    fallback_of: int | None = None
    checkpoint: Annotated[str, Field(pattern=r"^[^/\\\x00]*$")] = ""


class _WholeStep(_Step):
    """What a run that continues reads of it, as well."""

    run: str
    model: str
    map50_95: float
    macs: Count
    share: float | None
    accepted: bool
    checkpoint: Annotated[str, Field(pattern=r"^[^/\\\x00]+$")]
    parent: Count
    item: Count
    entry: dict[str, Any]
    removed: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
    proof: _Proof


_SHAPES: Mapping[str, type[BaseModel]] = {
    "step": _Step,
    "baseline": _Baseline,
    "map50_95": _Point,
    "settings": _Scan,
}
"""By a key that only such records have, the first one first."""


def check(record: dict[str, Any]) -> None:
    """Raise ``ValueError`` for a record of a scan or of steps that cannot be shown."""
    shape = next((shape for key, shape in _SHAPES.items() if key in record), None)
    if shape is not None:
        checked(shape, record)


def check_whole(record: dict[str, Any]) -> None:
    """Raise ``ValueError`` for a record that a run cannot continue from."""
    if "step" not in record:
        return check(record)
    checked(_WholeStep, record)
    Entry.model_validate(record["entry"])
    return None


def read_scans(file: Path) -> list[dict[str, Any]]:
    """Return the records of a file of scans; raises ``UserError`` if it is none."""
    return read_journal(file, SCANS, check)


def read_steps(file: Path, *, whole: bool = False) -> list[dict[str, Any]]:
    """Return the records of a log of steps; raises ``UserError`` if it is none.

    Parameters
    ----------
    file : Path
    whole : bool
        Only those that a run can continue from.
    """
    return read_journal(file, STEPS, check_whole if whole else check)
