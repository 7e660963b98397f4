"""The drawer below the graph: tables and lists, closed until one is wanted."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QTabBar, QVBoxLayout, QWidget

HEIGHT = 230


class Drawer(QWidget):
    """Tabs that open what is under them, and close it again.

    Signals
    -------
    opened(bool)
    """

    opened = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.tabs = QTabBar()
        self.tabs.setObjectName("drawerTabs")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(True)
        self.tabs.setAccessibleName("Drawer")
        self.tabs.setToolTip("Click to open; click again to close")
        self.stack = QStackedWidget()
        self.stack.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs)
        layout.addWidget(self.stack, 1)
        self.is_open = False
        self.stack.hide()
        self.tabs.tabBarClicked.connect(self._clicked)
        self.tabs.currentChanged.connect(self.stack.setCurrentIndex)
        self._mark()

    def add(self, widget: QWidget, title: str) -> None:
        """Add a tab at the end."""
        self.stack.addWidget(widget)
        self.tabs.addTab(title)
        self._mark()

    def show_widget(self, widget: QWidget) -> None:
        """Open the drawer at a widget."""
        self.tabs.setCurrentIndex(self.stack.indexOf(widget))
        self.set_open(True)

    def set_open(self, is_open: bool) -> None:
        """Open or close the drawer."""
        if is_open != self.is_open:
            self.is_open = is_open
            self.stack.setVisible(is_open)
            self._mark()
            self.opened.emit(is_open)

    def set_title(self, widget: QWidget, title: str) -> None:
        """Change what stands on a tab."""
        self.tabs.setTabText(self.stack.indexOf(widget), title)

    def sizeHint(self) -> QSize:
        """Return the height that it wants: of the tabs, and of a table when open."""
        tabs = self.tabs.sizeHint().height()
        return QSize(400, tabs + (HEIGHT if self.is_open else 0))

    def minimumSizeHint(self) -> QSize:
        """Return the least height: of the tabs, and of a few rows when open."""
        return QSize(100, self.tabs.sizeHint().height() + (90 if self.is_open else 0))

    def _clicked(self, number: int) -> None:
        if number < 0:
            return
        same = number == self.tabs.currentIndex()
        self.set_open(not (self.is_open and same))

    def _mark(self) -> None:
        """A closed drawer shows no tab as chosen; assistive tools hear whether it is open."""
        self.tabs.setProperty("closed", not self.is_open)
        self.tabs.style().unpolish(self.tabs)
        self.tabs.style().polish(self.tabs)
        self.tabs.setAccessibleDescription("open" if self.is_open else "closed")
        policy = QSizePolicy.Policy.Preferred if self.is_open else QSizePolicy.Policy.Fixed
        self.setSizePolicy(QSizePolicy.Policy.Preferred, policy)
        self.setMaximumHeight(16_777_215 if self.is_open else self.tabs.sizeHint().height())
        self.updateGeometry()

    def keyboard(self) -> None:
        """Give the keyboard to what is shown."""
        shown = self.stack.currentWidget() if self.is_open else self.tabs
        if shown is not None:
            shown.setFocus(Qt.FocusReason.ShortcutFocusReason)
