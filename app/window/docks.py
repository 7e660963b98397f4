"""The panels' places: made, sized, remembered, and out of the way while no model is open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QTabBar

from app.context import Context
from app.feature import Panel
from app.kit.widgets import OnScreen

AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}
IN_FRONT = ("plan", "blocks")
DIGITS = 9
"""Panels that Alt and a digit lead to; the others have their name in the menu and the palette."""
ACROSS = {"model": 270, "plan": 370}
DOWN = ({"blocks": 210}, {"plan": 430, "inspector": 380}, {"model": 430, "edits": 150})


class Docks(QObject):
    """Makes and keeps the docks of a window.

    Parameters
    ----------
    context : Context
    window : QMainWindow
    panels : sequence of Panel
    """

    def __init__(self, context: Context, window: QMainWindow, panels: Sequence[Panel]) -> None:
        super().__init__(window)
        self._window, self._session, self._settings = window, context.session, context.settings
        self.by_id: dict[str, QDockWidget] = {}
        self.actions: list[QAction] = []
        self._menu: QMenu | None = None
        window.setCorner(Qt.Corner.BottomRightCorner, AREAS["right"])
        window.setDockNestingEnabled(True)
        window.setAnimated(False)  # each animated change leaves memory behind in Qt
        # Names a layout: one stored when there were other panels has no place for the new.
        self._version = len(panels)
        last: QDockWidget | None = None
        for panel in in_order(panels):
            dock = self._make(panel)
            window.addDockWidget(AREAS[panel.area], dock)
            beside = self.by_id[panel.beside] if panel.beside else last
            if beside is not None and (panel.beside or panel.area == "bottom"):
                window.tabifyDockWidget(beside, dock)
            last = dock if panel.area == "bottom" else None
            self.by_id[panel.id] = dock
        for name in IN_FRONT:
            self.by_id[name].raise_()
        self._wanted: QByteArray | None = None
        self._first = QByteArray()
        self._shown: list[QDockWidget] = []
        self._front: list[QDockWidget] = []
        self._session.modelChanged.connect(self._model_changed)
        self._tidy = QTimer(self, singleShot=True, interval=0)
        self._tidy.timeout.connect(self._hide_strays)
        window.installEventFilter(self)

    def __getitem__(self, panel: str) -> QDockWidget:
        """Return the dock of a panel."""
        return self.by_id[panel]

    def _make(self, panel: Panel) -> QDockWidget:
        dock = QDockWidget(panel.title, self._window)
        dock.setObjectName(panel.id)
        widget = panel.make()
        dock.setWidget(widget)
        if isinstance(widget, OnScreen):
            dock.visibilityChanged.connect(widget.set_shown)
        return dock

    def fill_menu(self, menu: QMenu) -> None:
        """Fill a menu: go to a panel (Alt and a digit), or hide and show it."""
        self._menu = menu
        for number, (name, dock) in enumerate(self.by_id.items(), 1):
            action = QAction(f"Go to {dock.windowTitle()}", self)
            if number <= DIGITS:
                action.setShortcut(QKeySequence(f"Alt+{number}"))
            action.triggered.connect(partial(self.go_to, name))
            menu.addAction(action)
            self.actions.append(action)
        menu.addSeparator()
        for dock in self.by_id.values():
            menu.addAction(dock.toggleViewAction())

    def go_to(self, name: str, *_: object) -> None:
        """Show a panel in front, with the keyboard in it."""
        dock = self.by_id[name]
        dock.show()
        dock.raise_()
        panel = dock.widget()
        inside = panel.nextInFocusChain() if panel and panel.focusProxy() is None else panel
        if inside is not None:
            inside.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def settle(self) -> None:
        """Size the panels, then put them where the user left them; call once all is made."""
        self._size()
        self._first = self._window.saveState(self._version)
        geometry, state = self._settings.layout()
        if geometry.size():
            self._window.restoreGeometry(geometry)
        if state.size():
            self._window.restoreState(state, self._version)
        self._model_changed()

    def _size(self) -> None:
        for table, orientation in (
            (ACROSS, Qt.Orientation.Horizontal),
            *((heights, Qt.Orientation.Vertical) for heights in DOWN),
        ):
            docks = [self.by_id[name] for name in table]
            self._window.resizeDocks(docks, list(table.values()), orientation)

    def reset(self) -> None:
        """Put every panel in its first place."""
        self._window.restoreState(self._first, self._version)
        self._size()
        if self._wanted is not None:
            self._wanted = None
            self._model_changed()

    def save(self) -> None:
        """Remember where everything is."""
        state = self._wanted if self._wanted is not None else self._window.saveState(self._version)
        self._settings.set_layout(self._window.saveGeometry(), state)

    def _model_changed(self) -> None:
        """Panels about no model would only be grey: they come and go with it."""
        empty = self._session.model is None
        if self._menu is not None:
            self._menu.setEnabled(not empty)
        for action in self.actions:
            action.setEnabled(not empty)
        # Hidden panels keep their place and only need showing. Qt's restoreState, which leaves
        # some 80 kB behind each time, is for the first model: which tab was in front is known
        # only once the panels have been on the screen.
        if empty and self._wanted is None:
            self._wanted = self._window.saveState(self._version)
            self._shown = [dock for dock in self.by_id.values() if not dock.isHidden()]
            self._front = [dock for dock in self._shown if not dock.visibleRegion().isEmpty()]
            for dock in self._shown:
                dock.hide()
        elif not empty and self._wanted is not None:
            state, self._wanted = self._wanted, None
            if not self._front:
                self._window.restoreState(state, self._version)
            for dock in self._shown:
                dock.show()
            for dock in self._front:
                dock.raise_()
            if state == self._first:
                self._size()

    # ---- tab bars that Qt forgets -------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look for strays whenever the docks may have moved."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._tidy.start()
        return super().eventFilter(watched, event)

    def _hide_strays(self) -> None:
        """Hide tab bars that belong to no group of docks any more.

        Qt leaves one behind when docks are tabified or restored before they were on the screen. A
        bar in use is right below or above the docks it names, as wide as they are.
        """
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        for bar in self._window.findChildren(QTabBar, options=direct):
            names = {bar.tabText(n) for n in range(bar.count())}
            docks = [d for d in self.by_id.values() if d.windowTitle() in names]
            if docks and not any(_adjoin(bar, dock) for dock in docks if not dock.isHidden()):
                bar.hide()


def in_order(panels: Sequence[Panel]) -> list[Panel]:
    """Sort panels by area; one that shares a place comes right after the panel next to it."""
    ordered = sorted(
        (panel for panel in panels if not panel.beside), key=lambda p: list(AREAS).index(p.area)
    )
    for panel in panels:
        if panel.beside:
            place = next(n for n, p in enumerate(ordered) if p.id == panel.beside)
            ordered.insert(place + 1, panel)
    return ordered


def _adjoin(bar: QTabBar, dock: QDockWidget) -> bool:
    one, other = bar.geometry(), dock.geometry()
    gap = max(one.top() - other.bottom(), other.top() - one.bottom())
    return one.left() == other.left() and one.width() == other.width() and abs(gap) <= 4
