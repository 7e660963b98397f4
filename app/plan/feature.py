"""What is pruned, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features, Panel, has_model, has_selection
from app.kit.dialogs import show_dialog
from app.plan.conflicts.finder import ConflictFinder
from app.plan.overlays import OVERLAYS
from app.plan.structure import actions
from app.plan.structure.controller import StructureController
from app.state import plan_edits, removal
from app.state.session import Overlay
from app.state.structure.edits import without_blocks

STEP = 0.05
"""What one key press adds to a ratio, or takes away."""


def has_entries(context: Context) -> bool:
    """While the plan removes something."""
    plan = context.session.plan
    return has_model(context) and (bool(plan.selection) or plan.restructures)


def has_classes(context: Context) -> bool:
    """While a model is open that has classes to choose from."""
    model, parts = context.session.model, context.session.structures.parts
    known = model is not None and len(model.facts.classes) > 1
    return known and (parts is None or parts.classes)


def _nothing() -> None:
    """A submenu does nothing of its own."""


class PlanFeature(Feature):
    """Edits of the plan by hand, and all that shows what they do."""

    name = "plan"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self._finder = ConflictFinder(context, self)
        self._structure = StructureController(context, self)

    def panels(self) -> Sequence[Panel]:
        """The model, the plan, the inspector and the tables."""
        return (
            Panel("model", "Model", self._model_panel),
            Panel("edits", "Edits", self._edits_panel),
            Panel("plan", "Plan", self._plan_panel),
            Panel("inspector", "Inspector", self._inspector_panel),
            Panel("blocks", "Blocks", self._blocks_panel),
            Panel("conflicts", "Conflicts", self._conflicts_panel),
            Panel("flow", "Channel flow", self._flow_panel),
        )

    def overlays(self) -> Sequence[Overlay]:
        """Parameters, GFLOPs, ratios, parts, channels."""
        return OVERLAYS

    def actions(self) -> Sequence[Action]:
        """Select, raise, lower, lock, clear, why."""
        return (
            Action("select_all", "Select &all that can be pruned", self.select_all, "&Edit:select",
                   "Ctrl+A", "select", needs=has_model, on="graph", also=("Ctrl+Shift+A",)),
            Action("select_none", "Select &none", partial(self.session.select, ()), "&Edit:select",
                   "Ctrl+Shift+D", needs=has_selection),
            Action("more", "Prune &more of the selection", partial(self.step_ratio, STEP),
                   "&Plan:ratio", "Ctrl+Up", tip="Raise the ratio by 5%", needs=has_selection),
            Action("less", "Prune &less of the selection", partial(self.step_ratio, -STEP),
                   "&Plan:ratio", "Ctrl+Down", tip="Lower the ratio by 5%", needs=has_selection),
            *(Action(f"prune_{percent}", f"Prune by {percent}%",
                     partial(self.set_ratio, percent / 100), "&Plan:ratio",
                     tip=f"Remove {percent}% of the channels of the selected blocks",
                     needs=has_selection, on="block") for percent in (25, 50, 75)),
            Action("lock", "&Lock or unlock the selection", self.toggle_lock, "&Plan:ratio",
                   "Ctrl+L", "lock", True, "Keep the widths of the selected blocks as they are",
                   has_selection, "Lock", on="block"),
            Action("drop", "&Remove the selection from the plan", self.drop_selection,
                   "&Plan:ratio", "Del", "clear", needs=has_selection, on="block"),
            Action("clear", "&Clear the plan", self.clear_plan, "&Plan:ratio", needs=has_entries),
            Action("toggle_part", "Remove the &unit, branch or scale", self.toggle_part,
                   "&Plan:structure", "Shift+Del", on="block",
                   needs=lambda context: actions.can_toggle(context.session),
                   words=lambda: actions.toggle_words(self.session)),
            Action("parts", "Units, branches and &scales", _nothing, "&Plan:structure", on="block",
                   tip="Remove parts of the selected block, or put them back",
                   needs=has_selection,
                   choices=lambda: actions.choices(self.session, self.keep_classes)),
            Action("keep_classes", "&Keep only some classes…", self.keep_classes,
                   "&Plan:structure", needs=has_classes,
                   tip="Choose the classes that the network still detects"),
            Action("why", "&Why?", self.why, "&Plan:why", "W", "why", True,
                   "Show whether and how pruning one block changes another", has_model, on="block"),
        )  # fmt: skip

    # ---- panels -------------------------------------------------------------------------------

    def _model_panel(self) -> QWidget:
        from app.plan.model_panel import ModelPanel

        panel = ModelPanel(self.context)
        panel.evaluateRequested.connect(self.session.requests.evaluateWanted)
        return panel

    def _edits_panel(self) -> QWidget:
        from app.plan.edits_panel import EditsPanel

        return EditsPanel(self.context)

    def _plan_panel(self) -> QWidget:
        from app.plan.plan_panel import PlanPanel

        panel = PlanPanel(self.context)
        panel.pruneRequested.connect(self.session.requests.pruneWanted)
        panel.rulesRequested.connect(lambda: self.session.requests.panelWanted.emit("choose"))
        return panel

    def _inspector_panel(self) -> QWidget:
        from app.plan.inspector_panel import InspectorPanel

        panel = InspectorPanel(self.context, self._finder)
        panel.rankRequested.connect(self.session.requests.rankWanted)
        panel.parts.classesWanted.connect(self.keep_classes)
        return panel

    def _blocks_panel(self) -> QWidget:
        from app.plan.blocks_panel import BlocksPanel

        return BlocksPanel(self.context)

    def _conflicts_panel(self) -> QWidget:
        from app.plan.conflicts.panel import ConflictsPanel

        return ConflictsPanel(self.context, self._finder)

    def _flow_panel(self) -> QWidget:
        from app.plan.flow_panel import FlowPanel

        return FlowPanel(self.context)

    # ---- actions ------------------------------------------------------------------------------

    def select_all(self) -> None:
        """Select every block that has channels to give."""
        if self.session.model is not None:
            self.session.select(self.session.model.predictor.prunable)

    def step_ratio(self, step: float) -> None:
        """Raise or lower the ratio of the selected blocks."""
        session = self.session
        session.edit(removal.stepped(session, session.selection, step))

    def set_ratio(self, ratio: float) -> None:
        """Prune the selected blocks by a ratio."""
        self.session.edit(plan_edits.set_ratio(self.session.plan, self.session.selection, ratio))

    def toggle_lock(self) -> None:
        """Lock the selection, or unlock it when all of it is locked."""
        session = self.session
        locked = not session.selection <= session.locked
        session.edit(plan_edits.set_locked(session.plan, session.selection, locked))

    def drop_selection(self) -> None:
        """Take the selected blocks out of the plan."""
        plan = without_blocks(self.session.plan, self.session.selection)
        self.session.edit(plan_edits.set_ratio(plan, self.session.selection, 0.0))

    def clear_plan(self) -> None:
        """Take everything out of the plan."""
        self.session.edit(plan_edits.clear(self.session.plan))

    def toggle_part(self) -> None:
        """Remove the unit, branch or scale in focus, or put it back."""
        part = actions.part_in_focus(self.session)
        if part is not None and actions.can_toggle(self.session):
            actions.toggle(self.session, part)

    def keep_classes(self) -> None:
        """Ask which classes stay."""
        from app.plan.structure.classes_dialog import ClassesDialog

        if has_classes(self.context):
            show_dialog(ClassesDialog(self.session, self.window))

    def why(self) -> None:
        """Ask about two blocks."""
        from app.plan.why_dialog import WhyDialog

        show_dialog(WhyDialog(self.session, self.window))
