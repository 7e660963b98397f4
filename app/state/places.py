"""Where jobs, scans and steps of the open project are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.state.settings import data_folder
from core.runs.listing import JOBS

if TYPE_CHECKING:
    from app.state.session import Session

SCAN = ".sensitivity.jsonl"


def job_places(session: Session) -> list[Path]:
    """Return where jobs are; the last is where a new one goes: next to the project if there is one.

    The first is the same as `core.runs.folder.jobs_folder`, which the command line lists.
    """
    places = [data_folder() / "jobs"]
    if session.project_path is not None:
        places.append(session.project_path.with_suffix(JOBS))
    return places


def scan_file(session: Session) -> Path:
    """Return the file of the open model's scan: next to the project, else in the app's data."""
    if session.measured.scan_file:
        return Path(session.measured.scan_file)
    if session.project_path is not None:
        return session.project_path.with_suffix(SCAN)
    sha256 = session.model.facts.sha256 if session.model is not None else "none"
    return data_folder() / "sensitivity" / f"{sha256[:24]}{SCAN}"


def steps_folder(output: Path) -> Path:
    """Return the folder that the steps towards a file are kept in."""
    return output.with_name(f"{output.stem}-steps")
