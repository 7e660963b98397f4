"""Files: opened, saved, watched and recovered."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.context import Context
from app.feature import Action, Choice, Feature, Features, has_model
from app.files.crash_recovery import CrashRecovery
from app.files.documents import Documents
from app.files.recent import recent_choices
from app.kit.dialogs import show_dialog


class FilesFeature(Feature):
    """Opens models, projects, plans and datasets, and saves projects."""

    name = "files"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.documents = Documents(context, window)
        self.recovery = CrashRecovery(context, self.documents, window)
        requests = self.session.requests
        requests.openDialogWanted.connect(self.documents.open_dialog)
        requests.openWanted.connect(self.documents.open_path)

    def actions(self) -> Sequence[Action]:
        """Open, save, exchange plans, close."""
        documents = self.documents
        return (
            Action("open", "&Open…", documents.open_dialog, "&File:open", "Ctrl+O", "open", True,
                   "Open a checkpoint, a model YAML or a project"),
            Action("recent", "Open &recent", lambda: None, "&File:open",
                   tip="Open a file that was open lately", choices=self._recent),
            Action("new", "&New from description…", self.new_dialog, "&File:open", "Ctrl+N",
                   tip="Open a network by its name in Ultralytics, such as yolo11m.yaml"),
            Action("save", "&Save project", documents.save, "&File:save", "Ctrl+S", "save", True,
                   "Save the plan and its results as a project", has_model, "Save"),
            Action("save_as", "Save project &as…", documents.save_as, "&File:save",
                   "Ctrl+Shift+S", needs=has_model),
            Action("import_plan", "&Import plan…", documents.plans.import_plan, "&File:exchange",
                   tip="Load a plan from a JSON file", needs=has_model),
            Action("export_plan", "&Export plan…", documents.plans.export_plan, "&File:exchange",
                   tip="Save the plan as JSON, for the command line", needs=has_model),
            Action("close", "&Close model", documents.close_model, "&File:close", "Ctrl+W",
                   needs=has_model),
        )  # fmt: skip

    def _recent(self) -> Sequence[Choice]:
        return recent_choices(self.context.settings, self.documents.open_path)

    def new_dialog(self) -> None:
        """Ask for the description of a network and open it."""
        from app.files.new_dialog import NewDialog

        dialog = NewDialog(self.context.settings.folder(), self.window)
        dialog.accepted.connect(lambda: self.documents.open_path(dialog.chosen))
        show_dialog(dialog)

    def start(self) -> None:
        """Offer what a crash left behind."""
        self.recovery.offer()

    def may_close(self) -> bool:
        """Ask about unsaved work."""
        return self.documents.may_leave()

    def close(self) -> None:
        """Watch no file any more."""
        self.recovery.close()
        self.documents.watcher.watch("")
