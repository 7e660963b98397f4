"""What was measured of a network next to a suggestion, and where it is kept. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from core.errors import UserError
from core.plan.schema import Plan
from core.system.budget import CACHED, read_json
from core.system.cache import cache_folder, stored
from core.system.files import write_json
from core.system.records import Shape, checked, leave_out
from core.system.size import ImageSize

RANKED_BY = ("criterion", "allocation", "representative", "round_to", "seed", "target", "device")
"""What exact channels do not depend on."""


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """Accuracy and time of a pruned and repaired network, or of the unpruned one.

    Attributes
    ----------
    accuracy : float
        The main figure of the task.
    low, high : float
        The 95% interval of the accuracy, from a paired bootstrap over images against the unpruned
        network, which is taken as known.
    latency_ms, latency_low, latency_high : float
        Milliseconds per image: the median and the quartiles. They are the ratio to the unpruned
        network, turn by turn, times its median.
    metric : str
        Key of the figure, such as ``map50_95`` (`core.data.figures`).
    images : int
        How many it was measured on.
    image_size : ImageSize
        Of these.
    runtime : str
    seconds : float
        How long the measurement took.
    repair : str
        Steps of repair before the evaluation, with commas between them; empty for none.
    """

    accuracy: float
    low: float
    high: float
    latency_ms: float
    latency_low: float
    latency_high: float
    metric: str
    images: int
    image_size: ImageSize
    runtime: str
    seconds: float = 0.0
    repair: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", ImageSize.of(self.image_size))

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {**asdict(self), "image_size": self.image_size.plain}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MeasuredPoint:
        """Read what ``to_json`` returned; other keys may be next to it.

        Raises
        ------
        ValueError
            When something is missing, or is not what it should be.
        """
        told = {name: value for name, value in data.items() if name in _NAMES}
        try:
            return cls(**checked(_Point, told))
        except UserError as error:
            raise ValueError(error.message) from error


_NAMES = {field.name for field in fields(MeasuredPoint)}


class _Point(Shape):
    accuracy: float
    low: float
    high: float
    latency_ms: Annotated[float, Field(gt=0)]
    latency_low: float
    latency_high: float
    metric: str
    images: Annotated[int, Field(ge=0)]
    image_size: Any
    runtime: str
    seconds: Annotated[float, Field(ge=0)]
    repair: str


class MeasuredStore:
    """Points in the user's cache, each in a file of its own.

    Parameters
    ----------
    settings : mapping
        All that a figure depends on besides the plan, as plain data.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = dict(settings)

    def _path(self, plan: Plan | None) -> Path:
        text = json.dumps({**self._settings, "plan": plan_facts(plan)}, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        return cache_folder("fronts") / f"{name}.json"

    def get(self, plan: Plan | None) -> MeasuredPoint | None:
        """Return what was measured of a plan, or of the unpruned network for None."""
        try:
            data = checked(Shape, read_json(self._path(plan), CACHED))
            return MeasuredPoint.from_json(data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            leave_out(self._path(plan), error)
            return None

    def add(self, plan: Plan | None, point: MeasuredPoint) -> None:
        """Keep what was measured."""
        stored(self._path(plan), lambda path: write_json(path, point.to_json()))


def plan_facts(plan: Plan | None) -> dict[str, Any] | None:
    """Return what a pruned network depends on of its plan."""
    if plan is None:
        return None
    data = plan.to_json()
    data.pop("model_sha256")
    if plan.target is None and all(entry.channels is not None for entry in plan.selection):
        return {key: value for key, value in data.items() if key not in RANKED_BY}
    return data
