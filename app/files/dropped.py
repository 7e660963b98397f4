"""Files that are dropped together: what they are, and what opening them will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = ".secateur"
PLAN = ".json"
DESCRIPTIONS = (".yaml", ".yml")
EXPORTED = "Exported files have no layers to show or to prune"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Paths by what they hold, as far as names and descriptions tell.

    Attributes
    ----------
    models : tuple of str
        Checkpoints and descriptions of networks, and whatever has no name of its own kind.
    projects, datasets, plans : tuple of str
    images : tuple of str
        Images, videos, and folders of them.
    exported : tuple of str
        Exported networks, which are compared and tried but not opened.
    """

    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    exported: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them."""
        opened = (*self.projects, *self.models, *self.plans, *self.datasets)
        return (*opened, *self.images, *self.exported)

    @property
    def networks(self) -> tuple[str, ...]:
        """What can be compared and tried: models, then exported files."""
        return (*self.models, *self.exported)

    @property
    def for_trying(self) -> bool:
        """Whether networks are to be tried on images: there is nothing else but models."""
        return bool(self.images) and len(self.images) + len(self.networks) == len(self.paths)

    @property
    def pair(self) -> tuple[str, str] | None:
        """What is opened and the dataset that it is opened with, where these two were dropped."""
        opened = (*self.projects, *self.models)
        fits = len(opened) == len(self.datasets) == 1 and len(self.paths) == 2
        return (opened[0], self.datasets[0]) if fits else None

    def compared_with(self, model: str) -> tuple[str, ...]:
        """Return the models to compare with the open one, named by its path; empty for none."""
        others = tuple(path for path in self.networks if Path(path) != Path(model))
        return others if model and len(others) == len(self.paths) else ()


def sort_dropped(paths: Sequence[str]) -> Dropped:
    """Tell models, projects, datasets and plans apart.

    Parameters
    ----------
    paths : sequence of str
        Files and folders; a folder is taken for a dataset unless it holds images alone.
    """
    from core.ship.exported.metadata import exported_of

    kinds = ("models", "projects", "datasets", "plans", "images", "exported")
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    for path in dict.fromkeys(map(exported_of, paths)):
        found[_kind(path)].append(path)
    return Dropped(**{name: tuple(kind) for name, kind in found.items()})


def _kind(path: str) -> str:
    from core.data.source import is_description
    from core.ship.exported.metadata import is_exported
    from core.tryout.sources import can_try

    if is_exported(path):
        return "exported"
    if can_try(path):
        return "images"
    ending = Path(path).suffix.lower()
    if Path(path).is_dir() or (ending in DESCRIPTIONS and is_description(path)):
        return "datasets"
    return {PROJECT: "projects", PLAN: "plans"}.get(ending, "models")


def announce(dropped: Dropped, model: str, compare: bool) -> tuple[str, str]:
    """Describe what a drop will do.

    Parameters
    ----------
    dropped : Dropped
    model : str
        Path of the open model; empty if none is open.
    compare : bool
        Whether a comparison is asked for instead of opening.

    Returns
    -------
    (str, str)
        What will happen, and what else is possible.
    """
    opened, others = Path(model).name, dropped.compared_with(model)
    if others and (compare or len(others) == len(dropped.exported)):
        return f"Compare {_named(others)} with {opened}", ""
    if dropped.pair is not None:
        first, data = dropped.pair
        return f"Open {Path(first).name} with the dataset {Path(data).name}", ""
    if dropped.for_trying:
        return _announce_trying(dropped, model)
    if len(dropped.paths) > 1:
        more = f"Hold Shift to compare them with {opened}" if others else ""
        return f"Choose which of {len(dropped.paths)} files to open", more
    name = Path(dropped.paths[0]).name
    if dropped.exported:
        return f"Open a model to compare {name} with it", EXPORTED
    if (dropped.datasets or dropped.plans) and not model:
        return f"Open a model to use {name}", "Drop them together, or the model first"
    if dropped.datasets:
        return f"Use the dataset {name}", f"for {opened}"
    if dropped.plans:
        return f"Use the plan {name}", f"for {opened}"
    more = f"Hold Shift to compare it with {opened}" if others else ""
    return f"Open {name}", more


def _announce_trying(dropped: Dropped, model: str) -> tuple[str, str]:
    from core.tryout.sources import describe

    images, opened = describe(dropped.images), Path(model).name
    others = tuple(path for path in dropped.networks if Path(path) != Path(model))
    if not opened and not dropped.models:
        return f"Open a model to try it on {images}", "Drop them together, or the images first"
    if not opened:
        return f"Open {Path(others[0]).name} and try it on {images}", ""
    if others:
        return f"Try {opened} and {_named(others)} on {images}", ""
    return f"Try {opened} on {images}", "next to what was pruned or fine-tuned from it"


def _named(paths: Sequence[str]) -> str:
    names = [Path(path).name for path in paths]
    return names[0] if len(names) == 1 else f"{len(names)} models"
