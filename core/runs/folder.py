"""A job's folder: what it is, how it is, its events, and what it was reported."""

from __future__ import annotations

import contextlib
import datetime
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from core.errors import UserError, reason_of
from core.runs.kinds import KINDS
from core.runs.life import RUNNING, Process, Submitted, is_alive, read_submitted
from core.runs.shapes import Found, Told
from core.system.budget import JOB_FILE, MESSAGE, OPTION, parse_json, read_json, read_text
from core.system.escape import shell_command
from core.system.files import open_regular, sha256_of, write_text
from core.system.locks import take
from core.system.paths import jobs_folder
from core.system.records import checked, why_damaged
from core.trust.own import is_own, remember

VERSION = 1
JOB, EVENTS, CONTROL, LOG = "job.json", "events.jsonl", "control", "log.txt"
State = Literal["ready", "running", "paused", "done", "failed", "cancelled"]
Word = Literal["run", "pause", "cancel"]


class Job(BaseModel):
    """What ``job.json`` holds.

    Attributes
    ----------
    version : int
        Of the format.
    id : str
        The folder's name.
    kind : str
        A name in `core.runs.kinds.KINDS`.
    arguments : dict
        What the kind is run with.
    hashes : dict of str to str
        SHA-256 of the input files by their argument's name.
    state : str
        As last written; see `status_of` for how it is now.
    process : Process or None
        Who runs it, or ran it last; whether it still does is asked of the lock of the folder.
    created, changed : str
        ISO 8601, UTC.
    message, hint : str
        Why it failed.
    next_batch : int
        Images a step that may do where it failed for memory; 0 otherwise.
    untrusted : dict
        Which module has to be trusted, where it failed for that (`core.trust.find.untrusted_in`).
    result : dict or None
        The results.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    id: str
    kind: str
    arguments: dict[str, Any]
    hashes: dict[str, str] = Field(default_factory=dict)
    state: State = "ready"
    process: Process | None = None
    created: str = ""
    changed: str = ""
    message: str = ""
    hint: str = ""
    next_batch: int = 0
    untrusted: dict[str, Any] = Field(default_factory=dict)
    result: dict[str, Any] | None = None
    _folder: Path | None = PrivateAttr(None)

    def found_in(self, folder: Path) -> Job:
        """Return this job, knowing the folder it was read from."""
        self._folder = folder
        return self

    @property
    def folder(self) -> Path | None:
        """The folder it was read from."""
        return self._folder

    @property
    def wants(self) -> list[Any]:
        """What it does, as plain data: by this it is known to have been made here."""
        return [self.kind, self.model_dump(mode="json", include={"arguments"})]

    @property
    def runs(self) -> bool:
        """Whether a process works on it now."""
        if self.state not in ("running", "paused"):
            return False
        return is_alive(self.process, self._folder) or self._runs_elsewhere

    @property
    def submitted(self) -> Submitted | None:
        """To which scheduler it was handed; None for one that runs on this computer."""
        return None if self._folder is None else read_submitted(self._folder)

    @property
    def _runs_elsewhere(self) -> bool:
        """Whether a scheduler runs it; the lock of another computer need not be seen here."""
        handed = self.submitted
        if handed is None or handed.is_this or self._folder is None:
            return False
        return handed.on == "slurm" and handed.becomes(self._folder) == "running"

    @property
    def waits(self) -> bool:
        """Whether a scheduler has it and has not started it yet."""
        if self.state != "ready" or self.submitted is None or self._folder is None:
            return False
        return self.submitted.becomes(self._folder) != "over"

    @field_validator("arguments")
    @classmethod
    def _told(cls, value: dict[str, Any]) -> dict[str, Any]:
        checked(Told, value)
        return value

    @field_validator("result")
    @classmethod
    def _found(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None:
            checked(Found, value)
        return value


def create_job(
    kind: str,
    arguments: Mapping[str, Any],
    inputs: Mapping[str, str | Path | None],
    parent: str | Path | None = None,
    folder: str | Path | None = None,
) -> Path:
    """Make the folder of a new job.

    Parameters
    ----------
    kind : str
    arguments : mapping
        Plain data.
    inputs : mapping
        Files the job reads, by argument; their hashes are kept.
    parent : path, optional
        Where the folder should be; `jobs_folder` otherwise.
    folder : path, optional
        The folder itself, instead; it must not hold a job.

    Raises
    ------
    UserError
        When the folder cannot be made or holds a job already.
    """
    name = f"{kind}-{datetime.datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    place = Path(folder) if folder is not None else Path(parent or jobs_folder()) / name
    if (place / JOB).exists():
        raise UserError(
            f"{place} already contains a job.",
            f"Continue it with `{shell_command('secateur', 'jobs', 'resume', place)}`, or choose "
            "another folder.",
        )
    hashes = {
        key: sha256_of(Path(path))
        for key, path in inputs.items()
        if path is not None and Path(path).is_file()
    }
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"Could not create the folder {place}: {reason_of(error)}.", "Choose another folder."
        ) from error
    job = Job(id=place.name, kind=kind, arguments=dict(arguments), hashes=hashes, created=_now())
    remember("job", job.wants)
    write_job(place, job)
    return place


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def write_job(folder: Path, job: Job) -> None:
    """Write ``job.json``; it is whole at any moment."""
    changed = job.model_copy(update={"changed": _now()})
    write_text(folder / JOB, changed.model_dump_json(indent=1) + "\n")


def read_job(folder: str | Path) -> Job:
    """Read ``job.json``.

    Raises
    ------
    UserError
        When there is none, it is damaged, or a newer Secateur wrote it.
    """
    path = Path(folder) / JOB
    try:
        data = read_json(path, JOB_FILE)
    except OSError as error:
        raise UserError(
            f"{folder} does not contain a job.", "`secateur jobs` lists all jobs."
        ) from error
    except ValueError as error:
        raise _damaged(path, error) from error
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UserError(f"The job {folder} was created by a newer Secateur.", "Update Secateur.")
    try:
        return Job.model_validate(data).found_in(path.parent)
    except ValidationError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    hint = "Its weight files can still be opened."
    return UserError(f"{path} is damaged ({why_damaged(error)}).", hint)


def amend_job(
    folder: str | Path, *, first: Callable[[], object] | None = None, **change: Any
) -> bool:
    """Change what a folder says of a job that nobody runs; return whether that was possible.

    Parameters
    ----------
    folder : path
    first : callable, optional
        Called before, while no process can begin the job.
    **change
        Fields of the job.

    Raises
    ------
    UserError
        When there is no job, or it cannot be written.
    """
    folder = Path(folder)
    if read_job(folder).runs:
        return False
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # what cannot be written is reported below
            lock = take(folder / RUNNING)
            if lock is None:
                return False
            held.enter_context(lock)
        if first is not None:
            first()
        job = read_job(folder)
        changed = job.model_copy(update=change)
        if is_own("job", job.wants):
            remember("job", changed.wants)
        write_job(folder, changed)
    return True


def list_jobs(parent: str | Path | None = None) -> list[Path]:
    """Return the folders of jobs in a folder (or that folder itself), oldest first."""
    place = Path(parent or jobs_folder())
    if (place / JOB).is_file():
        return [place]
    found = [path.parent for path in place.glob(f"*/{JOB}")]
    return sorted(found, key=lambda folder: _made(folder / JOB))


def _made(path: Path) -> int:
    try:
        return path.stat().st_ctime_ns
    except OSError:  # a link to nowhere, or gone meanwhile
        return 0


def find_job(name: str | Path, parent: str | Path | None = None) -> Path:
    """Return the folder of a job that is named by path or by id.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    for place in (Path(name), Path(parent or jobs_folder()) / name):
        if (place / JOB).is_file():
            return place
    raise UserError(f"There is no job {name}.", "`secateur jobs` lists all jobs.")


