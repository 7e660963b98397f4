"""Layouts for little room: controls that break into lines, panels that scroll up and down."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

LEAST_WORDS = 150
"""Pixels below which a text that gives way gets a line of its own."""
LEAST_HEIGHT = 60
GIVES_WAY = (QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)


class Flow(QWidget):
    """Widgets side by side, in as many lines as they need.

    One whose width is ``Ignored`` or ``Expanding`` takes what its line leaves.

    Parameters
    ----------
    *parts : QWidget
    spacing : int
        Pixels between them.
    """

    def __init__(self, *parts: QWidget, spacing: int = 6) -> None:
        super().__init__()
        self._parts, self._spacing = parts, spacing
        for part in parts:
            part.setParent(self)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines."""
        lines = self._lines(width)
        gaps = self._spacing * max(0, len(lines) - 1)
        return sum(self._height(line, width) for line in lines) + gaps

    def sizeHint(self) -> QSize:
        """Return the size of all in one line."""
        shown = self._shown()
        width = sum(map(_least, shown)) + self._spacing * max(0, len(shown) - 1)
        return QSize(width, self._height(shown, width))

    def minimumSizeHint(self) -> QSize:
        """Return room for the widest of them."""
        shown = self._shown()
        width = max(map(_least, shown), default=0)
        return QSize(width, max((_height(part, width) for part in shown), default=0))

    def event(self, event: QEvent) -> bool:
        """Place them again when one comes, goes or changes."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._arrange()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place them in other lines."""
        super().resizeEvent(event)
        self._arrange()

    def showEvent(self, event: QShowEvent) -> None:
        """Place what changed while it was hidden."""
        super().showEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        top = 0
        for line in self._lines(self.width()):
            height, left = self._height(line, self.width()), 0
            for part, width in zip(line, self._widths(line, self.width()), strict=True):
                own = min(height, _height(part, width)) if part.layout() is None else height
                part.setGeometry(left, top + (height - own) // 2, width, own)
                left += width + self._spacing
            top += height + self._spacing

    def _shown(self) -> list[QWidget]:
        return [part for part in self._parts if not part.isHidden()]

    def _lines(self, width: int) -> list[list[QWidget]]:
        lines: list[list[QWidget]] = []
        used = 0
        for part in self._shown():
            needed = _least(part)
            if lines and used + self._spacing + needed <= width:
                lines[-1].append(part)
                used += self._spacing + needed
            else:
                lines.append([part])
                used = needed
        return lines

    def _widths(self, line: list[QWidget], room: int) -> list[int]:
        """Return the widths of a line: what is left goes to those that take it."""
        spare = room - sum(map(_least, line)) - self._spacing * (len(line) - 1)
        growing = sum(map(_grows, line))
        more = max(0, spare) // growing if growing else 0
        return [min(_least(part) + (more if _grows(part) else 0), room) for part in line]

    def _height(self, line: list[QWidget], room: int) -> int:
        widths = self._widths(line, room)
        return max((_height(p, w) for p, w in zip(line, widths, strict=True)), default=0)


def _grows(part: QWidget) -> bool:
    return part.sizePolicy().horizontalPolicy() in GIVES_WAY


def _least(part: QWidget) -> int:
    """Return the width that a widget needs; a text that gives way needs some, too."""
    least = max(part.minimumWidth(), part.minimumSizeHint().width())
    return max(least, LEAST_WORDS if _grows(part) else part.sizeHint().width())


def _height(part: QWidget, width: int) -> int:
    if part.hasHeightForWidth():
        return part.heightForWidth(width)
    return max(part.sizeHint().height(), part.minimumSizeHint().height())


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
