"""The list of everything that runs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Panel


def is_busy(context: Context) -> bool:
    """While a task of the engine runs."""
    return bool(context.engine.running())


class JobsFeature(Feature):
    """Lists long jobs and engine tasks."""

    name = "jobs"

    def panels(self) -> Sequence[Panel]:
        """Long jobs and engine tasks."""
        return (Panel("jobs", "Jobs", self._panel),)

    def actions(self) -> Sequence[Action]:
        """Cancel."""
        return (
            Action("cancel", "Cancel the running &job", self.cancel, "&Plan:prune", "Ctrl+.",
                   "stop", needs=is_busy),
        )  # fmt: skip

    def _panel(self) -> QWidget:
        from app.jobs.panel import JobsPanel

        panel = JobsPanel(self.context)
        panel.showRequested.connect(self.session.requests.jobWanted)
        panel.openRequested.connect(self.session.requests.openWanted)
        return panel

    def cancel(self) -> None:
        """Cancel what runs."""
        for record in self.context.engine.running()[:1]:
            self.context.engine.cancel(record.number)
