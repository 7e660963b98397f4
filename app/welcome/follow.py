"""The window goes with a demo that runs: it shows each step where a person would do it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from app.context import Context
from app.state import plan_edits
from core.plan.schema import parse_plan

if TYPE_CHECKING:
    from app.files.documents import Documents

WATCHED: Mapping[str, tuple[str, str]] = {
    "suggest": ("plan", "plan"),
    "prune": ("prune", "plan"),
    "verify": ("prune", "inspector"),
    "finetune": ("tune", "tuning"),
    "compare": ("compare", "compare"),
    "latency": ("ship", "latency"),
    "export": ("ship", "export"),
    "report": ("compare", "compare"),
}
"""Mode and panel to be seen while a step runs."""
FIRST = "open"
"""The step after which there is something to show."""


class DemoFollower(QObject):
    """Opens the demo's project as soon as its network is read, and goes with its steps.

    It stops as soon as the person opens something else or has unsaved work of their own.

    Parameters
    ----------
    context : Context
    documents : Documents
    """

    def __init__(self, context: Context, documents: Documents, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._jobs, self._documents = context.session, context.jobs, documents
        self._project: Path | None = None
        self._names: list[str] = []
        self._jobs.listChanged.connect(self._watch)

    def begin(self, project: Path) -> None:
        """Follow the demo that writes this project."""
        from core.demo.steps import STEPS

        self._names = [step.name for step in STEPS]
        self._project = None if self._session.dirty else project

    def end(self, saved: bool) -> None:
        """Follow no longer.

        Parameters
        ----------
        saved : bool
            Whether the demo's project holds all that was followed, unless the person edited it.
        """
        session, project, self._project = self._session, self._project, None
        followed = project is not None and session.project_path == project
        if project is not None and saved and followed and session.undo_stack.isClean():
            session.mark_saved(project)

    def step_done(self, data: Mapping[str, Any]) -> None:
        """Show what a step made, then where the next one works."""
        name = str(data.get("step", ""))
        if self._project is None or name not in self._names:
            return
        if name == FIRST:
            self._documents.open_project(str(self._project))
        elif self._session.project_path == self._project:
            if "plan" in data:
                self._take_plan(data["plan"])
            if "comparison" in data:
                self._session.measured.set_comparison(data["comparison"])
            self._session.requests.historyWritten.emit()
        place = self._names.index(name) + 1
        if place < len(self._names) and self._names[place] in WATCHED:
            mode, panel = WATCHED[self._names[place]]
            self._session.requests.modeWanted.emit(mode)
            self._session.requests.panelWanted.emit(panel)

    def _take_plan(self, plan: Mapping[str, Any]) -> None:
        session = self._session
        if not session.dirty:
            session.edit(plan_edits.replace_plan(parse_plan(dict(plan)), "Suggestion of the demo"))
            session.undo_stack.setClean()  # the demo's project will hold it

    def _watch(self) -> None:
        """Show the fine-tuning of the demo while it runs."""
        if self._project is None:
            return
        own = [e.folder for e in self._jobs.entries if e.active and self._is_own(e.folder)]
        if own and self._jobs.watched != own[0]:
            self._jobs.watch(own[0])

    def _is_own(self, folder: str) -> bool:
        from core.system.paths import jobs_of

        return self._project is not None and Path(folder).parent == jobs_of(self._project)
