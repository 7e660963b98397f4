"""The project file: a model, the plan for it, and the results, as versioned JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError, first_wrong, reason_of
from core.plan.schema import Plan, PlanData, Target
from core.system.budget import PROJECT, OverBudgetError, read_json
from core.system.files import write_json
from core.system.records import why_damaged
from core.system.size import USUAL_SIZE, SizeSetting
from core.trust.border import Border
from core.trust.own import remember

VERSION = 3
SUFFIX = ".secateur"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelReference(_Strict):
    """Which file the project is about; relative to the project where it is beneath it."""

    path: str
    sha256: str | None = None
    family: str = ""


class View(_Strict):
    """What the window showed."""

    selection: tuple[int, ...] = ()
    focused: int | None = None
    overlay: str = "none"


class DataSetting(_Strict):
    """The images that rankings, measurements and repairs look at.

    Attributes
    ----------
    path : str
        A dataset YAML; in a project, relative to it where it is beneath its folder.
    images : int
        How many images, drawn by ``seed``.
    image_size : ImageSize
        What they are letterboxed to; one number in the file for a square, else height and width.
    device : str
        What computes; empty picks a GPU if there is one.
    same_classes : bool
        Whether its classes were said to be the model's, by number, whatever their names.
    """

    path: str
    images: int = Field(default=96, ge=1)
    image_size: SizeSetting = USUAL_SIZE
    seed: int = Field(default=0, ge=0)
    device: str = ""
    same_classes: bool = False


class Result(_Strict):
    """One pruned file that resulted from the project."""

    output: str
    date: str
    parameters_before: int
    parameters_after: int
    macs_before: int
    macs_after: int
    relative_error: float
    plan: PlanData = Field(default_factory=dict)


class Tuned(_Strict):
    """One fine-tuned file that resulted from the project.

    Attributes
    ----------
    output : str
    date : str
        ISO 8601, UTC.
    source : str
        The file that it was tuned from.
    job : str
        The folder of the job that made it.
    parameters : int or None
    before, after : dict
        What was measured on the val split before and after, such as ``map50_95``.
    """

    output: str
    date: str = ""
    source: str = ""
    job: str = ""
    parameters: int | None = None
    before: dict[str, float] = Field(default_factory=dict)
    after: dict[str, float] = Field(default_factory=dict)


class Project(_Strict):
    """A project.

    Attributes
    ----------
    version : int
        Of the file's format.
    model : ModelReference or None
    plan : Plan
    view : View
    results : tuple of Result
        Pruned files, oldest first.
    tuned : tuple of Tuned
        Fine-tuned files, oldest first.
    data : DataSetting or None
    goal : Target or None
        What “Suggest” aims at.
    sensitivity : str or None
        The file of a sensitivity scan, named like the model.
    steps : str or None
        The folder of a run of the strategy one by one, named like the model.
    """

    version: Literal[3] = 3
    model: ModelReference | None = None
    plan: Plan = Field(default_factory=Plan)
    view: View = Field(default_factory=View)
    results: tuple[Result, ...] = ()
    tuned: tuple[Tuned, ...] = ()
    data: DataSetting | None = None
    goal: Target | None = None
    sensitivity: str | None = None
    steps: str | None = None

    def model_path(self, project: Path) -> Path | None:
        """Return the model's place, for a project file at ``project``."""
        return None if self.model is None else place(self.model.path, project)


Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

UPGRADES: Mapping[int, Upgrade] = {
    1: dict,  # 2 only adds: data, goal, sensitivity, steps
    2: dict,  # 3 only adds: tuned
}
"""From a version to the next: a function per step, kept for ever with a stored sample."""


def upgrade(data: dict[str, Any], steps: Mapping[int, Upgrade] = UPGRADES) -> dict[str, Any]:
    """Bring the data of an older file up to this version, one step at a time.

    Raises
    ------
    UserError
        For a version that is newer than this program, or that no step leads on from.
    """
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise UserError("The project has no version.", "Open another project file.")
    if version > VERSION:
        raise UserError(
            f"The project was saved by a newer Secateur (format {version}; this version "
            f"reads {VERSION}).",
            "Update Secateur to open it. The file was not changed.",
        )
    while version < VERSION:
        if version not in steps:
            raise UserError(
                f"The project has format {version}, which does not exist.",
                "Open another project file.",
            )
        data = {**steps[version](data), "version": version + 1}
        version += 1
    return data


