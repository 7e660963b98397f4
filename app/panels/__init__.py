"""The panels around the graph. A new one is a new file and a line in ``PANELS``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.context import Context


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """One dockable panel.

    Attributes
    ----------
    id : str
        Names its dock in the stored layout.
    home : str
        ``module:class``; the class takes a ``Context``.
    area : str
        ``left``, ``right`` or ``bottom``.
    tab : bool
        Whether it shares its place with the panel before it in the same area.
    """

    id: str
    title: str
    home: str
    area: str
    tab: bool = False

    def make(self, context: Context) -> QWidget:
        """Make the panel."""
        module, name = self.home.split(":")
        widget: QWidget = getattr(importlib.import_module(module), name)(context)
        return widget


PANELS: tuple[PanelSpec, ...] = (
    PanelSpec("model", "Model", "app.panels.model:ModelPanel", "left"),
    PanelSpec("edits", "Edits", "app.panels.edits:EditsPanel", "left"),
    PanelSpec("plan", "Plan", "app.panels.plan:PlanPanel", "right"),
    PanelSpec("choose", "Choose", "app.panels.choose:ChoosePanel", "right", True),
    PanelSpec("inspector", "Inspector", "app.panels.inspector:InspectorPanel", "right"),
    PanelSpec("blocks", "Blocks", "app.panels.blocks:BlocksPanel", "bottom"),
    PanelSpec("conflicts", "Conflicts", "app.panels.conflicts:ConflictsPanel", "bottom", True),
    PanelSpec("flow", "Channel flow", "app.panels.flow:FlowPanel", "bottom", True),
    PanelSpec(
        "sensitivity", "Sensitivity", "app.panels.sensitivity:SensitivityPanel", "bottom", True
    ),
    PanelSpec("steps", "Steps", "app.panels.steps:StepsPanel", "bottom", True),
    PanelSpec("data", "Data", "app.panels.data:DataPanel", "bottom", True),
    PanelSpec("tuning", "Fine-tune", "app.panels.tuning:TuningPanel", "bottom", True),
    PanelSpec("compare", "Compare", "app.panels.compare:ComparePanel", "bottom", True),
    PanelSpec("history", "History", "app.panels.history:HistoryPanel", "bottom", True),
    PanelSpec("latency", "Latency", "app.panels.latency:LatencyPanel", "bottom", True),
    PanelSpec("export", "Export", "app.panels.export:ExportPanel", "bottom", True),
    PanelSpec("jobs", "Jobs", "app.panels.jobs:JobsPanel", "bottom", True),
)
