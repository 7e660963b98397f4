"""Reports from the window: asks where to and what to measure, runs the job, opens what it made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.engine.preconditions import is_free
from app.kit.desktop import open_file
from app.kit.dialogs import show_dialog
from app.report.report_dialog import ReportDialog
from app.state.files import job_places
from app.state.measurements import data_arguments
from app.state.project_state import to_project


class ReportController(QObject):
    """The window's side of the job ``report``."""

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine, self._settings = (
            context.session,
            context.engine,
            context.settings,
        )
        self._window = window

    def ask(self) -> None:
        """Ask where the report goes, and what is measured for it."""
        session = self._session
        if session.model is None or not is_free(session, self._engine, "report"):
            return
        lineage, sha256 = session.lineage, session.model.facts.sha256
        found = {name: lineage.measured(name, sha256) for name in ReportDialog.PARTS}
        known = {name: held[-1].date[:10] if held else "" for name, held in found.items()}
        dialog = ReportDialog(
            self._suggested(), known, session.measured.data is not None, self._window
        )
        dialog.chosen.connect(self.start)
        show_dialog(dialog)

    def _suggested(self) -> Path:
        session = self._session
        assert session.model is not None
        beside = session.project_path or Path(session.model.path)
        folder = beside.parent if beside.exists() else Path(self._settings.folder())
        return folder / f"{beside.stem}-report.html"

    def start(self, output: Path, measure: Sequence[str], show: bool) -> None:
        """Make a report; the project need not be saved.

        Parameters
        ----------
        output : Path
        measure : sequence of str
            Of ``accuracy``, ``latency`` and ``alternatives``.
        show : bool
            Whether to open it when it is made.
        """
        from core.checkpoint.facts import origin_of
        from core.history.measurements import places_of
        from core.project import project_json

        session = self._session
        if session.model is None or not is_free(session, self._engine, "report"):
            return
        facts = session.model.facts
        stores = places_of(session.project_path, origin_of(facts), facts.sha256)
        place = session.project_path or Path(session.model.path).with_suffix(".secateur")
        data = data_arguments(session.measured.data, "val")
        self._engine.submit(
            "report",
            f"Report on {Path(session.model.path).name}",
            {
                "project": project_json(to_project(session, place)),
                "place": str(place.absolute()),
                "output": str(output),
                "stores": [str(path) for path in stores],
                "jobs": [str(path) for path in job_places(session)],
                "measure": list(measure),
                "data": None if data is None else {**data, "images": None},
            },
            done=lambda result: self._made(result, show),
            cancelled=lambda: session.say(
                "The report was cancelled; complete measurements are kept.", key="report"
            ),
        )

    def _made(self, result: dict[str, Any], show: bool) -> None:
        path = Path(result["output"])
        notes = [f"{note['message']} {note['hint']}".strip() for note in result["notes"]]
        self._session.say(
            f"The report was saved as {path.name}.",
            " ".join(notes),
            "warning" if notes else "success",
            actions=(
                ("Open", lambda: open_file(path)),
                ("Show folder", lambda: open_file(path.parent)),
            ),
            key="report",
        )
        if show:
            open_file(path)
