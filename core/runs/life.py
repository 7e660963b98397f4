"""Whether the process of a job lives: its lock tells, wherever the process began."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field

from core.cluster.slurm import State, state_of
from core.system.budget import OPTION, read_json
from core.system.locks import is_taken

RUNNING = "running.lock"
"""Held by a job's process for its life. Where there is none, version 0.1 ran the job."""
SUBMITTED, SUBMISSION = "submitted.json", "slurm"
"""In a job's folder: where it was handed to, and the folder that submitit keeps its files in."""
_CLOCK = 2.0
"""Seconds by which the system's own account of when a process began may wander."""
_WORKS = frozenset({"finetune", "iterate", "jobs"})
"""Commands that run a job."""


class Process(BaseModel):
    """A process: its number alone may be another's after a while."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pid: int
    started: float


class Submitted(BaseModel):
    """To which scheduler a job was handed.

    Attributes
    ----------
    on : str
        ``slurm``, or ``local`` where submitit runs it on this computer.
    id : str
        Slurm's number of the job, or of a process.
    partition : str
    limits : dict of str to str
        As `core.cluster.slurm.parse_limits` returns them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: Literal["slurm", "local"]
    id: str = Field(pattern=r"^\d{1,18}(_\d{1,9})?$")
    partition: str = ""
    limits: dict[str, str] = Field(default_factory=dict)

    def becomes(self, folder: Path) -> State:
        """Return what its scheduler says of it.

        Parameters
        ----------
        folder : Path
            The job's.
        """
        if self.on == "slurm":
            return state_of(self.id, folder / SUBMISSION)
        with contextlib.suppress(psutil.Error):
            if psutil.Process(int(self.id)).status() != psutil.STATUS_ZOMBIE:
                return "running"
        return "over"

    @property
    def is_this(self) -> bool:
        """Whether this process belongs to that very submission."""
        return self.on == "slurm" and os.environ.get("SLURM_JOB_ID") == self.id


def read_submitted(folder: Path) -> Submitted | None:
    """Return to which scheduler a job was handed; None where it was to none, or that is damaged.

    Parameters
    ----------
    folder : Path
        The job's. The note is a file of its own: a node may write the job's at the same moment.
    """
    try:
        return Submitted.model_validate(read_json(folder / SUBMITTED, OPTION))
    except (OSError, ValueError):
        return None


def this_process() -> Process:
    """Return the process that runs now."""
    return Process(pid=os.getpid(), started=psutil.Process().create_time())


def is_alive(process: Process | None, folder: Path | None = None) -> bool:
    """Return whether the process of a job still runs.

    Parameters
    ----------
    process : Process or None
    folder : Path, optional
        The job's, whose lock tells. Where it cannot, because version 0.1 began the job or the file
        system has no locks, the process itself is looked at.
    """
    taken = None if folder is None else is_taken(folder / RUNNING)
    return _lives(process, folder) if taken is None else taken


def _lives(process: Process | None, folder: Path | None) -> bool:
    """Return whether a process of that number is the one that was noted.

    When it began is known by the clock at the time, which may have been set since. A process that
    works on jobs is therefore believed to be the same.
    """
    if process is None:
        return False
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        same = abs(found.create_time() - process.started) < _CLOCK
        return same or _works_on(found.cmdline(), folder)
    return False


def _works_on(command: list[str], folder: Path | None) -> bool:
    if folder is not None and os.path.realpath(folder) in map(os.path.realpath, command[1:]):
        return True
    ours = any("secateur" in Path(word).name or word == "core.cli" for word in command[:4])
    return ours and not _WORKS.isdisjoint(command)
