"""The help page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features
from app.kit.dialogs import place

if TYPE_CHECKING:
    from app.help.window import HelpWindow


class HelpFeature(Feature):
    """Explains pruning."""

    name = "help"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.page: HelpWindow | None = None

    def actions(self) -> Sequence[Action]:
        """Show the page."""
        return (
            Action("help", "What is &pruning…", self.show_page, "&Help:help", "F1",
                   tip="What pruning is, what it changes, and what each option does"),
        )  # fmt: skip

    def show_page(self) -> None:
        """Show the help page, or bring it to the front."""
        if self.page is None:
            from app.help.window import HelpWindow

            self.page = HelpWindow(self.context.theme, self.window)
            place(self.page)
        self.page.show()
        self.page.raise_()
        self.page.activateWindow()
