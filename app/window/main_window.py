"""The window: puts its parts together, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QIcon,
    QKeyEvent,
)
from PySide6.QtWidgets import QDialog, QMainWindow, QMenu, QPushButton, QToolBar

from app.choose.controller import Choosing
from app.compare.controller import Comparing
from app.context import Context
from app.data.controller import DataChecking
from app.engine.client import JobManager
from app.engine.long_jobs import Runs
from app.engine.thread import Background
from app.export.controller import Exporting
from app.faults.problem_report import Support
from app.faults.reporter import ErrorReporter
from app.files.crash_recovery import Recovery
from app.files.documents import Documents
from app.history.controller import Remembering
from app.kit import theme
from app.latency.controller import TABLE_WANTED, Timing
from app.pictures.loader import Pictures
from app.pruning.controller import Pruning
from app.pruning.one_by_one import Stepping
from app.pruning.result_dialog import ResultDialog
from app.report.controller import Reporting
from app.sensitivity.controller import Scanning
from app.state.session import Session
from app.state.settings import Settings
from app.tune.arguments import ArgumentAsking
from app.tune.controller import Tuning
from app.tune.results import TunedResults
from app.welcome.demo import Demo
from app.window.action_handlers import Handlers
from app.window.actions import Actions
from app.window.docks import Docks
from app.window.graph_binding import GraphHost
from app.window.graph_pane import GraphPane
from app.window.status_bar import StatusBar, precision_note
from app.window.tour import Tour
from core.system.logs import engine_log

BLOCK_MENU = ("lock", "drop", "toggle", "why")


class MainWindow(QMainWindow):
    """Secateur's window."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        settings = settings or Settings()
        self.context = Context(
            Session(self),
            JobManager(engine_log(), self),
            Background(self),
            settings,
            theme.Theme(settings.appearance(), self),
            Runs(self),
            Pictures(self),
        )
        self.session, self.jobs = self.context.session, self.context.jobs
        self.reporter = ErrorReporter(self.session, self)
        self.documents = Documents(self.context, self)
        self.pruning = Pruning(self.context, self)
        self.choosing = Choosing(self.context, self)
        self.data_checking = DataChecking(self.context, self)
        self.scanning = Scanning(self.context, self)
        self.stepping = Stepping(self.context, self)
        self.timing = Timing(self.context, self)
        self.tuning = Tuning(self.context, self)
        self.arguments = ArgumentAsking(self.context, self)
        self.tuned_results = TunedResults(self.context, self)
        self.comparing = Comparing(self.context, self)
        self.demo = Demo(self.context, self.documents, self)
        self.remembering = Remembering(self.context, self.documents, self)
        self.exporting = Exporting(self.context, self)
        self.reporting = Reporting(self.context, self)
        self.recovery = Recovery(self.context, self.documents, self)
        self.host = GraphHost(self.context, self)
        self.pane = GraphPane(self.context, self.host)
        self.setCentralWidget(self.pane)
        self.layout_of_docks = Docks(self.context, self)
        self.docks = self.layout_of_docks.by_id
        self.tour = Tour(self)
        self.support = Support(self.context, self)
        self.reporter.reportWanted.connect(self.support.save)
        self.handlers = Handlers(self.context, self, self.documents, self.pruning, self.host)
        self.actions_table = Actions(self.session, self.handlers, lambda: bool(self.jobs.running()))
        self._make_bars()
        self._connect()
        self.setAcceptDrops(True)
        self.setWindowIcon(QIcon(theme.render("secateur", 64, "#000000")))
        self.resize(1440, 900)
        self.layout_of_docks.settle()
        self._show_title()

    # ---- parts --------------------------------------------------------------------------------

    def _make_bars(self) -> None:
        menus = self.actions_table.fill_menus(self.menuBar())
        self.layout_of_docks.fill_menu(menus["&View"].addMenu("&Panels"))
        self._toolbar = QToolBar("Tools", self)
        self._toolbar.setObjectName("tools")
        self._toolbar.setIconSize(QSize(20, 20))
        self._toolbar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.actions_table.fill_toolbar(self._toolbar)
        self.addToolBar(self._toolbar)
        self.setStatusBar(StatusBar(self.context))
        appearance = self.context.settings.appearance()
        self.actions_table.by_id[f"look_{appearance}"].setChecked(True)

    def _connect(self) -> None:
        plan: Any = self.docks["plan"].widget()
        plan.pruneRequested.connect(self.pruning.prune)
        plan.rulesRequested.connect(lambda: self.layout_of_docks.go_to("choose"))
        self._connect_choosing()
        self._connect_tuning()
        self._connect_shipping()
        self.pane.empty.openRequested.connect(self.documents.open_dialog)
        self.pane.empty.demoRequested.connect(self.demo.open)
        self.pane.empty.pathChosen.connect(self.documents.open_path)
        self.session.titleChanged.connect(self._show_title)
        self.documents.opening.connect(self.pane.empty.set_opening)
        self.documents.opening.connect(self.tour.wait_for)
        self.demo.failed.connect(self.reporter.failed)
        self.demo.tourWanted.connect(self.tour.start)
        self.tour.demoWanted.connect(self.demo.open)
        self.demo.shown.connect(lambda: self.layout_of_docks.go_to("compare"))
        self.documents.failed.connect(self.reporter.failed)
        self.pruning.failed.connect(self.reporter.failed)
        self.pruning.pruned.connect(self._show_result)
        self.jobs.changed.connect(self.actions_table.refresh)
        self.jobs.engine_died.connect(self._engine_died)
        self.host.menuRequested.connect(self._block_menu)
        self.context.theme.changed.connect(self.actions_table.restyle)

    def _connect_choosing(self) -> None:
        choosing, scanning, stepping = self.choosing, self.scanning, self.stepping
        wanted, inspector, sensitivity, model, steps, data = self._panels(
            "choose", "inspector", "sensitivity", "model", "steps", "data"
        )
        for signal, act in (
            (wanted.dataRequested, self.session.dataWanted),
            (wanted.dataDiscarded, self.data_checking.drop_data),
            (wanted.dataChanged, lambda values: self.data_checking.change_data(**values)),
            (wanted.rankRequested, choosing.rank),
            (inspector.rankRequested, choosing.rank),
            (wanted.suggestRequested, choosing.suggest),
            (wanted.alternativePicked, choosing.take_alternative),
            (wanted.timeRequested, lambda: self.timing.measure()),
            (self.timing.failed, self.reporter.failed),
            (self.documents.dataFound, self.data_checking.drop),
            (data.dataRequested, self.session.dataWanted),
            (data.folderRequested, self.data_checking.choose_folder),
            (data.checkRequested, self.data_checking.check),
            (self.data_checking.failed, self.reporter.failed),
            (self.data_checking.shown, lambda: self.layout_of_docks.go_to("data")),
            (sensitivity.scanRequested, scanning.scan),
            (model.evaluateRequested, scanning.evaluate),
            (choosing.failed, self.reporter.failed),
            (scanning.failed, self.reporter.failed),
            (steps.runRequested, stepping.run),
            (steps.openRequested, stepping.open_step),
            (steps.continueRequested, stepping.go_on),
            (self.pruning.steppingWanted, stepping.run),
            (stepping.started, lambda: self.layout_of_docks.go_to("steps")),
            (stepping.openWanted, self.documents.open_path),
            (stepping.pruned, self.pruning.take),
            (stepping.failed, self.reporter.failed),
        ):
            signal.connect(act)

    def _connect_tuning(self) -> None:
        panel, compare, jobs, history = self._panels("tuning", "compare", "jobs", "history")
        remembering = self.remembering
        for signal, act in (
            (panel.startRequested, self.tuning.start),
            (panel.checkRequested, self.tuning.check),
            (panel.argumentsRequested, self.arguments.ask),
            (self.arguments.failed, self.reporter.failed),
            (panel.dataRequested, self.session.dataWanted),
            (panel.openRequested, self.documents.open_path),
            (jobs.showRequested, self._show_run),
            (jobs.openRequested, self.documents.open_path),
            (self.tuning.openWanted, self.documents.open_path),
            (self.tuning.shown, self._show_run),
            (self.tuning.failed, self.reporter.failed),
            (compare.compareRequested, self.comparing.compare),
            (self.comparing.failed, self.reporter.failed),
            (history.openRequested, remembering.open),
            (history.compareRequested, remembering.compare),
            (history.planRequested, remembering.use_plan),
            (remembering.compareWanted, self._compare),
            (self.pruning.pruned, remembering.take_pruned),
            (self.tuning.starting, remembering.begin),
        ):
            signal.connect(act)

    def _connect_shipping(self) -> None:
        latency, export = self._panels("latency", "export")
        for signal, act in (
            (latency.runtimesWanted, self.timing.look_for_runtimes),
            (latency.timeRequested, self.timing.time_networks),
            (latency.layersRequested, self.timing.measure),
            (latency.suggestRequested, self.choosing.suggest),
            (export.wanted, self.exporting.look_up),
            (export.exportRequested, self.exporting.export),
            (self.exporting.failed, self.reporter.failed),
            (self.reporting.failed, self.reporter.failed),
            (self.timing.answered, lambda: self.pane.messages.dismiss_key(TABLE_WANTED)),
        ):
            signal.connect(act)

    def _show_run(self, folder: str) -> None:
        self.context.runs.watch(folder)
        if self.session.model is not None:
            self.layout_of_docks.go_to("tuning")

    def _compare(self, files: list[str]) -> None:
        self.layout_of_docks.go_to("compare")
        self._panels("compare")[0].ask(files)

    def _panels(self, *names: str) -> tuple[Any, ...]:
        return tuple(self.docks[name].widget() for name in names)

    # ---- showing ------------------------------------------------------------------------------

    def _show_title(self) -> None:
        model, project = self.session.model, self.session.project_path
        name = Path(str(project or (model.path if model else ""))).name
        self.setWindowTitle(f"{name}[*] – Secateur" if name else "Secateur")
        self.setWindowModified(self.session.dirty)

    def _show_result(self, result: dict[str, Any]) -> None:
        model = self.session.model
        before, note = (model.file_size, precision_note(model)) if model else (None, "")
        self.show_dialog(ResultDialog(result, before, self.documents.open_path, self, note))

    def _engine_died(self, how: str, hopeless: bool) -> None:
        again = "It does not start any more." if hopeless else "It was started again."
        self.session.say(
            f"The engine stopped ({how}).",
            f"{again} Nothing of your work is lost.",
            "error" if hopeless else "warning",
            key="engine",
        )

    def show_dialog(self, dialog: QDialog) -> None:
        """Show a dialog over the window; it is gone when it closes."""
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _block_menu(self, block: int, place: QPoint) -> None:
        if block >= 0 and block not in self.session.selection:
            self.session.select({block})
        menu = QMenu(self)
        for name in BLOCK_MENU if block >= 0 else ("select_all", "fit", "copy_picture"):
            menu.addAction(self.actions_table.by_id[name])
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    # ---- layout, files, the end ---------------------------------------------------------------

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open what another start, the command line or a drop named; come to the front."""
        if paths:
            self.documents.open_paths(list(paths))
        self.raise_()
        self.activateWindow()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self.pane.empty.set_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The files went away again."""
        self.pane.empty.set_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped anywhere on the window."""
        self.pane.empty.set_over(False)
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.documents.open_paths(paths)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the keyboard, as it does in dialogs."""
        button = self.focusWidget()
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and isinstance(button, QPushButton) and not event.isAutoRepeat():
            button.click()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved work, then leave nothing running."""
        if not (
            self.documents.may_leave()
            and self.demo.may_close()
            and self.tuning.may_close(self.demo.walking)
        ):
            event.ignore()
            return
        self.layout_of_docks.save()
        self.context.settings.save()
        self.recovery.close()
        self.reporter.uninstall()
        self.documents.watcher.watch("")
        self.session.shutdown()
        self.context.background.shutdown()
        self.context.pictures.shutdown()
        self.context.runs.shutdown()
        self.jobs.shutdown()
        event.accept()
