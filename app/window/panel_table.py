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
    PanelSpec("model", "Model", "app.plan.model_panel:ModelPanel", "left"),
    PanelSpec("edits", "Edits", "app.plan.edits_panel:EditsPanel", "left"),
    PanelSpec("plan", "Plan", "app.plan.plan_panel:PlanPanel", "right"),
    PanelSpec("choose", "Choose", "app.choose.panel:ChoosePanel", "right", True),
    PanelSpec("inspector", "Inspector", "app.plan.inspector_panel:InspectorPanel", "right"),
    PanelSpec("blocks", "Blocks", "app.plan.blocks_panel:BlocksPanel", "bottom"),
    PanelSpec("conflicts", "Conflicts", "app.plan.conflicts_panel:ConflictsPanel", "bottom", True),
    PanelSpec("flow", "Channel flow", "app.plan.flow_panel:FlowPanel", "bottom", True),
    PanelSpec(
        "sensitivity", "Sensitivity", "app.sensitivity.panel:SensitivityPanel", "bottom", True
    ),
    PanelSpec("steps", "Steps", "app.pruning.steps_panel:StepsPanel", "bottom", True),
    PanelSpec("data", "Data", "app.data.panel:DataPanel", "bottom", True),
    PanelSpec("tuning", "Fine-tune", "app.tune.panel:TuningPanel", "bottom", True),
    PanelSpec("compare", "Compare", "app.compare.panel:ComparePanel", "bottom", True),
    PanelSpec("history", "History", "app.history.panel:HistoryPanel", "bottom", True),
    PanelSpec("latency", "Latency", "app.latency.panel:LatencyPanel", "bottom", True),
    PanelSpec("export", "Export", "app.export.panel:ExportPanel", "bottom", True),
    PanelSpec("jobs", "Jobs", "app.jobs.panel:JobsPanel", "bottom", True),
)
