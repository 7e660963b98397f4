"""Slurm, through submitit: limits, the executor that submits, and what became of a job.

submitit pickles what it is to call and what that returned, in a folder of the job; only the node
reads it, and only what this computer wrote there just before. Nothing here reads a pickle.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.cluster.place import Place
from core.errors import UserError, one_line
from core.system.program import to_install

LOCAL = "SECATEUR_SLURM"
"""With ``local`` in this variable, work is run by submitit on this computer: to try it without a
cluster."""
MINUTES = 24 * 60
"""Time limit of a job that names none."""
WARNING_S = 120
"""Seconds before the time limit at which Slurm tells a job, so that it can be queued again."""
REQUEUES = 100
"""Times that a job is queued again after its time limit: it goes on from its last epoch."""
State = Literal["waiting", "running", "over", "unknown"]
_STATES: Mapping[str, State] = {
    "PENDING": "waiting", "CONFIGURING": "waiting", "REQUEUED": "waiting", "RESIZING": "waiting",
    "REQUEUE_HOLD": "waiting", "SPECIAL_EXIT": "waiting", "READY": "waiting",
    "RUNNING": "running", "COMPLETING": "running", "SUSPENDED": "running", "STAGE_OUT": "running",
    "UNKNOWN": "unknown",
}  # fmt: skip
_FRESH_S = 10.0
"""How long an answer of Slurm counts: it is asked for a list of jobs several times a second."""
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VALUE = re.compile(r"[A-Za-z0-9_@%+=:,./*\[\]()|&-]+")
_ID = re.compile(r"\d+(_\d+)?")
_known: dict[str, tuple[float, State]] = {}


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit with a meaning of its own.

    Attributes
    ----------
    parameter : str
        Of submitit's executor.
    unit : str
    least : int
    """

    parameter: str
    unit: str
    least: int = 1


LIMITS: Mapping[str, Limit] = {
    "minutes": Limit("timeout_min", "minutes"),
    "memory": Limit("mem_gb", "GB per node"),
    "cores": Limit("cpus_per_task", "cores per node"),
    "gpus": Limit("gpus_per_node", "GPUs per node", 0),
    "nodes": Limit("nodes", "nodes"),
}
"""By name. Any other name is an option of ``sbatch``, passed on as it is."""


def parse_limits(words: Iterable[str]) -> dict[str, str]:
    """Read limits as the command line has them, ``name=value`` each.

    Raises
    ------
    UserError
        For what is no limit; the value of one that Slurm takes is judged by Slurm.
    """
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise UserError(
                f"“{word[:80]}” is not a limit.",
                "Write NAME=VALUE: minutes, memory, cores, gpus, nodes, or an option of sbatch "
                "such as account=ml.",
            )
        known = LIMITS.get(name)
        if known is not None and not (value.isdecimal() and known.least <= int(value) < 10**6):
            raise UserError(
                f"The limit {name} is a number of {known.unit}, not {value[:80]}.", "Correct it."
            )
        found[name] = value
    return found


def read_place(line: str) -> Place:
    """Read a place with its limits, as a line of the window has it.

    Parameters
    ----------
    line : str
        As `Place.parse` reads it. For Slurm, the partition may be a word of its own, and limits
        follow, ``name=value`` each: ``slurm gpu minutes=240``.

    Raises
    ------
    UserError
        For anything else.
    """
    kind, *words = line.split() or [""]
    if kind.partition(":")[0] != "slurm":
        return Place.parse(line.strip())
    names = [word for word in words if "=" not in word]
    if len(names) > 1:
        raise UserError(
            f"“{names[1][:80]}” is not a limit.", "Write the partition, then NAME=VALUE."
        )
    limits = parse_limits(word for word in words if "=" in word)
    return replace(Place.parse(":".join([kind, *names])), limits=tuple(limits.items()))


