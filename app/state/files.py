"""Files of the open project: its networks, its jobs, its scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.system import paths

if TYPE_CHECKING:
    from app.state.session import Session

NETWORKS = (
    "YOLO models and exported files "
    "(*.pt *.yaml *.yml *.onnx *.torchscript *.engine *.xml *.param);;All files (*)"
)
"""What networks to compare or to try are chosen by; folders, by the file in them."""


def at_hand(session: Session) -> tuple[str, ...]:
    """Return the networks that are there: the open model, those pruned from it, those tuned."""
    own = [session.model.path] if session.model is not None else []
    return tuple(path for path in dict.fromkeys([*own, *made(session)]) if Path(path).is_file())


def offered(session: Session, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the networks to choose from: at hand, asked for, and others of the history.

    The original comes first, the others in the order of the history.
    """
    near, known = at_hand(session), session.lineage.networks()
    tree = {path: number for number, path in enumerate(known)}
    found = list(dict.fromkeys([*near, *asked, *known]))
    if near and near[0] in tree:
        found.sort(key=lambda path: tree.get(path, len(tree)))
    return tuple(found)


def made(session: Session) -> list[str]:
    """Return the project's files: pruned, then tuned; also those that are gone."""
    lineage = session.lineage
    return [*(r.output for r in lineage.results), *(one.output for one in lineage.tuned)]


def job_places(session: Session) -> list[Path]:
    """Return the folders of jobs; a new one goes to the last: next to a saved project."""
    return paths.job_folders(session.project_path)


def scan_file(session: Session) -> Path:
    """Return the file of the open model's scan: as its project says, or where new ones go."""
    if session.measured.scan_file:
        return Path(session.measured.scan_file)
    sha256 = session.model.facts.sha256 if session.model is not None else "none"
    return paths.scan_file(session.project_path, sha256)
