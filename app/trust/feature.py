"""Trusted modules: Python files with layers of the user's own."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features
from app.trust.controller import TrustController


class TrustFeature(Feature):
    """Answers ``trustWanted``, and lists what is trusted."""

    name = "trust"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = TrustController(context, window)
        self.session.requests.trustWanted.connect(self.controller.ask)

    def actions(self) -> Sequence[Action]:
        """List them."""
        return (
            Action("trusted", "Trusted &modules…", self.controller.show_list, "&File:exchange",
                   tip="Python files with layers of your own that Secateur may run"),
        )  # fmt: skip
