"""The dataset: chosen, checked and shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.data.controller import DataController
from app.feature import Feature, Features, Panel


class DataFeature(Feature):
    """Answers ``dataWanted`` and ``dataFound``."""

    name = "data"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = DataController(context, window)
        requests = self.session.requests
        requests.dataWanted.connect(self.controller.choose_data)
        requests.dataFound.connect(self.controller.drop)
        requests.dataBrought.connect(self.controller.look)
        self.controller.shown.connect(lambda: requests.panelWanted.emit("data"))

    def panels(self) -> Sequence[Panel]:
        """The dataset and what its check found."""
        return (Panel("data", "Data", self._panel),)

    def _panel(self) -> QWidget:
        from app.data.panel import DataPanel

        panel = DataPanel(self.context)
        panel.dataRequested.connect(self.controller.choose_data)
        panel.folderRequested.connect(self.controller.choose_folder)
        panel.checkRequested.connect(self.controller.check)
        return panel
