"""What a project file keeps of a session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.state.session import Session
    from core.project import Project


def to_project(session: Session, path: Path) -> Project:
    """Return what a project file at ``path`` holds."""
    from core.project import ModelReference, Project, View, reference, with_references

    model = None
    if session.model is not None:
        facts = session.model.facts
        where = reference(session.model.path, path) if Path(session.model.path).exists() else None
        model = ModelReference(
            path=where or session.model.path, sha256=facts.sha256, family=facts.family
        )
    view = View(
        selection=tuple(sorted(session.selection)),
        focused=session.focused,
        overlay=session.overlay,
    )
    measured = session.measured
    project = Project(
        model=model,
        plan=session.plan,
        view=view,
        results=session.lineage.results,
        tuned=session.lineage.tuned,
        data=measured.data,
        goal=measured.goal,
        sensitivity=measured.scan_file or None,
        steps=measured.steps_folder or None,
    )
    return with_references(project, path)
