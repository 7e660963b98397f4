"""Files outside a project's folder that a project, its jobs and its history would use.

A project may come from a stranger. What it names beneath its folder is its own; anything outside is
neither read into a report, nor written, nor resumed before the user has confirmed it, unless it was
made on this machine (`core.trust.own`). Needs no torch.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.history.measurements import OLD_SUFFIX, read_measurements
from core.history.nodes import read_nodes
from core.project import Project, outside_names, read_project
from core.runs.folder import Job, list_jobs, read_job
from core.system.paths import JOBS, data_folder, history_of, jobs_of
from core.trust.border import Border
from core.trust.own import is_own, remember

_WRITTEN_FROM_HERE = ("model", "teacher", "data", "output", "history")
"""Arguments of a job that start in the current folder where they are relative."""
SHOWN = 3


class OutsideError(UserError):
    """Something received names files outside its folder.

    Parameters
    ----------
    what : str
        What names them, as the beginning of a sentence.
    paths : sequence of str
    """

    def __init__(self, what: str, paths: tuple[str, ...]) -> None:
        shown = ", ".join(paths[:SHOWN])
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        super().__init__(
            f"{what} uses files outside its folder: {shown}{more}.",
            "If you know where it comes from, confirm them with --trust-paths, or by opening the "
            "project in the window.",
        )
        self.paths = paths


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that names files outside.

    Attributes
    ----------
    kind : str
    content : plain data
        All that it says.
    paths : tuple of str
        The files and folders outside, resolved.
    """

    kind: str
    content: Any
    paths: tuple[str, ...]


# ---- a project -------------------------------------------------------------------------------


def claims_of(
    path: str | Path,
    project: Project | None = None,
    *,
    own: bool = False,
    jobs: Sequence[Path] = (),
) -> tuple[Claim, ...]:
    """Return what a project, and what lies next to it, names outside and was not made here.

    Parameters
    ----------
    path : path
        The project file.
    project : Project, optional
        What it holds, where it was read already.
    own : bool
        Whether the user made it in this session, so that only what lies next to it counts.
    jobs : sequence of path
        Other folders of its jobs.

    Raises
    ------
    UserError
        When the project cannot be read.
    """
    place = Path(path).absolute()
    if project is None and not own:
        project = read_project(place)
    border = Border(place.parent)
    found = itertools.chain(
        () if project is None or own else _of_project(project, place),
        *(_of_jobs(each, border) for each in dict.fromkeys((jobs_of(place), *jobs))),
        _of_history(place, border),
    )
    return tuple(c for c in found if c.paths and not is_own(c.kind, c.content))


def _of_project(project: Project, place: Path) -> Iterator[Claim]:
    for kind, paths in outside_names(project, place).items():
        yield Claim(kind, list(paths), paths)


def _of_jobs(place: Path, border: Border) -> Iterator[Claim]:
    if not place.is_dir() or Border(data_folder()).outside(str(place.absolute())) is None:
        return
    led = border.outside(str(place))
    if led is not None:
        yield Claim("jobs", [str(place), led], (led,))
    for folder in list_jobs(place):
        with contextlib.suppress(UserError):
            job = read_job(folder)
            yield _of_arguments(job, border)
            yield Claim("result", job.result, border.outside_of(job.result))


def _of_arguments(job: Job, border: Border) -> Claim:
    here = str(Path.cwd())
    first = (job.arguments.get(key) for key in _WRITTEN_FROM_HERE)
    used = {border.outside(str(value), here) for value in first if value}
    paths = {path for path in used if path is not None} | {*border.outside_of(job.arguments)}
    return Claim("job", job.wants, tuple(sorted(paths)))


def _of_history(project: Path, border: Border) -> Iterator[Claim]:
    place = history_of(project)
    with contextlib.suppress(UserError):
        for node in read_nodes(place):
            content = node.model_dump(mode="json")
            yield Claim("node", content, border.outside_of(content))
    for store in (place, project.with_suffix(OLD_SUFFIX)):
        for measurement in read_measurements(store):
            content = measurement.model_dump(mode="json")
            yield Claim("measurement", content, border.outside_of(content))


def outside_files(claims: tuple[Claim, ...]) -> tuple[str, ...]:
    """Return all files and folders that claims name, each once."""
    return tuple(dict.fromkeys(path for claim in claims for path in claim.paths))


def confirm(claims: tuple[Claim, ...]) -> None:
    """Remember that the user agreed to what these name."""
    for claim in claims:
        remember(claim.kind, claim.content)


def check_project(
    path: str | Path,
    project: Project | None = None,
    *,
    own: bool = False,
    jobs: Sequence[Path] = (),
    trust: bool = False,
) -> None:
    """Refuse a received project that uses files outside its folder.

    Parameters
    ----------
    path, project, own, jobs
        As `claims_of` takes them.
    trust : bool
        Whether the user confirms them now, for this time and later.

    Raises
    ------
    OutsideError
        With the files.
    """
    claims = claims_of(path, project, own=own, jobs=jobs)
    if trust:
        confirm(claims)
    elif claims:
        raise OutsideError(f"The project {Path(path).name}", outside_files(claims))


# ---- a job -----------------------------------------------------------------------------------


def job_claim(folder: str | Path) -> Claim | None:
    """Return what a job that was not made here would use outside; None where it may run."""
    place = Path(folder).absolute()
    job = read_job(place)
    home = place.parent.parent if place.parent.suffix == JOBS else place
    if Border(data_folder()).outside(str(place)) is None:  # among the program's own data
        return None
    claim = _of_arguments(job, Border(home))
    return None if not claim.paths or is_own(claim.kind, claim.content) else claim


def check_job(folder: str | Path, *, trust: bool = False) -> None:
    """Refuse to run a received job that uses files outside its project's folder.

    Raises
    ------
    OutsideError
        With the files.
    """
    claim = job_claim(folder)
    if claim is None:
        return
    if not trust:
        raise OutsideError(f"The job {Path(folder).name}", claim.paths)
    confirm((claim,))
