"""What was measured of several networks at once, within their history: reports are made of it.

A comparison, times, alternatives and exports name the networks by what is in their files, so a file
that was replaced since does not count. Each is one JSON file, written once and never again. Version
0.1 kept them in an append-only file next to the project; such a file is read, too. Needs no torch.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.errors import UserError
from core.history.nodes import ID, MEASURED, home_of, writing
from core.history.shapes import ACCURACY, ALTERNATIVES, EXPORT, LATENCY, RESULTS
from core.system.budget import MEASUREMENT, read_json
from core.system.files import write_json
from core.system.journal import read_journal
from core.system.paths import SHORT, data_folder, history_of
from core.system.records import checked, each_read, leave_out
from core.trust.own import remember

__all__ = ["ACCURACY", "ALTERNATIVES", "EXPORT", "LATENCY", "Measurement"]
OLD_SUFFIX = ".measured.jsonl"
"""Ending of the file in which version 0.1 kept what was measured."""


class Measurement(BaseModel):
    """One measurement.

    Attributes
    ----------
    id : str
    measured : str
        What was: ``accuracy``, ``latency``, ``alternatives`` or ``export``.
    date : str
        ISO 8601, UTC.
    models : tuple of str
        SHA-256 of every file measured; the one that the others are compared with first.
    result : dict
        Plain data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    id: str = Field(pattern=ID)
    measured: str
    date: str
    models: tuple[str, ...]
    result: dict[str, Any]


def new_measurement(name: str, models: Sequence[str], result: Mapping[str, Any]) -> Measurement:
    """Make a measurement, which is nowhere on disk yet."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    return Measurement(
        id=secrets.token_hex(6), measured=name, date=now, models=tuple(models), result=dict(result)
    )


def write_measurement(folder: str | Path, measurement: Measurement) -> Measurement:
    """Write a measurement into a history.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    place = Path(folder) / MEASURED
    data = measurement.model_dump(mode="json")
    remember("measurement", data)
    with writing(place):
        write_json(place / f"{measurement.id}.json", data)
    return measurement


def keep(
    folder: str | Path, name: str, models: Sequence[str], result: Mapping[str, Any]
) -> Measurement:
    """Add a measurement to a history: `new_measurement`, written by `write_measurement`."""
    return write_measurement(folder, new_measurement(name, models, result))


def read_measurements(place: str | Path) -> tuple[Measurement, ...]:
    """Return what a history holds, or a file of version 0.1, oldest first.

    Damaged ones are left out, and named.

    Parameters
    ----------
    place : path
        The folder of a history, or that file; one that is missing holds nothing.
    """
    path = Path(place)
    if path.name.endswith(OLD_SUFFIX):
        records = _old_records(path)
        found = each_read({f"{path}, entry {n}": r for n, r in enumerate(records, 1)}, _of_old)
    else:
        files = {file: file for file in sorted((path / MEASURED).glob("*.json"))}
        found = each_read(files, lambda file: _valid(read_json(file, MEASUREMENT)))
    return tuple(sorted(found, key=lambda m: m.date))


def _old_records(path: Path) -> list[dict[str, Any]]:
    try:
        return read_journal(path, MEASURED)[1:] if path.is_file() else []
    except UserError as error:
        leave_out(path, error)
        return []


def _of_old(record: Mapping[str, Any]) -> Measurement:
    """Read a record of version 0.1; it has the same id wherever it is read."""
    text = json.dumps(record, sort_keys=True)
    return _valid({**record, "id": hashlib.sha256(text.encode()).hexdigest()[:12]})


def _valid(data: Any) -> Measurement:
    """Return a measurement; raises ``ValueError`` for one that its readers could not use."""
    found = Measurement.model_validate(data)
    if found.measured in RESULTS:
        checked(RESULTS[found.measured], found.result)
    return found


def old_stores(project: str | Path | None, sha256: str | None) -> tuple[Path, ...]:
    """Return where version 0.1 kept measurements.

    Parameters
    ----------
    project : path, optional
        Next to it, once it was saved.
    sha256 : str or None
        Of a model: among the program's data, while its project was not.
    """
    beside = () if project is None else (Path(project).with_suffix(OLD_SUFFIX),)
    if sha256 is None:
        return beside
    return *beside, data_folder() / MEASURED / f"{sha256[:SHORT]}{OLD_SUFFIX}"


def take_over(file: str | Path, folder: str | Path) -> int:
    """Bring what version 0.1 measured into a history; the file stays. Return how many were new.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    known = {measurement.id for measurement in read_measurements(folder)}
    new = [m for m in read_measurements(file) if m.id not in known]
    for measurement in new:
        write_measurement(folder, measurement)
    return len(new)


def places_of(
    project: str | Path | None, origin: str | None, sha256: str | None
) -> tuple[Path, ...]:
    """Return where to look for a project's measurements, the place that new ones go to first.

    Parameters
    ----------
    project : path, optional
        The project file.
    origin : str or None
        See `core.checkpoint.facts.origin_of`; None where the model is not known.
    sha256 : str or None
        Of the model.
    """
    copy = () if project is None else (history_of(project),)
    home = () if origin is None else (home_of(origin),)
    return *copy, *home, *old_stores(project, sha256)


def fitting(
    measurements: Iterable[Measurement], name: str, original: str | None
) -> list[Measurement]:
    """Return those of one kind whose first network is this one, oldest first, each once."""
    found = {
        m.id: m for m in measurements if m.measured == name and m.models and m.models[0] == original
    }
    return sorted(found.values(), key=lambda m: m.date)


def newest(
    measurements: Iterable[Measurement], wanted: Iterable[str | None] = ()
) -> Measurement | None:
    """Return the one that covers most of the files wanted; of equals, the last.

    Parameters
    ----------
    measurements : iterable of Measurement
        Oldest first, as `fitting` has them.
    wanted : iterable of str or None
        SHA-256 of the files, in addition to the first, that a report shows.
    """
    hoped = {sha256 for sha256 in wanted if sha256 is not None}
    best: Measurement | None = None
    covered = -1
    for measurement in measurements:
        here = len(hoped & set(measurement.models))
        if here >= covered:
            best, covered = measurement, here
    return best
