"""Jobs handed to Slurm: its nodes run them in the same folders, which must lie on a shared disk.

A job is the command ``secateur jobs run FOLDER``, wherever it runs: it is followed, paused and
cancelled by its folder.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from core.cluster import slurm
from core.cluster.place import Place
from core.errors import UserError
from core.runs.folder import LOG, Job, amend_job, read_job, status_of, write_job
from core.runs.life import SUBMISSION, SUBMITTED, Submitted
from core.runs.run import check_startable, check_together
from core.system.files import write_text
from core.system.program import own_command, own_environment
from core.tune.nodes import Nodes

ANEW = {"state": "ready", "message": "", "hint": "", "next_batch": 0, "untrusted": {}}
"""What a job says of itself that is to run again."""
_PATIENCE = 60.0
"""Seconds that a job gets to end before its time limit: a batch, at most."""
PORT = 29_500
"""Where the processes of one training on several nodes meet, as torchrun has it."""


class Work:
    """What a node runs; submitit calls it.

    Parameters
    ----------
    folder : str
    nodes : int
        On how many of them one training runs.
    """

    def __init__(self, folder: str, nodes: int = 1) -> None:
        self._folder, self._nodes = folder, nodes
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Run the job; return its process's status."""
        command = own_command("core.cli", "jobs", "run", self._folder, *self._together())
        with (Path(self._folder) / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                env=own_environment(),
            )  # fmt: skip
            try:
                return self._process.wait()
            finally:
                self._end()

    def checkpoint(self) -> Any:
        """Stop before the time limit, to continue from the last epoch when Slurm runs it again."""
        self._end()
        return slurm.library().helpers.DelayedSubmission(Work(self._folder, self._nodes))

    def _together(self) -> list[str]:
        """Return the arguments by which the nodes of one training find each other."""
        if self._nodes == 1:
            return []
        from core.tune.several import arguments_of

        here = slurm.library().JobEnvironment()
        return arguments_of(Nodes(self._nodes, here.global_rank, here.hostnames[0], PORT))

    def _end(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self._process.kill()
        self._process.wait()


def where_of(text: str) -> Place:
    """Read where Slurm should run a job.

    Parameters
    ----------
    text : str
        ``slurm``, then the partition if any, and limits, ``name=value`` each.

    Raises
    ------
    UserError
        For anything else, or when jobs cannot be submitted from this computer.
    """
    place = slurm.read_place(text)
    if place.kind != "slurm":
        raise UserError(f"“{place.text}” does not run jobs.", "Use Slurm.")
    slurm.check_here()
    return place


def submit(folder: str | Path, place: Place, limits: Mapping[str, str]) -> Job:
    """Hand a job to Slurm; return it.

    Parameters
    ----------
    folder : path
        Of a job that is new, or can be resumed.
    place : Place
    limits : mapping
        As `core.cluster.slurm.parse_limits` returns them.

    Raises
    ------
    UserError
        When it cannot run, is with Slurm already, or Slurm does not accept it.
    """
    folder = Path(folder).absolute()
    job = read_job(folder)
    check_startable(job)
    if job.waits:
        raise UserError(
            f"The job {job.id} is already submitted.", "To follow it: `secateur jobs show`."
        )
    if limits.get("nodes", "1") != "1":
        check_together(job)
    executor = slurm.executor(folder / SUBMISSION, place, limits, job.id)
    work = Work(str(folder), int(limits.get("nodes", "1")))
    (folder / SUBMITTED).unlink(missing_ok=True)
    write_job(folder, job.model_copy(update=ANEW))
    found = slurm.submitted(lambda: executor.submit(work), job.id)
    handed = Submitted(
        on="local" if slurm.is_local() else "slurm",
        id=str(found.job_id),
        partition=place.partition,
        limits=dict(limits),
    )
    write_text(folder / SUBMITTED, handed.model_dump_json(indent=1) + "\n")
    return read_job(folder)


def submit_again(folder: str | Path) -> bool:
    """Hand a job back to Slurm, with its partition and limits; return whether it was there.

    Raises
    ------
    UserError
        As `submit`.
    """
    handed = read_job(folder).submitted
    if handed is None:
        return False
    submit(folder, Place("slurm", partition=handed.partition), handed.limits)
    return True


def withdraw(folder: str | Path) -> bool:
    """Take a job that Slurm has not started out of its queue; return whether there was one.

    Raises
    ------
    UserError
        When Slurm cannot be asked.
    """
    folder = Path(folder)
    job = read_job(folder)
    submitted = job.submitted
    if status_of(job) != "submitted" or submitted is None:
        return False

    def end() -> None:
        if submitted.on == "slurm":
            slurm.cancel(submitted.id)
        else:
            with contextlib.suppress(psutil.Error):
                psutil.Process(int(submitted.id)).send_signal(signal.SIGINT)

    # What begins meanwhile finds the job taken, and ends: no state is written after this one.
    return amend_job(folder, first=end, state="cancelled")