def limit_batch(folder: str | Path, batch: int) -> None:
    """Let a job that failed for memory take no more than ``batch`` images per batch from now on.

    Raises
    ------
    UserError
        When it runs, is done, or trains nothing.
    """
    job = read_job(folder)
    if (state := status_of(job)) in ("running", "paused", "done"):
        raise UserError(
            f"The batch size of the job {job.id} cannot be changed: it is {state}.",
            "Cancel it first." if state != "done" else "Start a new one.",
        )
    kind = KINDS.find(job.kind)
    if kind.training is None:
        raise UserError(f"The job {job.id} trains nothing, so it has no batch.")
    limit: dict[str, Any] = {"largest_batch": batch}
    if kind.training:
        limit = {kind.training: {**kind.settings_of_training(job.arguments), **limit}}
    if not amend_job(folder, arguments={**job.arguments, **limit}):
        raise already_running(job)


def already_running(job: Job) -> UserError:
    """Return the error for a job that another process works on."""
    return UserError(f"The job {job.id} is already running.", "To follow it: `secateur jobs show`.")


def status_of(job: Job) -> str:
    """Return the state of a job now.

    That is its state, ``interrupted`` when its process is gone, or ``submitted`` while a scheduler
    has it and has not started it.
    """
    if job.waits:
        return "submitted"
    if job.state in ("running", "paused") and not job.runs:
        return "interrupted"
    return job.state


def tell(folder: str | Path, word: Word) -> None:
    """Tell a job to pause, to run on, or to end; it listens at every batch."""
    write_text(Path(folder) / CONTROL, word)


def told(folder: str | Path) -> str:
    """Return the last command sent to a job."""
    with contextlib.suppress(OSError):
        return read_text(Path(folder) / CONTROL, OPTION, errors="replace").strip()
    return "run"


def read_events(
    folder: str | Path, offset: int = 0, limit: int = -1
) -> tuple[list[dict[str, Any]], int]:
    """Return the events told since, and where to read on.

    A line that is not whole yet is left for the next time; one that a crash cut short is skipped.

    Parameters
    ----------
    folder : path
    offset : int
        In bytes.
    limit : int
        Bytes to read at most, or one line where that is longer; all there are when negative.
    """
    try:
        with open_regular(Path(folder) / EVENTS) as stream:
            stream.seek(offset)
            data = stream.read(limit)
            if 0 <= limit == len(data) and b"\n" not in data:
                data += stream.readline()
    except OSError:
        return [], offset
    end = data.rfind(b"\n") + 1
    return list(_parsed(data[:end])), offset + end


def _parsed(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.splitlines():
        with contextlib.suppress(ValueError):
            if isinstance(event := parse_json(line, MESSAGE, finite=False), dict):
                yield event
