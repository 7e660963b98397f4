"""Where the panels are: beside the graph, in its place, or in the drawer, mode by mode."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QMenu,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.context import Context
from app.feature import Panel
from app.kit.layouts import Upright
from app.kit.widgets import OnScreen
from app.window.layout.drawer import Drawer
from app.window.layout.modes import MODES, Mode, mode_of
from app.window.layout.tab_order import order_parts

SIDE_WIDTH = 350
DIGITS = 9
LEAST_DRAWER = 215
"""Pixels that the drawer opens with, even in a low window."""


class PanelHolder(QWidget):
    """Holds a panel, makes it when it is needed, and tells it whether it can be seen."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.setObjectName(panel.id)
        self.setWindowTitle(panel.title)
        self._row = panel
        self._panel: QWidget | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)

    @property
    def made(self) -> bool:
        """Whether the panel is there."""
        return self._panel is not None

    def widget(self) -> QWidget:
        """Return the panel."""
        if self._panel is None:
            title = self._row.title
            self._panel = panel = self._row.make()
            panel.setAccessibleName(panel.accessibleName() or title)
            # A panel may add to its title what is worth seeing while it is not shown.
            panel.windowTitleChanged.connect(lambda text: self.setWindowTitle(text or title))
            layout = self.layout()
            assert layout is not None
            layout.addWidget(panel if isinstance(panel, QScrollArea) else Upright(panel))
        return self._panel

    def showEvent(self, event: QShowEvent) -> None:
        """Let the panel catch up."""
        super().showEvent(event)
        self._tell(self.widget(), True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Let the panel rest."""
        super().hideEvent(event)
        if self._panel is not None:
            self._tell(self._panel, False)

    def _tell(self, panel: QWidget, shown: bool) -> None:
        if isinstance(panel, OnScreen):
            panel.set_shown(shown)


class Workspace(QSplitter):
    """The middle of the window.

    Panels are made one after the other once the window is painted, and all of them before a model
    opens, so that each sees everything that happens to it.

    Parameters
    ----------
    context : Context
    graph : QWidget
        Messages, search, and the graph or the start page.
    panels : sequence of Panel

    Signals
    -------
    modeChanged(str), aloneChanged(bool)
    panelsMade
        All panels are there.
    """

    panelsMade = Signal()
    modeChanged = Signal(str)
    aloneChanged = Signal(bool)

    def __init__(self, context: Context, graph: QWidget, panels: Sequence[Panel]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._session, self._settings = context.session, context.settings
        self._graph = graph
        self._holders = {panel.id: PanelHolder(panel) for panel in panels}
        self.mode: Mode = MODES[0]
        self.graph_alone = False
        self._side_width = SIDE_WIDTH
        self.main = QStackedWidget()
        self.main_tabs, self.side = _tabs("Panels of the mode"), _tabs("Inspector")
        self.main.addWidget(graph)
        self.main.addWidget(self.main_tabs)
        self.drawer = Drawer()
        self._left = QSplitter(Qt.Orientation.Vertical)
        self._left.addWidget(self.main)
        self._left.addWidget(self.drawer)
        self._left.setStretchFactor(0, 1)
        self._left.setCollapsible(0, False)
        self._left.setCollapsible(1, False)
        self.addWidget(self._left)
        self.addWidget(self.side)
        self.setStretchFactor(0, 1)
        self.setCollapsible(0, False)
        self.setCollapsible(1, False)
        self.setHandleWidth(1)
        self._left.setHandleWidth(1)
        for panel in panels:
            holder = self._holders[panel.id]
            self._put_away(holder)
            holder.windowTitleChanged.connect(lambda _, one=holder: self._retitle(one))
            if mode_of(panel.id, self.mode) is None:
                self.drawer.add(holder, panel.title)
        self.drawer.opened.connect(self._make_room)
        self.actions_to_panels = [self._action(panel, n) for n, panel in enumerate(panels, 1)]
        self._session.modelComing.connect(self._make_panels)
        self._session.modelChanged.connect(self._show)
        self._later = QTimer(self, interval=0)
        self._later.timeout.connect(self._make_next)
        self._place()
        self.reset()
        self._show()

    def __getitem__(self, panel: str) -> PanelHolder:
        """Return the holder of a panel."""
        return self._holders[panel]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Once there is something to see, make the panels."""
        super().paintEvent(event)
        if not all(holder.made for holder in self._holders.values()):
            self._later.start()

    def _make_next(self) -> None:
        holder = next((one for one in self._holders.values() if not one.made), None)
        if holder is not None:
            holder.widget()
        else:
            self._later.stop()
            self._order()
            self.panelsMade.emit()

    def _make_panels(self) -> None:
        """Make what is not there yet."""
        if all(holder.made for holder in self._holders.values()):
            return
        for holder in self._holders.values():
            holder.widget()
        self._make_next()

    # ---- going somewhere ----------------------------------------------------------------------

    def set_mode(self, name: str) -> None:
        """Work in another mode."""
        mode = next(mode for mode in MODES if mode.id == name)
        if mode is not self.mode:
            self.mode = mode
            self._place()
            self._show()
            self.modeChanged.emit(name)

    def go_to(self, panel: str) -> None:
        """Show a panel, in the mode that has it or in the drawer, with the keyboard in it."""
        holder = self._holders[panel]
        self.set_graph_alone(False)
        mode = mode_of(panel, self.mode)
        if mode is None:
            self.drawer.show_widget(holder)
        else:
            self.set_mode(mode.id)
            tabs = self.side if panel in mode.side else self.main_tabs
            tabs.setCurrentWidget(holder)
        give_keyboard(holder)

    def set_graph_alone(self, alone: bool) -> None:
        """Hide everything but the graph, or show it again."""
        if alone != self.graph_alone:
            self.graph_alone = alone
            self._show()
            self.aloneChanged.emit(alone)

    def fill_menu(self, menu: QMenu) -> None:
        """Fill a menu with all panels."""
        menu.addActions(self.actions_to_panels)

    def _action(self, panel: Panel, number: int) -> QAction:
        action = QAction(f"Go to {panel.title}", self)
        if number <= DIGITS:
            action.setShortcut(QKeySequence(f"Alt+{number}"))
        action.triggered.connect(lambda _=False, name=panel.id: self.go_to(name))
        return action

    # ---- layout -------------------------------------------------------------------------------

    def reset(self) -> None:
        """Give every part its first size, and close the drawer."""
        self.drawer.set_open(False)
        self.set_side_width(SIDE_WIDTH)

    def side_width(self) -> int:
        """Return how wide the inspector is, or will be when it shows."""
        return self.sizes()[1] if self.side.isVisible() else self._side_width

    def set_side_width(self, width: int) -> None:
        """Make the inspector this wide, now or when it shows."""
        self._side_width = width
        self.setSizes([max(1, self.width() - width), width])

    def _place(self) -> None:
        """Put the panels of the mode into the inspector and in the place of the graph."""
        for tabs, names in ((self.side, self.mode.side), (self.main_tabs, self.mode.main)):
            self._empty(tabs)
            for name in names:
                holder = self._holders.get(name)
                if holder is not None:
                    tabs.addTab(holder, holder.windowTitle())
            tabs.tabBar().setVisible(tabs.count() > 1)
            # Tab must not stop at a bar that is not there.
            policy = Qt.FocusPolicy.TabFocus if tabs.count() > 1 else Qt.FocusPolicy.NoFocus
            tabs.setFocusPolicy(policy)
        self._order()

    def _order(self) -> None:
        """Let Tab go from part to part."""
        order_parts(self, (self.main, self.drawer, self.side))

    def _empty(self, tabs: QTabWidget) -> None:
        """Take the panels out; they live on, hidden."""
        while tabs.count():
            holder = tabs.widget(0)
            tabs.removeTab(0)
            if isinstance(holder, PanelHolder):
                self._put_away(holder)

    def _put_away(self, holder: PanelHolder) -> None:
        """Keep a panel that the mode does not show, until the window goes."""
        holder.setParent(self.main)
        holder.hide()

    def _show(self) -> None:
        """Show what there is to work with: without a model, the start page alone."""
        opened = self._session.model is not None
        parts = opened and not self.graph_alone
        instead = parts and self.main_tabs.count() > 0
        self.main.setCurrentWidget(self.main_tabs if instead else self._graph)
        if self.side.isVisible():
            self._side_width = self.sizes()[1]
        beside = parts and self.side.count() > 0
        self.side.setVisible(beside)
        if beside:
            self.set_side_width(self._side_width)
        self.drawer.setVisible(parts)
        for action in self.actions_to_panels:
            action.setEnabled(opened)

    def _retitle(self, holder: PanelHolder) -> None:
        """Show a panel's new title wherever its tab is."""
        if self.drawer.stack.indexOf(holder) >= 0:
            self.drawer.set_title(holder, holder.windowTitle())
        for tabs in (self.side, self.main_tabs):
            if (place := tabs.indexOf(holder)) >= 0:
                tabs.setTabText(place, holder.windowTitle())

    def _make_room(self, is_open: bool) -> None:
        height = self._left.height()
        wanted = self.drawer.sizeHint().height()
        if is_open:
            wanted = min(wanted, max(height // 2, LEAST_DRAWER))
        self._left.setSizes([height - wanted, wanted])


def give_keyboard(part: QWidget) -> None:
    """Give the keyboard to the first control in a part of the window."""
    for one in part.findChildren(QWidget):
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.isVisible() and one.isEnabled():
            one.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return


def _tabs(name: str) -> QTabWidget:
    tabs = QTabWidget()
    tabs.setDocumentMode(True)
    tabs.setAccessibleName(name)
    tabs.setMinimumWidth(240)
    tabs.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
    return tabs
