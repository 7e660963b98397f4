"""Starts a job's process so that it outlives whoever started it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.runs.folder import LOG, read_job
from core.runs.run import check_startable
from core.system.program import own_command, own_environment

_PATIENCE = 60.0
"""Seconds within which a started job must have written that it runs."""


def launch(folder: str | Path) -> int:
    """Start the job of a folder as a separate process; return its number.

    The process has no part in the caller's terminal, pipes or process group. What it prints goes
    to the folder's log, what it tells to the folder's events.

    Raises
    ------
    UserError
        When the job cannot run now, such as when it does already, or its process ends at once.
    """
    folder = Path(folder).absolute()
    check_startable(read_job(folder))
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
        apart = {"creationflags": flags}
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            own_command("core.cli", "jobs", "run", str(folder), outlives=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=own_environment(),
            **apart,
        )
    _await_start(folder, process)
    return process.pid


def _await_start(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the job reports that it runs, or is over: then its folder tells the truth."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        ended = process.poll() is not None
        job = read_job(folder)
        if job.process is not None and job.process.pid == process.pid:
            return
        if ended:
            raise UserError(f"The job {job.id} did not start.", f"Its output is in {folder / LOG}.")
        time.sleep(0.05)