def read_project(path: str | Path) -> Project:
    """Read a project file.

    Raises
    ------
    UserError
        When it is missing, damaged, or newer than this program.
    """
    path = Path(path)
    try:
        data = read_json(path, PROJECT)
    except OSError as error:
        raise UserError(
            f"Could not read the project {path}: {reason_of(error)}.", "Check the path."
        ) from (error)
    except OverBudgetError as error:
        raise _damaged(path, f"it {error.why}") from error
    except ValueError as error:  # also of text that is not UTF-8
        raise _damaged(path, why_damaged(error)) from error
    return parse_project(data, path)


def parse_project(data: Any, path: Path = Path("project")) -> Project:
    """Read a project from plain data; ``path`` is named when it is damaged.

    Raises
    ------
    UserError
        When it is damaged, or newer than this program.
    """
    if not isinstance(data, dict):
        raise _damaged(path, "not a JSON object")
    try:
        return Project.model_validate(upgrade(data))
    except ValidationError as error:
        raise _damaged(path, first_wrong(error, "project")) from error


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"The project {path} is damaged ({why}).",
        "Open the model and plan again, or restore the project from a backup.",
    )


def write_project(path: str | Path, project: Project) -> None:
    """Write a project file; an existing one is replaced only when the new one is whole.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    write_json(Path(path), project_json(project))
    for kind, paths in outside_names(project, Path(path)).items():
        remember(kind, list(paths))


def outside_names(project: Project, path: Path) -> dict[str, tuple[str, ...]]:
    """Return the files outside the folder of its file, at ``path``, that a project names.

    Returns
    -------
    dict
        Of the ``project`` itself and, where its dataset is inside, of that ``data``: sorted.
    """
    from core.data.outside import images_outside

    border = Border(Path(path).absolute().parent)
    found: set[str | None] = set()
    if project.model is not None:
        found.add(border.outside(project.model.path))

    def look(name: str) -> str:
        found.add(border.outside(name))
        return name

    _named(project, look)
    named = tuple(sorted(filter(None, found)))
    if project.data is None:
        return {"project": named}
    return {"project": named, "data": images_outside(place(project.data.path, path), border)}


def project_json(project: Project) -> dict[str, Any]:
    """Return a project as plain data, as its file holds it."""
    plan = {"plan": project.plan.to_json()}
    return project.model_dump(mode="json", exclude={"plan"}) | plan


def reference(model: str | Path, project: Path) -> str:
    """Name a model's file for a project: relative when it is beneath the project's folder."""
    path, folder = Path(model).absolute(), Path(project).absolute().parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def place(stored: str, project: Path) -> Path:
    """Return where a name that ``reference`` made leads, for a project file at ``project``."""
    return Path(os.path.normpath(Path(project).absolute().parent / stored))


def with_references(project: Project, path: Path) -> Project:
    """Return a project whose files are named as its own file, at ``path``, names them."""
    return _named(project, lambda name: reference(name, path))


def with_places(project: Project, path: Path) -> Project:
    """Return a project read from ``path`` with every relative name made absolute."""
    return _named(project, lambda name: str(place(name, path)))


def _named(project: Project, name: Callable[[str], str]) -> Project:
    """Name everything that resulted from a project, and what it looks at, another way."""

    def again(one: Any, *keys: str) -> Any:
        told = {key: getattr(one, key) for key in keys}
        return one.model_copy(update={key: name(held) for key, held in told.items() if held})

    named: Project = again(project, "sensitivity", "steps")
    return named.model_copy(
        update={
            "data": None if project.data is None else again(project.data, "path"),
            "results": tuple(again(result, "output") for result in project.results),
            "tuned": tuple(again(one, "output", "source", "job") for one in project.tuned),
        }
    )
