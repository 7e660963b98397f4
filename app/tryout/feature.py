"""Try an image: networks on a person's own images, without labels."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Feature, Features, Panel, has_model
from app.tryout.controller import TryController


class TryoutFeature(Feature):
    """Answers ``tryWanted``."""

    name = "tryout"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.controller = TryController(context, window)

    def panels(self) -> Sequence[Panel]:
        """What the networks find."""
        return (Panel("tryout", "Try an image", self._panel),)

    def actions(self) -> Sequence[Action]:
        """Choose images, or a folder of them."""
        return (
            Action("try_images", "&Try an image…", self.controller.choose_images, "&File:try",
                   "Ctrl+Shift+T", "picture", needs=has_model,
                   tip="Run the original and the pruned networks on images or a video"),
            Action("try_folder", "Try a &folder of images…", self.controller.choose_folder,
                   "&File:try", needs=has_model,
                   tip="Run the original and the pruned networks on a folder of images"),
        )  # fmt: skip

    def close(self) -> None:
        """Leave no frames of videos behind."""
        self.controller.close()

    def _panel(self) -> QWidget:
        from app.tryout.panel import TryPanel

        return TryPanel(self.context, self.controller)
