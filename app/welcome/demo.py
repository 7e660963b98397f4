"""The demo in the window: opened to be tried by hand, or walked as one job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget

from app.context import Context
from app.kit.dialogs import ask
from app.welcome.demo_dialog import DemoDialog
from app.welcome.follow import DemoFollower
from core.system.paths import data_folder

if TYPE_CHECKING:
    from app.engine.protocol import Failure
    from app.files.documents import Documents

ALL = "all"
"""Folder within the demo's own that a walk of all steps gets: what the user did stays."""
WELCOME = "This is the demo: a YOLOv8n trained on drawn scenes, with its dataset."
HINT = (
    "Prune it yourself, or let Secateur run the whole workflow: suggest, prune, fine-tune, compare."
)
Buttons = QMessageBox.StandardButton


def _is_demo(folder: Path) -> bool:
    from core.demo.place import is_ready  # takes a while to import, and few projects are the demo's

    return is_ready(folder)


def demo_folder() -> Path:
    """Return the folder of the demo in the window."""
    return data_folder() / "demo"


class DemoController(QObject):
    """The window's side of the jobs ``demo_set_up`` and ``demo``."""

    def __init__(self, context: Context, documents: Documents, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine, self._window = context.session, context.engine, window
        self._documents, self._jobs = documents, context.jobs
        self.settings: dict[str, Any] = {}
        self.dialog: DemoDialog | None = None
        self._number, self._folder = 0, ""
        self._waiting: Mapping[str, Any] | None = None
        self._touring = False
        self.follower = DemoFollower(context, documents, self)
        self._session.modelChanged.connect(self._look)
        self._session.requests.tourRuns.connect(self._tour_runs)
        self._engine.changed.connect(self._progress)

    # ---- by hand ------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the demo's project; lay it out first if it is missing."""
        if self._engine.running("demo_set_up", "demo"):
            return
        self._session.requests.opening.emit("the demo")

        def done(result: dict[str, Any]) -> None:
            self._session.requests.opening.emit("")
            self._documents.open_path(result["project"])

        def failed(failure: Failure) -> None:
            self._session.requests.opening.emit("")
            self._engine.failed.emit(failure)

        self._engine.submit(
            "demo_set_up",
            "Set up the demo",
            {"folder": str(demo_folder())},
            done=done,
            failed=failed,
            cancelled=lambda: self._session.requests.opening.emit(""),
        )

    def _tour_runs(self, runs: bool) -> None:
        """Leave the word to the tour; what it kept from being said is said when it is over."""
        self._touring = runs
        if not runs:
            self._look()

    def _look(self) -> None:
        """Describe the demo when it opens, unless it runs or a tour of it does."""
        path = self._session.project_path
        if self._waiting is not None and path == Path(self._waiting["project"]):
            self._take_results(self._waiting)
            self._waiting = None
        elif self._touring or self._engine.running("demo"):
            return
        elif path is not None and not self._session.lineage.results and _is_demo(path.parent):
            actions = (
                ("Run it all", self.run_all),
                ("Take the tour", self._session.requests.tourWanted.emit),
            )
            self._session.say(WELCOME, HINT, "info", actions=actions, key="demo")

    def _take_results(self, result: Mapping[str, Any]) -> None:
        self._session.measured.set_comparison(result["comparison"])
        report = QUrl.fromLocalFile(result["report"])
        actions = (
            ("Open report", lambda: QDesktopServices.openUrl(report)),
            ("Take the tour", self._session.requests.tourWanted.emit),
        )
        text = "These are the results of the demo: the plan and the compared networks."
        hint = f"All files are in {result['folder']}."
        self._session.say(text, hint, "success", actions=actions, key="demo")
        self._session.requests.panelWanted.emit("compare")

    # ---- all of it ----------------------------------------------------------------------------

    def run_all(self) -> None:
        """Run the whole workflow, in a separate folder."""
        if self._engine.running("demo"):
            self._show_dialog()
            return
        from core.demo.place import Place

        self._end_dialog()
        self._folder = str(self._place())
        self.dialog = DemoDialog(self._window)
        self.dialog.cancelRequested.connect(lambda: self._engine.cancel(self._number))
        self.dialog.lookRequested.connect(self._open_result)
        self.dialog.finished.connect(self._forget)
        self._jobs.ends_with_window = self._folder
        self.follower.begin(Place(Path(self._folder)).project)
        self._session.requests.demoRuns.emit(True)
        self._number = self._engine.submit(
            "demo",
            "Demo",
            {"folder": self._folder, "settings": self.settings},
            done=self._done,
            failed=self._failed,
            cancelled=self._cancelled,
            partial=self._step_done,
        )
        self._show_dialog()

    def _place(self) -> Path:
        """Return the folder for the walk: within the demo that is open, else within our own."""
        path = self._session.project_path
        if path is None or not _is_demo(path.parent):
            return demo_folder() / ALL
        return path.parent if path.parent.name == ALL else path.parent / ALL

    def _show_dialog(self) -> None:
        if self.dialog is not None:
            self.dialog.show_beside(self._window)

    def _step_done(self, data: Mapping[str, Any]) -> None:
        if self.dialog is not None:
            self.dialog.step_done(data)
        self.follower.step_done(data)

    def _forget(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None

    def _progress(self, number: int) -> None:
        record = self._engine.record(number)
        if number == self._number and record is not None and self.dialog is not None:
            self.dialog.set_progress(record.fraction, record.text)

    def _done(self, result: dict[str, Any]) -> None:
        self._over(saved=True)
        self._waiting = result
        if self.dialog is not None:
            self.dialog.finish(result)
            self._show_dialog()
        if not self._session.dirty:
            self._open_result()

    def _open_result(self) -> None:
        """Open the walk's project, or bring it to the front where it is open."""
        if self._waiting is not None:
            self._documents.open_path(self._waiting["project"])
        else:
            self._session.requests.panelWanted.emit("compare")

    def _failed(self, failure: Failure) -> None:
        self._over()
        self._end_dialog()
        self._engine.failed.emit(failure)

    def _cancelled(self) -> None:
        self._over()
        self._end_dialog()
        self._session.say(
            "The demo was stopped.",
            "Finished steps are kept; you can run it again.",
            actions=(("Run again", self.run_all),),
            key="demo",
        )

    def _over(self, saved: bool = False) -> None:
        self._jobs.ends_with_window = ""
        self.follower.end(saved)
        self._session.requests.demoRuns.emit(False)

    def _end_dialog(self) -> None:
        if self.dialog is not None:
            self.dialog.end()

    # ---- the end ------------------------------------------------------------------------------

    def may_close(self) -> bool:
        """Ask before closing the window stops a running demo; False if the window stays open."""
        if not self._engine.running("demo"):
            return True
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Demo is running")
        box.setText("The demo is running and stops when you close the window.")
        box.setInformativeText("Finished steps are kept; you can run it again.")
        box.setStandardButtons(Buttons.Yes | Buttons.Cancel)
        box.button(Buttons.Yes).setText("&Stop")
        box.setDefaultButton(Buttons.Cancel)
        answer = ask(box)
        return answer == Buttons.Yes
