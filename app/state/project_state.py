"""What a project file keeps of a session, and how the session takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.state.session import Session
    from core.project import DataSetting, Project, Tuned


def to_project(session: Session, path: Path) -> Project:
    """Return what a project file at ``path`` shall hold."""
    from core.project import ModelReference, Project, View, reference

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
    data = measured.data
    if data is not None:
        data = data.model_copy(update={"path": reference(data.path, path)})
    return Project(
        model=model,
        plan=session.plan,
        view=view,
        results=tuple(
            r.model_copy(update={"output": reference(r.output, path)}) for r in session.results
        ),
        tuned=tuple(
            t.model_copy(update={k: reference(v, path) for k, v in names_of(t).items()})
            for t in session.tuned
        ),
        data=data,
        goal=measured.goal,
        sensitivity=reference(measured.scan_file, path) if measured.scan_file else None,
        steps=reference(measured.steps_folder, path) if measured.steps_folder else None,
    )


def names_of(tuned: Tuned) -> dict[str, str]:
    """Return the files that a tuned one's record names."""
    names = {"output": tuned.output, "source": tuned.source, "job": tuned.job}
    return {key: name for key, name in names.items() if name}


def at_home(project: Project, path: Path) -> Project:
    """Return a project read from ``path`` with every relative name made absolute."""
    from core.project import place

    def found(name: str | None) -> str | None:
        return None if name is None else str(place(name, path))

    data: DataSetting | None = project.data
    if data is not None:
        data = data.model_copy(update={"path": found(data.path)})
    return project.model_copy(
        update={
            "data": data,
            "results": tuple(
                r.model_copy(update={"output": str(place(r.output, path))}) for r in project.results
            ),
            "tuned": tuple(
                t.model_copy(update={k: str(place(v, path)) for k, v in names_of(t).items()})
                for t in project.tuned
            ),
            "sensitivity": found(project.sensitivity),
            "steps": found(project.steps),
        }
    )
