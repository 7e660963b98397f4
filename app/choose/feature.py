"""Channels chosen by Secateur: ranking, goal, suggestion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QWidget

from app.choose.controller import ChooseController
from app.choose.front_controller import FrontController
from app.context import Context
from app.data.feature import DataFeature
from app.feature import Feature, Features, Panel


class ChooseFeature(Feature):
    """Answers ``rankWanted`` and ``suggestWanted``."""

    name = "choose"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.front = FrontController(context, window)
        self.controller = ChooseController(context, window, self.front)
        self._data = features[DataFeature].controller
        self.session.requests.rankWanted.connect(self.controller.rank)
        self.session.requests.suggestWanted.connect(self.controller.suggest)

    def panels(self) -> Sequence[Panel]:
        """All that a suggestion depends on."""
        return (Panel("choose", "Choose", self._panel),)

    def _panel(self) -> QWidget:
        from app.choose.panel import ChoosePanel

        panel = ChoosePanel(self.context)
        panel.dataRequested.connect(self._data.choose_data)
        panel.dataDiscarded.connect(self._data.drop_data)
        panel.dataChanged.connect(self._change_data)
        panel.rankRequested.connect(self.controller.rank)
        panel.suggestRequested.connect(self.controller.suggest)
        panel.alternativePicked.connect(self.controller.take_alternative)
        panel.measureRequested.connect(self.front.ask)
        panel.timeRequested.connect(lambda: self.session.requests.layerTimesWanted.emit({}))
        return panel

    def _change_data(self, values: Mapping[str, Any]) -> None:
        self._data.change_data(**values)
