"""What a newcomer meets: the start page and the demo."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features
from app.files.feature import FilesFeature
from app.welcome.demo import DemoController


class WelcomeFeature(Feature):
    """Answers ``demoWanted``."""

    name = "welcome"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.demo = DemoController(context, features[FilesFeature].documents, window)
        self.session.requests.demoWanted.connect(self.demo.open)

    def actions(self) -> Sequence[Action]:
        """The demo, by hand or all of it."""
        return (
            Action("demo", "Open the &demo", self.demo.open, "&File:open",
                   tip="Open a small trained network with a dataset; nothing is downloaded"),
            Action("run_demo", "&Run the whole demo…", self.demo.run_all, "&Help:help",
                   tip="Run the whole workflow on a small network: suggest, prune, "
                       "fine-tune, compare, export"),
        )  # fmt: skip

    def may_close(self) -> bool:
        """Ask about a walk that runs."""
        return self.demo.may_close()
