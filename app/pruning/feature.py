"""Prune, prove, repair; one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features, Panel, has_model
from app.kit.dialogs import show_dialog
from app.pruning.controller import PruneController
from app.pruning.one_by_one import StepsController


def has_changes(context: Context) -> bool:
    """While the plan changes the network."""
    prediction = context.session.prediction
    pending = context.session.structures.pending
    return prediction is not None and prediction.changes and not pending


class PruningFeature(Feature):
    """Answers ``pruneWanted``; announces ``pruned``."""

    name = "pruning"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = PruneController(context, window)
        self.steps = StepsController(context, window)
        requests = self.session.requests
        requests.pruneWanted.connect(self.controller.prune)
        requests.pruned.connect(self.show_result)
        self.controller.steppingWanted.connect(self.steps.run)
        self.steps.pruned.connect(self.controller.take)
        self.steps.started.connect(lambda: requests.panelWanted.emit("steps"))

    def panels(self) -> Sequence[Panel]:
        """The steps of one by one."""
        return (Panel("steps", "Steps", self._panel),)

    def actions(self) -> Sequence[Action]:
        """Prune and verify."""
        return (
            Action("prune", "&Prune…", self.controller.prune, "&Plan:prune", "Ctrl+P", "prune",
                   True, "Prune a copy, verify it, and save it", has_changes),
            Action("verify", "&Verify a pruned file…", self.controller.verify, "&Plan:prune",
                   "Ctrl+Shift+V", "verify", True, "Compare a pruned file with its masked original",
                   has_model, "Verify"),
        )  # fmt: skip

    def _panel(self) -> QWidget:
        from app.pruning.steps_panel import StepsPanel

        panel = StepsPanel(self.context)
        panel.runRequested.connect(self.steps.run)
        panel.openRequested.connect(self.steps.open_step)
        panel.continueRequested.connect(self.steps.go_on)
        return panel

    def show_result(self, result: Mapping[str, Any]) -> None:
        """Show what a pruning did."""
        from app.pruning.result_dialog import ResultDialog

        model, requests = self.session.model, self.session.requests
        before, note = (model.file_size, "") if model else (None, "")
        if model is not None and model.facts.dtype != result.get("dtype", model.facts.dtype):
            note = "16 → 32-bit weights"
        dialog = ResultDialog(result, before, self.window, note)
        dialog.openWanted.connect(requests.openWanted)
        dialog.tuneWanted.connect(requests.tuneWanted)
        if model is not None:
            original = model.path
            dialog.compareWanted.connect(lambda made: requests.compareWanted.emit([original, made]))
        show_dialog(dialog)
