"""Milliseconds: the layer table, whole networks, the target."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Feature, Features, Panel
from app.latency.controller import TABLE_WANTED, LatencyController
from app.latency.overlay import OVERLAY
from app.state.session import Overlay


class LatencyFeature(Feature):
    """Answers ``layerTimesWanted``."""

    name = "latency"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = LatencyController(context, window)
        self.session.requests.layerTimesWanted.connect(self.controller.measure)
        self.controller.answered.connect(lambda: self.session.unsay(TABLE_WANTED))

    def panels(self) -> Sequence[Panel]:
        """Measured times, and a target in milliseconds."""
        return (Panel("latency", "Latency", self._panel),)

    def overlays(self) -> Sequence[Overlay]:
        """Milliseconds."""
        return (OVERLAY,)

    def _panel(self) -> QWidget:
        from app.latency.panel import LatencyPanel

        panel = LatencyPanel(self.context)
        panel.runtimesWanted.connect(self.controller.look_for_runtimes)
        panel.timeRequested.connect(self.controller.time_networks)
        panel.layersRequested.connect(self.controller.measure)
        requests = self.session.requests
        panel.suggestRequested.connect(lambda: requests.suggestWanted.emit(frozenset()))
        return panel
