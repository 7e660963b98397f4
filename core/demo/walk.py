"""What a run of the demo is asked for, and what its steps hand on to one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.demo import place as places
from core.demo.place import Place
from core.system.size import ImageSize
from resources import scenes

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings
    from core.pipeline import Pruned
    from core.plan.schema import Plan

MODELS = ("original", "pruned", "tuned")


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """How the demo is run.

    Attributes
    ----------
    train, val : int
        Scenes to draw.
    images : int
        That the ranking looks at.
    repair_images : int
        That repair looks at.
    target : float
        Share of the multiply-adds that should stay.
    epochs : int
        Of fine-tuning.
    repair_minutes : float
        Longest time for repair.
    repeats : int
        Turns of the latency measurement.
    """

    train: int = scenes.TRAIN
    val: int = scenes.VAL
    images: int = places.IMAGES
    repair_images: int = 96
    target: float = places.TARGET
    epochs: int = 6
    repair_minutes: float = 1.0
    repeats: int = 30


@dataclass
class Walk:
    """What the steps hand on to one another."""

    place: Place
    settings: DemoSettings
    models: dict[str, Loaded] = field(default_factory=dict)
    pruned: Pruned | None = None
    plan: Plan | None = None
    compared: Mapping[str, Any] = field(default_factory=dict)
    latency: dict[str, Any] = field(default_factory=dict)
    tuning: dict[str, Any] = field(default_factory=dict)
    job: Path | None = None
    export: dict[str, Any] | None = None
    missing: list[dict[str, str]] = field(default_factory=list)
    report: Path | None = None
    pictures: list[Path] = field(default_factory=list)
    news: dict[str, Any] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[Path, Path, Path]:
        """The files of `MODELS`."""
        return self.place.model, self.place.pruned, self.place.tuned

    @property
    def history(self) -> Path:
        """The history next to the project, which the window takes over with it."""
        from core.system.paths import history_of

        return history_of(self.place.project)

    def data(self, split: str, images: int | None = None) -> DataSettings:
        """Return images of the demo's dataset."""
        from core.data.stream import ALL, DataSettings

        return DataSettings(
            self.place.data,
            images=images or ALL,
            seed=places.SEED,
            image_size=ImageSize.of(places.IMAGE_SIZE),
            split=split,
        )

    def keep(self, name: str, result: Mapping[str, Any], models: tuple[str, ...] = MODELS) -> None:
        """Keep a measurement next to the project, for reports."""
        from core.history.measurements import keep

        keep(self.history, name, [self.models[model].facts.sha256 for model in models], result)
