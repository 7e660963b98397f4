"""Shapes of what a history holds as plain data: what reports, tables and charts read of it.

A step or a measurement that has another shape is damaged, and left out where it is read: what
reads it needs no doubt. Fields that nothing computes with may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    StrictStr,
    Tag,
    model_validator,
)

from core.errors import UserError
from core.plan.schema import PlanData
from core.system.records import Shape
from core.system.size import ImageSize

ACCURACY, LATENCY, ALTERNATIVES, EXPORT = "accuracy", "latency", "alternatives", "export"
Figures = dict[str, float]
Count = Annotated[int, Field(ge=0)]


def _size(value: Any) -> Any:
    try:
        ImageSize.of(value)
    except UserError as error:
        raise ValueError(error.message) from error
    return value


def _size_or_none(value: Any) -> Any:
    return value if value is None else _size(value)


Size = Annotated[Any, AfterValidator(_size_or_none)]
"""An image size as JSON has it, or none."""
KnownSize = Annotated[Any, AfterValidator(_size)]
"""An image size as JSON has it."""


class Details(Shape):
    """How a step was done, as `core.history.results` and measurements write it."""

    plan: PlanData | None = None
    relative_error: float | None = None
    repair: list[StrictStr] | None = None
    before: Figures | None = None
    parameters: Count | None = None
    epochs: Count | None = None
    images: Count | None = None
    image_size: Size = None
    data: str | None = None
    split: str | None = None
    source: str | None = None
    job: str | None = None


class _Model(Shape):
    path: str | None = None
    sha256: str | None = None
    figures: Figures
    classes: dict[str, Figures] | None = None
    images: Count | None = None


class _Guess(Shape):
    """A class of the whole image: what a classifier found, or a label."""

    confidence: float | None = None
    class_name: str = Field(alias="class")


class _Box(_Guess):
    x: float
    y: float
    width: float
    height: float


def _is_box(data: Any) -> str:
    """Whether data is meant as a box, whole or not."""
    named = data if isinstance(data, Mapping) else {}
    return "box" if {"x", "y", "width", "height"} & set(named) else "guess"


_Object = Annotated[
    Annotated[_Box, Tag("box")] | Annotated[_Guess, Tag("guess")], Discriminator(_is_box)
]


class _Image(Shape):
    image: str
    change: float
    scores: list[float | None]
    truth: list[_Object]
    boxes: list[list[_Object]]


class Accuracy(Shape):
    """Of `core.compare.files.compare_files`."""

    models: Annotated[list[_Model], Field(min_length=1)]
    images: list[_Image] | Count | None = None
    data: str | None = None
    split: str | None = None
    image_size: Size = None

    @model_validator(mode="after")
    def _each_image_by_every_model(self) -> Accuracy:
        for image in self.images if isinstance(self.images, list) else ():
            if not len(image.scores) == len(image.boxes) == len(self.models):
                raise ValueError(f"{image.image} is not described for every model")
        return self


class _Spread(Shape):
    median: Annotated[float, Field(ge=0)]
    low: float
    high: float


class _Timing(Shape):
    model: str
    runtime: str
    precision: str
    batch: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)]
    image_size: KnownSize
    ms: _Spread
    cpu_ms: _Spread | None = None
    ratio: _Spread | None
    cpu_ratio: _Spread | None = None


class _Machine(Shape):
    device: str
    name: str | None = None
    on: str | None = None
    libraries: dict[str, str | None] | None = None


class _Missing(Shape):
    runtime: str
    message: str


class Latency(Shape):
    """Of `core.ship.latency.measure.measure`."""

    machine: _Machine
    timings: list[_Timing]
    missing: list[_Missing] = Field(default_factory=list)


class _Row(Shape):
    kind: Literal[
        "original", "pruned", "tuned", "model", "resolution", "quantised", "runtime", "stock"
    ]
    name: str
    image_size: KnownSize
    parameters: float | None
    macs: float | None
    bytes: float | None
    figure: float | None
    ms: float | None
    ratio: float | None
    precision: str
    note: str
    sha256: str | None = None


class Alternatives(Shape):
    """Of `core.report.measuring`."""

    image_size: KnownSize
    rows: list[_Row]
    measure: str | None = None
    data: str | None = None
    split: str | None = None
    runtime: str | None = None
    images: Count | None = None
    threads: Count | None = None


class _Parity(Shape):
    relative_error: float
    passed: bool | None
    images: Count
    real: bool
    detections: Count | None
    matched: float


class Export(Shape):
    """Of `core.ship.export.run.Exported`."""

    output: str
    format: str
    precision: str
    image_size: Size = None
    bytes: Count
    model_bytes: Count
    parity: _Parity | None
    figures: dict[str, float] | None = None
    timings: list[_Timing] = Field(default_factory=list)


RESULTS: Mapping[str, type[BaseModel]] = {
    ACCURACY: Accuracy,
    LATENCY: Latency,
    ALTERNATIVES: Alternatives,
    EXPORT: Export,
}
"""What was measured, by the name of the measurement."""
