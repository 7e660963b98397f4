"""Other formats, and whether they equal the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.export.controller import ExportController
from app.feature import Feature, Features, Panel


class ExportFeature(Feature):
    """Exports networks and lists the results."""

    name = "export"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = ExportController(context, window)

    def panels(self) -> Sequence[Panel]:
        """Formats, and what was exported."""
        return (Panel("export", "Export", self._panel),)

    def _panel(self) -> QWidget:
        from app.export.panel import ExportPanel

        panel = ExportPanel(self.context)
        panel.wanted.connect(self.controller.look_up)
        panel.exportRequested.connect(self.controller.export)
        panel.quantizeRequested.connect(self.controller.quantize)
        return panel
