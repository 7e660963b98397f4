"""The actions of all features as Qt actions: menus, toolbar, shortcuts and palette."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app.context import Context
from app.feature import Action, Choice
from app.kit import theme

MENUS: Mapping[str, tuple[str, ...]] = {
    "&File": ("open", "save", "exchange", "try", "close", "quit"),
    "&Edit": ("undo", "select", "find"),
    "&Plan": ("prune", "ratio", "structure", "why"),
    "&Latency": ("device", "kit"),
    "&View": (
        "zoom",
        "go",
        "picture",
        "&View/Mode",
        "&View/Colour blocks by",
        "&View/Appearance",
        "layout",
    ),
    "&Help": ("help", "problem", "about"),
}
"""Menus with their sections in order; a section that is named as a submenu is one.

A line is between sections, save around submenus.
"""


class Actions(QObject):
    """The actions, made from the rows of the features.

    Parameters
    ----------
    context : Context
    rows : iterable of Action
    window : QWidget
        Owns the actions and their menus.

    Raises
    ------
    ValueError
        For an id, a shortcut or a place in the menus that cannot be.
    """

    def __init__(self, context: Context, rows: Iterable[Action], window: QWidget) -> None:
        super().__init__(window)
        self._context, session, self._window = context, context.session, window
        self._rows = _in_order(rows)
        self.by_id: dict[str, QAction] = {}
        self._groups: dict[str, QActionGroup] = {}
        self._menus: list[QMenu] = []
        for row in self._rows:
            self.by_id[row.id] = self._make(row)
        for signal in (
            session.modelChanged,
            session.selectionChanged,
            session.predictionChanged,
            session.undo_stack.indexChanged,
            session.measured.compared,
            session.viewChanged,
            session.structures.pendingChanged,
            session.structures.partsChanged,
            context.engine.changed,
            session.requests.modeChanged,
        ):
            signal.connect(self.refresh)
        session.structures.partsChanged.connect(self._refill)
        context.theme.changed.connect(self.restyle)
        self.refresh()

    def _make(self, row: Action) -> QAction:
        action = QAction(row.text, self)
        action.triggered.connect(lambda _checked=False, run=row.run: run())
        action.setShortcuts([QKeySequence(text) for text in row.shortcuts])
        tip = row.tip or row.text.replace("&", "").removesuffix("…")
        action.setToolTip(f"{tip} ({row.shortcut})" if row.shortcut else tip)
        action.setStatusTip(tip)
        if row.group:
            group = self._groups.setdefault(row.group, QActionGroup(self))
            action.setCheckable(True)
            group.addAction(action)
        if row.icon:
            action.setIcon(theme.icon(row.icon))
        if row.choices is not None:
            action.setMenu(self._submenu(row.choices))
        if row.short:
            action.setIconText(row.short)
        return action

    def _submenu(self, choices: Callable[[], Sequence[Choice]]) -> QMenu:
        menu = QMenu(self._window)
        menu.setToolTipsVisible(True)
        self._menus.append(menu)

        def fill() -> None:
            menu.clear()
            for choice in choices():
                action = menu.addAction(choice.text, choice.run)
                action.setEnabled(not choice.reason)
                action.setToolTip(choice.reason)
                action.setStatusTip(choice.reason)

        menu.aboutToShow.connect(fill)
        return menu

    def _refill(self) -> None:
        """Fill the submenus that are open again: there is more to choose from."""
        for menu in self._menus:
            if menu.isVisible():
                menu.aboutToShow.emit()

    def enabled(self) -> list[QAction]:
        """Return the actions that can be used now."""
        found = [self.by_id[row.id] for row in self._rows if row.choices is None]
        return [action for action in found if action.isEnabled()]

    def refresh(self, *_: object) -> None:
        """Enable what can be done now, and tick what holds."""
        for row in self._rows:
            action = self.by_id[row.id]
            action.setEnabled(row.needs(self._context))
            if row.words is not None:
                text, tip = row.words()
                action.setText(text)
                action.setToolTip(f"{tip} ({row.shortcut})" if row.shortcut else tip)
                action.setStatusTip(tip)
            if row.checked is not None and row.checked():
                action.setChecked(True)
        stack = self._context.session.undo_stack
        for name, words in (("undo", stack.undoText()), ("redo", stack.redoText())):
            title = f"&{name.capitalize()}"
            self.by_id[name].setText(f"{title}: {words}" if words else title)
            self.by_id[name].setIconText(name.capitalize())

    def restyle(self) -> None:
        """Draw the icons in the colours of the theme."""
        for row in self._rows:
            if row.icon:
                self.by_id[row.id].setIcon(theme.icon(row.icon))

    # ---- where they show ----------------------------------------------------------------------

    def fill_menus(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Build the menus; returns them by name."""
        menus: dict[str, QMenu] = {}
        for name, sections in MENUS.items():
            menu = menus[name] = bar.addMenu(name)
            for number, section in enumerate(sections):
                if "/" in section:
                    inner = menus[section] = menu.addMenu(section.partition("/")[2])
                    inner.addActions(self._of(section))
                    continue
                if number and "/" not in sections[number - 1]:
                    menu.addSeparator()
                menu.addActions(self._of(f"{name}:{section}"))
        return menus

    def tools(self) -> list[QAction]:
        """Return the actions of the toolbar, in the order of the menus."""
        return [self.by_id[row.id] for row in self._rows if row.toolbar]

    def on(self, place: str) -> list[QAction]:
        """Return the actions of a context menu: of a ``block`` or of the ``graph``."""
        return [self.by_id[row.id] for row in self._rows if row.on == place]

    def _of(self, menu: str) -> list[QAction]:
        return [self.by_id[row.id] for row in self._rows if row.menu == menu]


def _in_order(rows: Iterable[Action]) -> tuple[Action, ...]:
    """Sort rows by their place in the menus; those of one section keep their order."""
    places = [
        section if "/" in section else f"{menu}:{section}"
        for menu, sections in MENUS.items()
        for section in sections
    ]
    found = tuple(rows)
    named = {"id": [row.id for row in found], "shortcut": [s for r in found for s in r.shortcuts]}
    for one, values in named.items():
        twice = {value for value in values if values.count(value) > 1}
        if twice:
            raise ValueError(f"two actions have the {one} {', '.join(sorted(twice))}")
    if lost := [row.id for row in found if row.menu not in places]:
        raise ValueError(f"there is no place in the menus for {', '.join(lost)}")
    return tuple(sorted(found, key=lambda row: places.index(row.menu)))