def executor(
    folder: Path, place: Place, limits: Mapping[str, str], name: str, *, array: int = 0
) -> Any:
    """Return submitit's executor for a place.

    Parameters
    ----------
    folder : Path
        Where submitit keeps its files; made, for this user alone.
    place : Place
        Its partition counts.
    limits : mapping
        As `parse_limits` returns them.
    name : str
        What the queue shows.
    array : int
        How many of an array may run at once; 0 where it is none.

    Raises
    ------
    UserError
        When submitit is not installed, or there is no Slurm here.
    """
    check_here()
    submitit, local = library(), is_local()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = submitit.AutoExecutor(
        folder=folder, cluster="local" if local else "slurm",
        **({} if local else {"slurm_max_num_timeout": REQUEUES}),
    )  # fmt: skip
    options: dict[str, Any] = {"timeout_min": MINUTES, "tasks_per_node": 1, "name": name}
    options |= {LIMITS[n].parameter: int(value) for n, value in limits.items() if n in LIMITS}
    if not local:
        own = {n.replace("-", "_"): value for n, value in limits.items() if n not in LIMITS}
        options |= {"slurm_signal_delay_s": WARNING_S, "slurm_additional_parameters": own}
        if place.partition:
            options["slurm_partition"] = place.partition
        if array:
            options["slurm_array_parallelism"] = array
    try:
        made.update_parameters(**options)
    except (ValueError, TypeError, NameError) as error:
        raise UserError(
            f"submitit refuses the limits: {one_line(error)}", "Correct them."
        ) from error
    return made


def check_here() -> None:
    """Refuse to submit from a computer that cannot.

    Raises
    ------
    UserError
        When submitit is not installed, or there is no Slurm here.
    """
    library()
    if not is_local() and shutil.which("sbatch") is None:
        raise UserError(
            "There is no Slurm on this computer: sbatch was not found.",
            "Run this on a login node of the cluster.",
        )


def library() -> Any:
    """Return submitit.

    Raises
    ------
    UserError
        When it is not installed.
    """
    try:
        import submitit
    except ImportError as error:
        raise UserError("submitit is not installed.", to_install("'secateur[cluster]'")) from error
    return submitit


def is_local() -> bool:
    """Whether work meant for Slurm runs on this computer instead."""
    return os.environ.get(LOCAL) == "local"


def submitted(call: Any, name: str) -> Any:
    """Submit by a function that does, and explain what Slurm refuses.

    Raises
    ------
    UserError
    """
    try:
        return call()
    except UserError:
        raise
    except Exception as error:  # of submitit, many kinds; it has what sbatch printed
        raise UserError(
            f"Slurm did not accept {name}: {one_line(error)[:300]}", "Correct the limits."
        ) from error


def state_of(number: str, folder: Path) -> State:
    """Return what becomes of a submitted job; Slurm is asked every ten seconds at most.

    Parameters
    ----------
    number : str
        Slurm's.
    folder : Path
        Where submitit keeps its files.
    """
    if not _ID.fullmatch(number):
        return "unknown"
    then, state = _known.get(number, (0.0, "unknown"))
    now = time.monotonic()
    if now - then > _FRESH_S or not then:
        state = _asked(number, folder)
        _known[number] = now, state
    return state


def _asked(number: str, folder: Path) -> State:
    try:
        from submitit import SlurmJob

        SlurmJob.watcher.clear()  # it asks no more of one that failed, and is queued again
        told = SlurmJob(folder=folder, job_id=number).get_info(mode="force").get("State", "UNKNOWN")
    except Exception:  # no Slurm here, or it does not answer
        return "unknown"
    return _STATES.get(told.upper().split()[0], "over")


def cancel(number: str) -> None:
    """Take a job out of Slurm's queue, or end it.

    Raises
    ------
    UserError
        When Slurm cannot be asked.
    """
    import subprocess

    if not _ID.fullmatch(number):
        raise UserError(f"“{number[:40]}” is no job of Slurm.")
    try:
        done = subprocess.run(
            ["scancel", number], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"Slurm could not be asked to end job {number}.", "Run this on a login node."
        ) from error
    _known.pop(number, None)
    if done.returncode:
        raise UserError(f"Slurm did not end job {number}: {one_line(done.stderr)[:200]}")
