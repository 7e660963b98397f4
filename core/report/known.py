"""What is known about a project from its files; nothing is measured. Needs no torch to import."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import UserError
from core.history.measurements import places_of
from core.project import Project, Result, place, read_project
from core.runs.folder import Job, list_jobs, read_job, status_of
from core.runs.kinds import KINDS
from core.system.files import sha256_of
from core.system.paths import job_folders

if TYPE_CHECKING:
    from core.checkpoint import Facts
    from core.graph.table import ChannelTable
    from core.plan.widths import Mask


@dataclass(frozen=True, slots=True)
class OpenProject:
    """A project and where it is, or would be, saved: relative names start there.

    Attributes
    ----------
    project : Project
    place : Path
    received : bool
        Whether it was read from its file; what is open in the window is the user's own.
    """

    project: Project
    place: Path
    received: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        return self.place.name


@dataclass(frozen=True, slots=True)
class Network:
    """One file of weights that a report shows.

    Attributes
    ----------
    role : str
        ``original``, ``pruned`` or ``tuned``.
    path : Path
    sha256 : str or None
        None where the file no longer exists.
    bytes : int or None
    date : str
        When it was made, if known.
    parameters, macs : int or None
    relative_error : float or None
        To the masked original, for a pruned one.
    job : Path or None
        The folder of the job that made a tuned one.
    source : str or None
        SHA-256 of the file that a tuned one was tuned from.
    """

    role: str
    path: Path
    sha256: str | None
    bytes: int | None
    date: str = ""
    parameters: int | None = None
    macs: int | None = None
    relative_error: float | None = None
    job: Path | None = None
    source: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data; places on this machine are not told."""
        return {
            "role": self.role,
            "name": self.path.name,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "date": self.date,
            "parameters": self.parameters,
            "macs": self.macs,
            "relative_error": self.relative_error,
        }


@dataclass
class Known:
    """A project with all that its files tell.

    Attributes
    ----------
    opened : OpenProject
    sha256 : str or None
        Of the unpruned model, as found or else as the project remembers it.
    facts : Facts or None
        Of the unpruned model, also where its file is gone but it was analysed here before.
    table : ChannelTable or None
    networks : list of Network
        The unpruned one, the pruned ones in order, the tuned ones in order.
    notes : list of (str, str)
        What the user should know, as message and hint.
    """

    opened: OpenProject
    sha256: str | None
    facts: Facts | None = None
    table: ChannelTable | None = None
    networks: list[Network] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def of(self, role: str) -> list[Network]:
        """Return the networks of one kind, oldest first."""
        return [network for network in self.networks if network.role == role]

    @property
    def original(self) -> Network | None:
        """The unpruned network."""
        return next(iter(self.of("original")), None)

    @property
    def pruned(self) -> Network | None:
        """The newest pruned file that is there; else the newest."""
        found = self.of("pruned")
        there = [network for network in found if network.sha256 is not None]
        return next(reversed(there or found), None)

    @property
    def tuned(self) -> Network | None:
        """The newest file tuned from that one; else from the unpruned one, by an iteration."""
        pruned = self.pruned
        for network in reversed(self.of("tuned")):
            if network.sha256 is None:
                continue
            if pruned is None or network.source in (pruned.sha256, self.sha256):
                return network
        return None

    @property
    def shown(self) -> list[Network]:
        """What a report compares: unpruned, pruned, tuned; only what there is."""
        found = (self.original, self.pruned, self.tuned)
        return [network for network in found if network is not None]

    @cached_property
    def pruned_facts(self) -> Facts | None:
        """What the newest pruned file says about itself."""
        from core.pipeline import load

        pruned = self.pruned
        if pruned is None or pruned.sha256 is None:
            return None
        try:
            return load(pruned.path).facts
        except UserError as error:
            self.note(error)
            return None

    @cached_property
    def removed(self) -> Mask | None:
        """What the newest pruned file says was removed, shape (atoms,); None where it cannot."""
        from core.pruning.record import stored_removal

        if self.table is None or self.sha256 is None or self.pruned_facts is None:
            return None
        try:
            return stored_removal(self.table, self.sha256, self.pruned_facts)
        except UserError as error:
            self.note(error)
            return None

    @property
    def stores(self) -> tuple[Path, ...]:
        """Where measurements are kept, new ones in the first."""
        from core.checkpoint.facts import origin_of

        origin = self.sha256 if self.facts is None else origin_of(self.facts)
        return places_of(self.opened.place, origin, self.sha256)

    def note(self, error: UserError) -> None:
        """Add a note at the top of the report."""
        self.notes.append((error.message, error.hint))


def open_project(path: str | Path) -> OpenProject:
    """Read a project file; raises ``UserError`` as ``core.project.read_project`` does."""
    return OpenProject(read_project(path), Path(path).absolute(), received=True)


def read_known(opened: OpenProject, jobs: Sequence[Path] | None = None) -> Known:
    """Gather what the files of a project tell.

    Parameters
    ----------
    opened : OpenProject
    jobs : sequence of path, optional
        Folders of long jobs; the one next to the project and the usual one by default.

    Raises
    ------
    UserError
        When the project has no model. Files that are missing become notes.
    """
    reference = opened.project.model
    if reference is None:
        raise UserError(
            f"The project {opened.name} has no model.", "Open a model in it and save it."
        )
    known = Known(opened, reference.sha256)
    _read_model(known)
    for result in opened.project.results:
        known.networks.append(_pruned(known, result))
    places = jobs if jobs is not None else tuple(reversed(job_folders(opened.place)))
    known.networks.extend(_tuned(known, places))
    known.networks.extend(_kept(known))
    return known


