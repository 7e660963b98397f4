"""Models side by side: tables, charts, images, and on the graph."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.compare.controller import CompareController
from app.compare.graph_overlay import OVERLAYS
from app.context import Context
from app.feature import Feature, Features, Panel
from app.state.session import Overlay


class CompareFeature(Feature):
    """Answers ``compareWanted``."""

    name = "compare"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = CompareController(context, window)

    def panels(self) -> Sequence[Panel]:
        """The models compared."""
        return (Panel("compare", "Compare", self._panel),)

    def overlays(self) -> Sequence[Overlay]:
        """What two compared models have of each other."""
        return OVERLAYS

    def _panel(self) -> QWidget:
        from app.compare.panel import ComparePanel

        panel = ComparePanel(self.context)
        panel.compareRequested.connect(self.controller.compare)
        panel.addRequested.connect(lambda: panel.add_files(self.controller.choose_files()))
        requests = self.session.requests
        requests.compareWanted.connect(lambda: requests.panelWanted.emit("compare"))
        requests.compareWanted.connect(panel.ask)
        return panel
