"""Plans searched around the goal."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Feature, Features, Panel
from app.search.controller import SearchController


class SearchFeature(Feature):
    """Has the panel *Search*."""

    name = "search"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = SearchController(context, window)

    def panels(self) -> Sequence[Panel]:
        """Settings of a search, and its front while it runs."""
        return (Panel("search", "Search", self._panel),)

    def _panel(self) -> QWidget:
        from app.search.panel import SearchPanel

        panel = SearchPanel(self.context, self.controller)
        panel.searchRequested.connect(self.controller.search)
        panel.openRequested.connect(self.controller.open)
        return panel