def _read_model(known: Known) -> None:
    from core.pipeline import analyse

    opened, wanted = known.opened, known.sha256
    path = model_path(opened)
    try:
        if not _is_stock(path) and not path.is_file():
            raise UserError(
                f"The model of the project is no longer at {path}.",
                "Restore it, or open the project in the window and locate it. The report "
                "shows what is known without it.",
            )
        analysis = analyse(path)
        if wanted not in (None, analysis.facts.sha256):
            raise UserError(
                f"{path} is not the file that the project was made for (its SHA-256 differs).",
                "Restore the original file. The report shows what is known without it.",
            )
    except UserError as error:
        known.note(error)
        _read_cache(known)
        known.networks.append(_original(known, path, None))
        return
    known.sha256, known.facts, known.table = analysis.facts.sha256, analysis.facts, analysis.table
    known.networks.append(_original(known, path, analysis.facts.sha256))


def model_path(opened: OpenProject) -> Path:
    """Return where a project's model is; a model YAML of Ultralytics has no place."""
    reference = opened.project.model
    assert reference is not None
    path = place(reference.path, opened.place)
    stock = Path(reference.path)
    return stock if not path.is_file() and _is_stock(stock) else path


def _is_stock(path: Path) -> bool:
    return path.suffix.lower() in (".yaml", ".yml") and path.parent == Path()


def _read_cache(known: Known) -> None:
    """Take the network's table from an earlier analysis, for a file that is gone."""
    from core.checkpoint import Facts
    from core.graph.cache import cache_path, read_table

    if known.sha256 is None:
        return
    with contextlib.suppress(UserError, OSError, KeyError, TypeError, ValueError):
        table, extra = read_table(cache_path(known.sha256))
        known.table, known.facts = table, Facts.from_dict(extra)


def _original(known: Known, path: Path, sha256: str | None) -> Network:
    parameters: int | None = None
    macs: int | None = None
    if known.table is not None:
        from core.plan.widths import compute_widths

        widths = compute_widths(known.table, np.zeros(known.table.atom_count, bool))
        parameters, macs = widths.parameters, widths.macs
    elif known.opened.project.results:
        first = known.opened.project.results[0]
        parameters, macs = first.parameters_before, first.macs_before
    size = path.stat().st_size if sha256 is not None and path.is_file() else None
    return Network("original", path, sha256, size, parameters=parameters, macs=macs)


def _pruned(known: Known, result: Result) -> Network:
    path = place(result.output, known.opened.place)
    there = path.is_file()
    if not there:
        known.notes.append(
            (
                f"The pruned file {path.name} is no longer at {path}.",
                "The report shows its stored figures; restore it for the rest.",
            )
        )
    return Network(
        "pruned",
        path,
        sha256_of(path) if there else None,
        path.stat().st_size if there else None,
        date=result.date,
        parameters=result.parameters_after,
        macs=result.macs_after,
        relative_error=result.relative_error,
    )


# ---- what long jobs made ------------------------------------------------------------------------


def _tuned(known: Known, places: Iterable[Path]) -> Iterator[Network]:
    """Yield the files that were tuned from the project's, or from one of those."""
    family = {network.sha256: network for network in known.networks if network.sha256}
    for folder, job in sorted(_jobs(places), key=lambda found: found[1].created):
        source = family.get(job.hashes.get("model", ""))
        result = job.result or {}
        if source is None or status_of(job) != "done" or not result.get("output"):
            continue
        path = Path(str(result["output"]))
        there = path.is_file()
        steps = [step for step in result.get("steps") or () if step.get("accepted")]
        made = steps[-1] if steps else {"parameters": result.get("parameters"), "macs": source.macs}
        network = Network(
            "tuned",
            path,
            sha256_of(path) if there else None,
            path.stat().st_size if there else None,
            date=job.changed,
            parameters=made.get("parameters"),
            macs=made.get("macs"),
            job=folder,
            source=source.sha256,
        )
        if network.sha256 is not None:
            family.setdefault(network.sha256, network)
        yield network


def _kept(known: Known) -> Iterator[Network]:
    """Yield the tuned files that the project remembers and no job's folder tells of any more."""
    told = {network.path for network in known.of("tuned")}
    by_path = {network.path: network.sha256 for network in known.networks}
    for one in known.opened.project.tuned:
        path = place(one.output, known.opened.place)
        if path in told:
            continue
        there = path.is_file()
        source = place(one.source, known.opened.place) if one.source else None
        yield Network(
            "tuned",
            path,
            sha256_of(path) if there else None,
            path.stat().st_size if there else None,
            date=one.date,
            parameters=one.parameters,
            source=by_path.get(source) if source is not None else None,
        )


def _jobs(places: Iterable[Path]) -> Iterator[tuple[Path, Job]]:
    for folder in dict.fromkeys(found for each in places for found in list_jobs(each)):
        with contextlib.suppress(UserError, OSError):
            job = read_job(folder)
            kind = KINDS.get(job.kind)
            if kind is not None and kind.training is not None:
                yield folder, job
