"""Milliseconds: the layer table, whole networks, the target."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features, Panel, has_model
from app.latency.controller import TABLE_WANTED, LatencyController
from app.latency.devices_controller import DevicesController
from app.latency.overlay import OVERLAY
from app.state.session import Overlay


class LatencyFeature(Feature):
    """Answers ``layerTimesWanted``."""

    name = "latency"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = LatencyController(context, window)
        self.devices = DevicesController(context, window)
        self.devices.measureWanted.connect(self.controller.measure)
        self.controller.kitWanted.connect(self.devices.write_kit)
        self.session.requests.layerTimesWanted.connect(self.controller.measure)
        self.controller.answered.connect(lambda: self.session.unsay(TABLE_WANTED))

    def panels(self) -> Sequence[Panel]:
        """Measured times, and a target in milliseconds."""
        return (Panel("latency", "Latency", self._panel),)

    def actions(self) -> Sequence[Action]:
        """Devices, and what goes to those without a shell and comes back."""
        return (
            Action("devices", "&Devices…", self.devices.manage, "&Latency:device",
                   tip="Rename, measure again and forget devices"),
            Action("add_device", "&Add device…", self.devices.add, "&Latency:device",
                   tip="Measure on a computer or board that can be reached over SSH"),
            Action("latency_kit", "&Measurement kit…", self.devices.write_kit, "&Latency:kit",
                   tip="Write an archive for a device that cannot be reached from here",
                   needs=has_model),
            Action("read_answers", "&Read answers…", self.devices.read_answers, "&Latency:kit",
                   tip="Read the file that such a device wrote", needs=has_model),
        )  # fmt: skip

    def overlays(self) -> Sequence[Overlay]:
        """Milliseconds."""
        return (OVERLAY,)

    def _panel(self) -> QWidget:
        from app.latency.panel import LatencyPanel

        panel = LatencyPanel(self.context)
        panel.runtimesWanted.connect(self.controller.look_for_runtimes)
        panel.timeRequested.connect(self.controller.time_networks)
        panel.layersRequested.connect(self.controller.measure)
        panel.kitRequested.connect(self.devices.write_kit)
        panel.where.deviceChosen.connect(self.devices.choose)
        panel.where.addWanted.connect(self.devices.add)
        panel.where.manageWanted.connect(self.devices.manage)
        requests = self.session.requests
        panel.suggestRequested.connect(lambda: requests.suggestWanted.emit(frozenset()))
        return panel
