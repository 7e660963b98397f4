"""The ratio of channels to remove, as a slider and as a number."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QDoubleSpinBox,
    QSlider,
    QStyle,
    QStyleOptionSlider,
)

from app.kit import theme
from core.plan.ratio import OFFERED

MOST = round(100 * OFFERED)
"""Percent."""
TICK = 4
"""Pixels."""
_KEYS = Qt.Key
KEY_STEPS = {
    _KEYS.Key_Left: -1,
    _KEYS.Key_Down: -1,
    _KEYS.Key_Right: 1,
    _KEYS.Key_Up: 1,
    _KEYS.Key_PageDown: -5,
    _KEYS.Key_PageUp: 5,
}


class RatioSlider(QSlider):
    """0 to 95 percent; the wheel goes to the panel, which scrolls.

    Signals
    -------
    stepped(int)
        Percent to add to what is asked, by key: what will really go may stay the same at first.
    taken, let_go
        A press and its release: all that changes between them is one edit.
    """

    taken = Signal()
    let_go = Signal()
    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0, MOST)
        self.setPageStep(5)
        self.setTickInterval(25)
        self.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.setAccessibleName("Ratio of channels to prune, in percent")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ticks again: those of the style cannot be seen on the dark."""
        super().paintEvent(event)
        option, style = QStyleOptionSlider(), self.style()
        self.initStyleOption(option)
        handle = style.subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        painter = QPainter(self)
        painter.setPen(theme.colour("muted"))
        low, high, top = self.minimum(), self.maximum(), handle.bottom() + 1
        for value in range(low, high + 1, self.tickInterval()):
            room = self.width() - handle.width()
            place = QStyle.sliderPositionFromValue(low, high, value, room) + handle.width() // 2
            painter.drawLine(place, top, place, top + TICK)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step what is asked."""
        step = KEY_STEPS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(step)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin an edit."""
        self.taken.emit()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it."""
        super().mouseReleaseEvent(event)
        self.let_go.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel: nothing is pruned by scrolling over it."""
        event.ignore()


class RatioBox(QDoubleSpinBox):
    """The ratio as a number, which counts once it is typed; undo is the plan's.

    Signals
    -------
    stepped(int)
        Percent to add to what is asked, by key or button.
    """

    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setRange(0, 100)
        self.setDecimals(1)
        self.setSuffix("%")
        self.setKeyboardTracking(False)
        self.setAccessibleName("Ratio of channels to prune")

    def stepBy(self, steps: int) -> None:
        """Step what is asked."""
        self.stepped.emit(steps)

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Step both ways at any time: more may be asked than goes yet, and the other way round."""
        flags = QAbstractSpinBox.StepEnabledFlag
        return flags.StepUpEnabled | flags.StepDownEnabled

    def textFromValue(self, value: float) -> str:
        """Write no digits that say nothing: 50, 12.5."""
        return super().textFromValue(value).removesuffix(self.locale().decimalPoint() + "0")

    def event(self, event: QEvent) -> bool:
        """Leave the keys of undo and redo to the window."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            keys = QKeySequence.StandardKey
            if event.matches(keys.Undo) or event.matches(keys.Redo):
                event.ignore()
                return False
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the panel."""
        event.ignore()
