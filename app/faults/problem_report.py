"""Saves what helps to find a fault: what the window knows, next to logs, versions and project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from app.context import Context
from core.errors import UserError

NAME = "secateur-problem.zip"


class ProblemReport(QObject):
    """Help → Report a problem."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._context, self._session, self._window = context, context.session, window

    def save(self) -> None:
        """Ask where the report should go, and write it."""
        start = str(Path(self._context.settings.folder()) / NAME)
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Save a problem report", start, "Zip files (*.zip)"
        )
        if not name:
            return
        path = Path(name) if Path(name).suffix else Path(name).with_suffix(".zip")
        project, about = self._session.project_path, self._about()

        def write() -> list[str]:
            from core.report.problem import write_problem_report

            there = project is not None and project.is_file()
            return write_problem_report(path, project if there else None, about)

        self._context.background.run(
            "report", write, lambda names: self._saved(path, len(names)), self._failed
        )

    def _about(self) -> dict[str, Any]:
        """Return what only the window knows."""
        session, engine = self._session, self._context.engine.state
        about: dict[str, Any] = {"engine": {"phase": engine.phase, **engine.facts}}
        if session.model is not None:
            facts = session.model.facts.to_dict()
            known = ("family", "task", "image_size", "dtype", "frozen", "fused", "sha256")
            about["model"] = {name: facts[name] for name in known}
            about["plan"] = session.plan.to_json()
        records = self._context.engine.records[-20:]
        about["tasks"] = [
            {"task": r.task, "state": r.state, "seconds": round(r.seconds, 1), "text": r.text}
            for r in records
        ]
        return about

    def _saved(self, path: Path, count: int) -> None:
        folder = QUrl.fromLocalFile(str(path.parent))
        self._session.say(
            f"{path.name} was saved: {count} text files, no images and no weights.",
            "Check the contents, then send it with a description of what you did.",
            "success",
            actions=(("Show folder", lambda: QDesktopServices.openUrl(folder)),),
            key="report",
        )

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        again = (("Save elsewhere…", self.save),)
        self._session.say(error.message, error.hint, "error", actions=again, key="report")
