"""Takes the files that fine-tunings made into the project they belong to, whenever they ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from app.context import Context
from app.state.files import made

if TYPE_CHECKING:
    from app.state.session import Session
    from core.history.nodes import Node
    from core.runs.tail import RunEntry


class TunedResults(QObject):
    """Watches the list of jobs; a file that resulted from the open network's becomes a result.

    Whatever ended while the window was away is found when its job is listed again.
    """

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._jobs = context.session, context.jobs
        self._seen_active: set[str] = set()
        self._jobs.listChanged.connect(self.take)
        for signal in (self._session.modelChanged, self._session.resultsChanged):
            signal.connect(self.take)

    def take(self) -> None:
        """Add what is new."""
        session = self._session
        self._seen_active |= {entry.folder for entry in self._jobs.active}
        if session.model is None:
            return
        known = {os.path.realpath(one.output) for one in session.lineage.tuned}
        found = [
            entry
            for entry in reversed(self._jobs.entries)
            if entry.state == "done"
            and entry.output
            and os.path.realpath(entry.output) not in known
            and belongs(entry, session)
            and Path(entry.output).is_file()
        ]
        if not found:
            return
        # What a window without a project finds from other days is no work of this session.
        ours = session.project_path is not None
        ours |= any(entry.folder in self._seen_active for entry in found)
        session.take([step_of(entry) for entry in found], unsaved=ours)
        missed = [entry for entry in found if entry.folder not in self._seen_active]
        if ours and missed:
            names = ", ".join(Path(entry.output).name for entry in missed)
            hint = "They were added to the project's results; see Jobs."
            session.say(
                f"Finished while the window was closed: {names}.", hint, "success", key="tuned"
            )


def belongs(entry: RunEntry, session: Session) -> bool:
    """Whether a job's network, or its teacher, is the open one or resulted from it."""
    model = session.model
    if model is None:
        return False
    if model.facts.sha256 in entry.hashes.values():
        return True
    family = {os.path.realpath(path) for path in (model.path, *made(session))}
    named = (str(entry.arguments.get(key) or "") for key in ("model", "teacher"))
    return any(os.path.realpath(name) in family for name in named if name)


def step_of(entry: RunEntry) -> Node:
    """Return the step of the history that a job which is done took."""
    from core.history.results import tuned_node
    from core.runs.listing import measured_of

    result: dict[str, Any] = dict(entry.result or {})
    before, after = measured_of(entry)
    steps = [step for step in result.get("steps") or () if step.get("accepted")]
    return tuned_node(
        entry.output,
        str(entry.arguments.get("model") or ""),
        entry.folder,
        before,
        after,
        parameters=steps[-1]["parameters"] if steps else result.get("parameters"),
        epochs=result.get("epochs"),
        measured_on=result.get("measured_on"),
        date=entry.changed,
    )
