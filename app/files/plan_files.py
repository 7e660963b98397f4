"""Plan files: imported for the open model, and exported from it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from app.state import plan_edits
from core.errors import UserError

if TYPE_CHECKING:
    from core.plan.schema import Plan

PLANS = "Plans (*.json);;All files (*)"


class PlanFiles:
    """The ways in and out for plans.

    Parameters
    ----------
    context : Context
    window : QWidget
        Whose dialogs ask for files.
    """

    def __init__(self, context: Context, window: QWidget) -> None:
        self._session, self._background = context.session, context.background
        self._settings, self._window = context.settings, window

    def import_plan(self) -> None:
        """Ask for a plan file and use it."""
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Import plan", self._settings.folder(), PLANS
        )
        if path:
            self.read_plan(path)

    def read_plan(self, path: str) -> None:
        """Use a plan file for the open model."""
        from core.plan.schema import read_plan

        if self._session.model is None:
            self._session.say("Open a model before you import a plan for it.", kind="warning")
            return
        self._background.read(
            path, lambda: read_plan(path), partial(self._take_plan, path), self._say
        )

    def _take_plan(self, path: str, plan: Plan) -> None:
        session = self._session
        if session.model is None:  # closed while a long plan was read
            return
        if plan.model_sha256 not in (None, session.model.facts.sha256):
            session.say(
                "The plan was made for another model file. Check its effect on this one.",
                kind="warning",
            )
        session.edit(plan_edits.replace_plan(plan_edits.unbound(plan), f"Import {Path(path).name}"))

    def export_plan(self) -> None:
        """Save the plan as JSON, bound to the open model, to be replayed anywhere."""
        from core.system.files import write_json

        session = self._session
        if session.model is None:
            return
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Export plan", str(Path(self._settings.folder()) / "plan.json"), PLANS
        )
        if not name:
            return
        plan = session.plan.model_copy(update={"model_sha256": session.model.facts.sha256})
        try:
            write_json(Path(name), plan.to_json())
        except UserError as error:
            self._say(error)

    def _say(self, error: UserError) -> None:
        self._session.say(error.message, error.hint, "error")
