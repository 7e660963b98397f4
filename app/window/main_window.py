"""The window: puts its parts together, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QPoint, Qt
from PySide6.QtGui import (
    QCloseEvent,
    QIcon,
    QKeyEvent,
)
from PySide6.QtWidgets import QMainWindow, QMenu, QPushButton, QVBoxLayout, QWidget

from app.context import Context
from app.engine.client import EngineClient
from app.engine.long_jobs import LongJobs
from app.engine.thread import Background
from app.feature import Features
from app.files.feature import FilesFeature
from app.kit import theme
from app.kit.focus_frame import FocusFrame
from app.pictures.loader import Pictures
from app.state.session import Session
from app.state.settings import Settings
from app.window.actions import Actions
from app.window.drop_overlay import DropOverlay
from app.window.feature_table import FEATURES
from app.window.frame_actions import FrameActions
from app.window.graph_binding import GraphHost
from app.window.graph_pane import GraphPane
from app.window.layout.header import Header
from app.window.layout.scorecard import Scorecard
from app.window.layout.status_bar import StatusBar
from app.window.layout.workspace import Workspace
from app.window.parts import Parts
from app.window.tour import Tour
from core.system.logs import engine_log


class MainWindow(QMainWindow):
    """Secateur's window.

    Parameters
    ----------
    settings : Settings, optional
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        settings = settings or Settings()
        self.context = Context(
            Session(self),
            EngineClient(engine_log(), self),
            Background(self),
            settings,
            theme.Theme(settings.appearance(), self),
            LongJobs(self),
            Pictures(self),
        )
        self.session, self.engine = self.context.session, self.context.engine
        self.features = Features()
        for kind in FEATURES.values():
            self.features.add(kind(self.context, self, self.features))
        for feature in self.features:
            self.session.offer_overlays(feature.overlays())
        self.host = GraphHost(self.context, self)
        self.pane = GraphPane(self.context, self.host)
        panels = [panel for feature in self.features for panel in feature.panels()]
        self.workspace = Workspace(self.context, self.pane, panels)
        self.parts = Parts(self.context, self, self.host, self.pane, self.workspace)
        self.tour = Tour(self.parts)
        self.frame = FrameActions(self.parts, self.tour, lambda: self.actions_table.enabled())
        self.actions_table = Actions(
            self.context,
            [
                *(row for feature in self.features for row in feature.actions()),
                *self.frame.actions(),
            ],
            self,
        )
        self._make_bars()
        self.session.titleChanged.connect(self._show_title)
        self.session.requests.panelWanted.connect(self.workspace.go_to)
        self.session.requests.modeWanted.connect(self.workspace.set_mode)
        self.workspace.panelsMade.connect(self.host.prepare)
        self.host.menuRequested.connect(self._show_menu)
        self.host.aloneRequested.connect(self.frame.toggle_graph_alone)
        self.drop_overlay = DropOverlay(
            self, self.features[FilesFeature].documents, self.session.model_path
        )
        self.focus_frame = FocusFrame(self)
        self.setWindowIcon(QIcon(theme.render("secateur", 64, "#000000")))
        self.resize(1440, 900)
        self._restore_layout()
        self._show_title()

    # ---- parts --------------------------------------------------------------------------------

    def _make_bars(self) -> None:
        menus = self.actions_table.fill_menus(self.menuBar())
        self.workspace.fill_menu(menus["&View"].addMenu("&Panels"))
        self.header = Header(self.context)
        self.header.fill(self.actions_table.tools(), self.actions_table.by_id["palette"])
        self.addToolBar(self.header)
        self.scorecard = Scorecard(self.context)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.scorecard)
        layout.addWidget(self.workspace, 1)
        self.setCentralWidget(middle)
        self.setStatusBar(StatusBar(self.context))
        self.header.modes.chosen.connect(self.workspace.set_mode)
        self.workspace.modeChanged.connect(self._show_mode)
        self.workspace.aloneChanged.connect(self._show_alone)
        self._show_mode(self.workspace.mode.id)

    def start(self, tour: bool = True) -> None:
        """Do what waits until the window shows.

        Parameters
        ----------
        tour : bool
            Whether the tour may be offered: not to a person who came with a file.
        """
        for feature in self.features:
            feature.start()
        if tour:
            self.tour.offer()

    def _restore_layout(self) -> None:
        geometry, state = self.context.settings.layout()
        if geometry.size():
            self.restoreGeometry(geometry)
        if (width := bytes(state.data())).isdigit():  # 0.1 kept the places of its docks here
            self.workspace.set_side_width(int(width))

    # ---- showing ------------------------------------------------------------------------------

    def _show_title(self) -> None:
        model, project = self.session.model, self.session.project_path
        name = Path(str(project or (model.path if model else ""))).name
        name = name.replace("[*]", "[*][*]")  # a place for the mark, unless it is written twice
        self.setWindowTitle(f"{name}[*] – Secateur" if name else "Secateur")
        self.setWindowModified(self.session.dirty)

    def _show_mode(self, name: str) -> None:
        self.header.modes.show_mode(name)
        actions = self.actions_table.by_id
        self.scorecard.set_actions([actions[one] for one in self.workspace.mode.actions])
        self.session.requests.modeChanged.emit(name)

    def _show_alone(self, alone: bool) -> None:
        """Leave the graph alone on the window, or show the rest again."""
        for part in (self.header, self.menuBar(), self.statusBar()):
            part.setVisible(not alone)
        self.scorecard.setVisible(not alone and self.session.model is not None)

    def _show_menu(self, block: int, place: QPoint) -> None:
        if block >= 0 and block not in self.session.selection:
            self.session.select({block})
        menu = QMenu(self)
        menu.addActions(self.actions_table.on("block" if block >= 0 else "graph"))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    # ---- files, keys, the end -----------------------------------------------------------------

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open what another start, the command line or a drop named; raise the window."""
        if paths:
            self.features[FilesFeature].documents.open_paths(list(paths))
        self.raise_()
        self.activateWindow()

    def event(self, event: QEvent) -> bool:
        """Let work in the background go on once everything is painted."""
        handled = super().event(event)
        if event.type() == QEvent.Type.UpdateRequest:
            self.context.background.painted()
        return handled

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
        if not all(feature.may_close() for feature in self.features):
            event.ignore()
            return
        width = str(self.workspace.side_width()).encode()
        self.context.settings.set_layout(self.saveGeometry(), QByteArray(width))
        self.context.settings.save()
        for feature in self.features:
            feature.close()
        self.session.shutdown()
        for service in (
            self.context.background,
            self.context.pictures,
            self.context.jobs,
            self.context.engine,
        ):
            service.shutdown()
        event.accept()
