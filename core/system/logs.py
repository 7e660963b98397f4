"""Where this program writes down what went wrong, and that it does not grow without end."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path

import platformdirs

from core.system.visible import visible

LIMIT = 1_000_000
"""Bytes after which a log is begun again."""
KEPT = 2
"""Logs before the newest that are kept, as ``.1`` and ``.2``."""
FAULTS, ENGINE, OUTPUT = "secateur.log", "engine.log", "output.log"
NAMES = (FAULTS, ENGINE, OUTPUT)


def folder() -> Path:
    """Return the folder of all logs."""
    return Path(platformdirs.user_log_dir("secateur"))


def fault_log() -> Path:
    """Return the file that faults of this program are written to, by whichever process."""
    return folder() / FAULTS


def engine_log() -> Path:
    """Return the file that takes what the window's engine prints."""
    return folder() / ENGINE


def output_log() -> Path:
    """Return the file that takes what is printed where nobody can read it."""
    return folder() / OUTPUT


def make_room(log: Path, limit: int = LIMIT) -> Path:
    """Make a log's folder, and put the log aside when it is full.

    Parameters
    ----------
    log : Path
    limit : int
        In bytes.

    Returns
    -------
    Path
        The log.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.is_file() and log.stat().st_size > limit:
        for number in range(KEPT, 0, -1):
            older = log.with_name(f"{log.name}.{number}")
            newer = log if number == 1 else log.with_name(f"{log.name}.{number - 1}")
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
    return log


def append(text: str) -> Path:
    """Add to the log of faults, and return it; a log that cannot be written is no second fault."""
    log = fault_log()
    with contextlib.suppress(OSError), make_room(log).open("a", encoding="utf-8") as stream:
        stream.write(visible(text) + "\n")
    return log


def append_fault(error: BaseException) -> Path:
    """Add a fault, whole, to the log, and return the log."""
    return append("".join(traceback.format_exception(error)))
