"""Layouts for little room: controls that break into lines, panels that scroll up and down."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QLayout, QLayoutItem, QScrollArea, QSizePolicy, QWidget

LEAST_WORDS = 150
"""Pixels below which a text that gives way gets a line of its own."""
LEAST_HEIGHT = 60
GIVES_WAY = (QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)


class Flow(QLayout):
    """Puts widgets side by side, in as many lines as they need.

    A widget whose width is ``Ignored`` or ``Expanding`` takes what its line leaves.

    Parameters
    ----------
    *parts : QWidget
    """

    def __init__(self, *parts: QWidget) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(6)
        for part in parts:
            self.addWidget(part)

    def addItem(self, item: QLayoutItem) -> None:
        """Add an item at the end."""
        self._items.append(item)

    def count(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return an item, or None beyond the last."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Take an item out, or None beyond the last."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """As high as it needs to be."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        """The narrower, the more lines."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines."""
        lines = self._lines(width)
        gaps = self.spacing() * max(0, len(lines) - 1)
        return sum(self._height(line, width) for line in lines) + gaps

    def minimumHeightForWidth(self, width: int) -> int:
        """Return the same: a line cannot be lower."""
        return self.heightForWidth(width)

    def sizeHint(self) -> QSize:
        """Return the size of all in one line."""
        shown = self._shown()
        width = sum(_least(item) for item in shown) + self.spacing() * max(0, len(shown) - 1)
        return QSize(width, self._height(shown, width))

    def minimumSize(self) -> QSize:
        """Return room for the widest widget."""
        shown = self._shown()
        width = max((_least(item) for item in shown), default=0)
        return QSize(width, max((_height(item, width) for item in shown), default=0))

    def setGeometry(self, rect: QRect) -> None:
        """Place the items."""
        super().setGeometry(rect)
        top = rect.top()
        for line in self._lines(rect.width()):
            height, left = self._height(line, rect.width()), rect.left()
            for item, width in zip(line, self._widths(line, rect.width()), strict=True):
                own = min(height, _height(item, width)) if _is_line(item) else height
                place = QPoint(left, top + (height - own) // 2)
                item.setGeometry(QRect(place, QSize(width, own)))
                left += width + self.spacing()
            top += height + self.spacing()

    def _widths(self, line: list[QLayoutItem], room: int) -> list[int]:
        """Return the widths of a line's items: what is left goes to those that take it."""
        spare = room - sum(_least(item) for item in line) - self.spacing() * (len(line) - 1)
        growing = sum(_grows(item) for item in line)
        more = max(0, spare) // growing if growing else 0
        return [min(_least(item) + (more if _grows(item) else 0), room) for item in line]

    def _height(self, line: list[QLayoutItem], room: int) -> int:
        widths = self._widths(line, room)
        return max((_height(i, w) for i, w in zip(line, widths, strict=True)), default=0)

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _lines(self, width: int) -> list[list[QLayoutItem]]:
        lines: list[list[QLayoutItem]] = []
        used = 0
        for item in self._shown():
            needed = _least(item)
            if lines and used + self.spacing() + needed <= width:
                lines[-1].append(item)
                used += self.spacing() + needed
            else:
                lines.append([item])
                used = needed
        return lines


def _grows(item: QLayoutItem) -> bool:
    widget = item.widget()
    return widget is not None and widget.sizePolicy().horizontalPolicy() in GIVES_WAY


def _least(item: QLayoutItem) -> int:
    """Return the width that an item needs; a text that gives way needs some, too."""
    least = item.minimumSize().width()
    if _grows(item):
        return max(least, LEAST_WORDS)
    return max(least, item.sizeHint().width())


def _is_line(item: QLayoutItem) -> bool:
    """Whether an item is one control, and not several below each other."""
    widget = item.widget()
    return widget is None or widget.layout() is None


def _height(item: QLayoutItem, width: int) -> int:
    if item.hasHeightForWidth():
        return item.heightForWidth(width)
    return max(item.sizeHint().height(), item.minimumSize().height())


def flow(*parts: QWidget) -> QWidget:
    """Put widgets side by side, in as many lines as they need."""
    result = QWidget()
    result.setLayout(Flow(*parts))
    return result


class Upright(QScrollArea):
    """Scrolls a panel up and down where it is higher than its place, and never sideways.

    Parameters
    ----------
    widget : QWidget
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self._panel = widget
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(widget)
        self.setWidgetResizable(False)

    def minimumSizeHint(self) -> QSize:
        """As wide as the panel needs, and low."""
        return QSize(self._least().width(), LEAST_HEIGHT)

    def sizeHint(self) -> QSize:
        """Return the size that the panel would like."""
        return self._panel.sizeHint().expandedTo(self.minimumSizeHint())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the panel the width, and at least the height that it needs."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Fit what changed while it was hidden."""
        super().showEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take more height, or less, when parts of the panel come and go."""
        result = super().eventFilter(watched, event)
        if watched is self._panel and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
            self.updateGeometry()
        return result

    def _fit(self) -> None:
        room = self.maximumViewportSize()
        width = room.width()
        if self._needed(width) > room.height():
            width -= self.verticalScrollBar().sizeHint().width()
        self._panel.resize(width, max(room.height(), self._needed(width)))

    def _least(self) -> QSize:
        return self._panel.minimumSize().expandedTo(self._panel.minimumSizeHint())

    def _needed(self, width: int) -> int:
        layout = self._panel.layout()
        if layout is None or not layout.hasHeightForWidth():
            return self._least().height()
        return max(layout.totalMinimumHeightForWidth(width), self._panel.minimumHeight())
