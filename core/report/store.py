"""What was measured of a project's networks, beside the project: reports are made of it.

An append-only file of JSON lines. Every record names the networks by what is in their files, so a
file that was replaced since does not count. Needs no torch.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.system.journal import Journal, read_journal

SUFFIX = ".measured.jsonl"
KIND = "measured"
ACCURACY, LATENCY, ALTERNATIVES, EXPORT = "accuracy", "latency", "alternatives", "export"


def store_of(project: str | Path) -> Path:
    """Return where the measurements of a project file are kept: beside it, under its name."""
    return Path(project).with_suffix(SUFFIX)


def keep(file: str | Path, name: str, models: Sequence[str], result: Mapping[str, Any]) -> None:
    """Add a measurement.

    Parameters
    ----------
    file : path
        Made where it is missing; its folder must exist.
    name : str
        What was measured: ``accuracy``, ``latency``, ``alternatives`` or ``export``.
    models : sequence of str
        SHA-256 of every file measured, the unpruned one first.
    result : mapping
        Plain data.

    Raises
    ------
    UserError
        When the file is something else, in use, or cannot be written.
    """
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    record = {"measured": name, "date": date, "models": list(models), "result": dict(result)}
    with Journal(Path(file), KIND) as journal:
        journal.append(record)


def records(
    files: str | Path | Iterable[str | Path], name: str, original: str | None
) -> list[dict[str, Any]]:
    """Return the measurements of one kind whose first network is this one, oldest first.

    Files that are missing or damaged hold none.
    """
    if original is None:
        return []
    places = [files] if isinstance(files, str | Path) else files
    found = [record for place in places for record in _read(Path(place))]
    fitting = [
        record
        for record in found
        if record.get("measured") == name
        and isinstance(record.get("result"), dict)
        and (record.get("models") or [None])[0] == original
    ]
    return sorted(fitting, key=lambda record: str(record.get("date")))


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return read_journal(path, KIND) if path.is_file() else []
    except UserError:
        return []


def newest(
    files: str | Path | Iterable[str | Path],
    name: str,
    original: str | None,
    wanted: Iterable[str | None] = (),
) -> dict[str, Any] | None:
    """Return the measurement that covers most of the files wanted; of equals, the newest.

    Parameters
    ----------
    files : path or paths
    name : str
    original : str or None
        SHA-256 of the unpruned network.
    wanted : iterable of str or None
        SHA-256 of the other files a report shows.
    """
    hoped = {sha256 for sha256 in wanted if sha256 is not None}
    best: dict[str, Any] | None = None
    covered = -1
    for record in records(files, name, original):
        here = len(hoped & set(record["models"]))
        if here >= covered:
            best, covered = record, here
    return best
