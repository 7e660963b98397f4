"""Parts of trials that are made at once, kept as they come. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from core.data.resample import RESAMPLES
from core.plan.schema import PlanData
from core.system.records import Shape

MADE, TUNED = "made", "tuned"
Count = Annotated[int, Field(ge=0)]
Record = dict[str, Any]


class PruningReport(Shape):
    """What was pruned; empty where nothing was."""

    plan: PlanData | None = None
    before: dict[str, int] | None = None
    after: dict[str, int] | None = None


class _Judged(Shape):
    """Of `core.compare.evaluated.Evaluated`."""

    figures: dict[str, float]
    images: Count
    resampled: Annotated[list[float | None], Field(min_length=RESAMPLES, max_length=RESAMPLES)]
    seconds: Annotated[float, Field(ge=0)]


class _Tuning(Shape):
    epochs: Count
    seconds: Annotated[float, Field(ge=0)]


class Part(Shape):
    """What was made of a trial so far.

    Attributes
    ----------
    trial : int
        Its number.
    settings : dict
    stage : str
        ``made``: pruned, repaired and evaluated; ``tuned``: fine-tuned and evaluated again.
    seconds : float
        That it took to make.
    key : str
        Names the network by what makes it.
    report : dict
        Of the pruning; empty where only the image size is another.
    steps : str
        Of the repair.
    judged : dict
        What the evaluation found, on resampled images as well.
    tuning : dict
        Report of the fine-tuning; ``tune_failed`` says why there is none.
    sha256 : str
        Of the network's file after this stage.
    """

    trial: Count
    settings: dict[str, Any]
    stage: Literal["made", "tuned"]
    seconds: Annotated[float, Field(ge=0)] = 0.0
    key: str = ""
    report: PruningReport | None = None
    steps: str = ""
    judged: _Judged | None = None
    tuning: _Tuning | None = None
    tune_failed: str = ""
    sha256: str = ""


def check(part: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for a part of the right shape that could not be used all the same."""
    wanted: Sequence[str] = ("seconds", "key", "report", "steps", "judged", "sha256")
    if part["stage"] == TUNED:
        wanted = () if part.get("tune_failed") else ("tuning", "judged", "sha256")
    if missing := [name for name in wanted if part.get(name) is None]:
        raise ValueError(f"it has no {missing[0]}")
    judged = part.get("judged")
    if judged is not None and not judged["figures"]:
        raise ValueError("it has no figures")


def known(journal: Sequence[Record]) -> dict[tuple[int, str], Record]:
    """Return the parts in a journal's records by trial and stage, the newest of each."""
    found: dict[tuple[int, str], Record] = {}
    for record in journal:
        if part := record.get("part"):
            if part["stage"] == MADE:  # what was tuned before is of another network
                found.pop((part["trial"], TUNED), None)
            found[part["trial"], part["stage"]] = part
    return found
