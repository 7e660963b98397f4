"""How much accuracy each block bears."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Feature, Features, Panel
from app.sensitivity.controller import SensitivityController
from app.sensitivity.overlay import OVERLAY
from app.state.session import Overlay


class SensitivityFeature(Feature):
    """Answers ``evaluateWanted``."""

    name = "sensitivity"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = SensitivityController(context, window)
        self.session.requests.evaluateWanted.connect(self.controller.evaluate)

    def panels(self) -> Sequence[Panel]:
        """Curves of accuracy by block and ratio."""
        return (Panel("sensitivity", "Sensitivity", self._panel),)

    def overlays(self) -> Sequence[Overlay]:
        """Accuracy lost."""
        return (OVERLAY,)

    def _panel(self) -> QWidget:
        from app.sensitivity.panel import SensitivityPanel

        panel = SensitivityPanel(self.context)
        panel.scanRequested.connect(self.controller.scan)
        return panel
