"""The page to hand over."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features, has_model
from app.report.controller import ReportController


class ReportFeature(Feature):
    """Writes reports."""

    name = "report"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = ReportController(context, window)

    def actions(self) -> Sequence[Action]:
        """Write a report."""
        return (
            Action("report", "&Report…", self.controller.ask, "&File:exchange", "Ctrl+R",
                   tip="Create a report of the model, the plan and all measurements",
                   needs=has_model),
        )  # fmt: skip
