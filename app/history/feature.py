"""The tree of what was made of a network."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Feature, Features, Panel
from app.files.feature import FilesFeature
from app.history.controller import HistoryController


class HistoryFeature(Feature):
    """Listens to ``tuningStarts``; ``session.lineage`` holds the steps of the network."""

    name = "history"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = HistoryController(context, features[FilesFeature].documents, window)
        requests = self.session.requests
        requests.tuningStarts.connect(self.controller.begin)
        self.controller.compareWanted.connect(requests.compareWanted)

    def panels(self) -> Sequence[Panel]:
        """The tree."""
        return (Panel("history", "History", self._panel),)

    def _panel(self) -> QWidget:
        from app.history.panel import HistoryPanel

        panel = HistoryPanel(self.context)
        panel.openRequested.connect(self.controller.open)
        panel.compareRequested.connect(self.controller.compare)
        panel.planRequested.connect(self.controller.use_plan)
        return panel
