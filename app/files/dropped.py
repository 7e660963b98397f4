"""Files that are dropped together: what they are, and what opening them will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = ".secateur"
PLAN = ".json"
DESCRIPTIONS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Dropped:
    """Paths by what they hold, as far as names and descriptions tell.

    Attributes
    ----------
    models : tuple of str
        Checkpoints and descriptions of networks, and whatever has no name of its own kind.
    projects, datasets, plans : tuple of str
    """

    models: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.projects, *self.models, *self.plans, *self.datasets)

    @property
    def pair(self) -> tuple[str, str] | None:
        """What is opened and the dataset that it is opened with, where these two were dropped."""
        opened = (*self.projects, *self.models)
        fits = len(opened) == len(self.datasets) == 1 and not self.plans
        return (opened[0], self.datasets[0]) if fits else None

    def compared_with(self, model: str) -> tuple[str, ...]:
        """Return the models to compare with the open one, named by its path; empty for none."""
        others = tuple(path for path in self.models if Path(path) != Path(model))
        return others if model and len(others) == len(self.paths) else ()


def sort_dropped(paths: Sequence[str]) -> Dropped:
    """Tell models, projects, datasets and plans apart.

    Parameters
    ----------
    paths : sequence of str
        Files and folders; a folder is taken for a dataset.
    """
    found: dict[str, list[str]] = {"models": [], "projects": [], "datasets": [], "plans": []}
    for path in paths:
        found[_kind(path)].append(path)
    return Dropped(**{name: tuple(kind) for name, kind in found.items()})


def _kind(path: str) -> str:
    from core.data.source import is_description

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
    if compare and others:
        return f"Compare {_named(others)} with {opened}", ""
    if dropped.pair is not None:
        first, data = dropped.pair
        return f"Open {Path(first).name} with the dataset {Path(data).name}", ""
    if len(dropped.paths) > 1:
        more = f"Hold Shift to compare them with {opened}" if others else ""
        return f"Choose which of {len(dropped.paths)} files to open", more
    name = Path(dropped.paths[0]).name
    if (dropped.datasets or dropped.plans) and not model:
        return f"Open a model to use {name}", "Drop them together, or the model first"
    if dropped.datasets:
        return f"Use the dataset {name}", f"for {opened}"
    if dropped.plans:
        return f"Use the plan {name}", f"for {opened}"
    more = f"Hold Shift to compare it with {opened}" if others else ""
    return f"Open {name}", more


def _named(paths: Sequence[str]) -> str:
    names = [Path(path).name for path in paths]
    return names[0] if len(names) == 1 else f"{len(names)} models"
