"""Internal errors shown, and the problem report."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.faults.problem_report import ProblemReport
from app.faults.reporter import ErrorReporter
from app.feature import Action, Feature, Features
from app.kit.desktop import open_file
from core.system import logs


class FaultsFeature(Feature):
    """Shows what failed; the first feature, so that nothing fails unseen."""

    name = "faults"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.reporter = ErrorReporter(self.session, window)
        self.report = ProblemReport(context, window)
        context.engine.failed.connect(self.reporter.failed)
        context.engine.finished.connect(self._task_ended)
        context.engine.engine_died.connect(self._engine_died)
        self.reporter.reportWanted.connect(self.report.save)

    def actions(self) -> Sequence[Action]:
        """Report a problem; show the log."""
        return (
            Action("report_problem", "Report a pro&blem…", self.report.save, "&Help:problem",
                   tip="Save logs, versions, machine and plan for a report; no images, no weights"),
            Action("log", "Show &log", lambda: open_file(logs.folder()), "&Help:problem",
                   tip="Open the folder with the log files"),
        )  # fmt: skip

    def _task_ended(self, number: int, state: str) -> None:
        record = self.context.engine.record(number)
        if state == "done" and record is not None:
            self.reporter.succeeded(record.task)

    def _engine_died(self, how: str, hopeless: bool) -> None:
        again = "It could not be restarted." if hopeless else "It was restarted."
        self.session.say(
            f"The engine stopped unexpectedly ({how}).",
            f"{again} Your work is not lost.",
            "error" if hopeless else "warning",
            key="engine",
        )

    def close(self) -> None:
        """Put the hooks back that were there before."""
        self.reporter.uninstall()
