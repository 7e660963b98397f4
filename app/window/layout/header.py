"""The header: the modes in the order of the work, the tools, and a field to find anything."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from app.context import Context
from app.kit import theme
from app.window.layout.modes import MODES, Mode

ICONS = QSize(18, 18)
EDGES = 60
"""Pixels between the parts, and at both ends."""


class ModeBar(QWidget):
    """One button for each mode; the order is the order of the work, and any may be chosen.

    Signals
    -------
    chosen(str)
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Modes")
        self.buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for number, mode in enumerate(MODES):
            if number:
                arrow = QLabel("›")
                arrow.setProperty("role", "muted")
                layout.addWidget(arrow)
            layout.addWidget(self._button(mode, number + 1))
        self.show_mode(MODES[0].id)

    def _button(self, mode: Mode, number: int) -> QToolButton:
        button = QToolButton()
        button.setText(mode.title)
        button.setCheckable(True)
        button.setProperty("mode", "true")
        button.setToolTip(f"{mode.tip} (Ctrl+Alt+{number})")
        button.setAccessibleName(mode.title)
        button.setAccessibleDescription(mode.tip)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(lambda _=False, name=mode.id: self.chosen.emit(name))
        self._group.addButton(button)
        self.buttons[mode.id] = button
        return button

    def show_mode(self, name: str) -> None:
        """Show which mode it is."""
        self.buttons[name].setChecked(True)


class Header(QToolBar):
    """Tools at the left, modes in the middle, the command field at the right.

    Where there is no room for all, the field goes first and then the tools, which menus and keys
    have, too; the modes stay.
    """

    def __init__(self, context: Context) -> None:
        super().__init__("Header")
        self.setObjectName("header")
        self.setMovable(False)
        self.setFloatable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.modes = ModeBar()
        self.tools = QToolBar("Tools")
        self.tools.setObjectName("tools")
        self.tools.setIconSize(ICONS)
        self.tools.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.field = QToolButton()
        self.field.setText("Search, or a command   Ctrl+K")
        self.field.setProperty("command", "true")
        self.field.setAccessibleName("Search, or a command")
        self.field.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(self.field, "search", "muted")
        self._tools = self.addWidget(self.tools)
        self.addWidget(_spring())
        self._modes = self.addWidget(self.modes)
        self.addWidget(_spring())
        self._field = self.addWidget(self.field)
        self._session = context.session
        self._session.modelChanged.connect(self._show)

    def fill(self, tools: list[QAction], find: QAction) -> None:
        """Add the tools, and the action behind the command field."""
        self.tools.addActions(tools)
        self.field.setToolTip(find.toolTip())
        self.field.clicked.connect(find.trigger)
        self._show()

    def _show(self) -> None:
        self._modes.setVisible(self._session.model is not None)
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What there is room for changes."""
        self._make_room()
        super().resizeEvent(event)

    def _make_room(self) -> None:
        modes = self.modes.sizeHint().width() if self._modes.isVisible() else 0
        room = self.width() - modes - EDGES
        room -= self.tools.sizeHint().width()
        self._tools.setVisible(room >= 0)
        self._field.setVisible(room >= self.field.sizeHint().width())


def _spring() -> QWidget:
    widget = QWidget()
    widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return widget
