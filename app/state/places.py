"""Where jobs and the scan of the open project lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.system import paths

if TYPE_CHECKING:
    from app.state.session import Session


def job_places(session: Session) -> list[Path]:
    """Return where jobs lie; a new one goes to the last: beside the project if there is one."""
    return paths.job_folders(session.project_path)


def scan_file(session: Session) -> Path:
    """Return where the open model's scan is kept: where its project says, or where new ones go."""
    if session.measured.scan_file:
        return Path(session.measured.scan_file)
    sha256 = session.model.facts.sha256 if session.model is not None else "none"
    return paths.scan_file(session.project_path, sha256)
