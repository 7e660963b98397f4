"""Controls that several panels use: boxes to choose from, parts that fold, a job's progress."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from app.kit.widgets import Elided

TIP = Qt.ItemDataRole.ToolTipRole
Value = TypeVar("Value", bound=Hashable)
"""What a box hands back when its item is chosen."""


class Choice(QComboBox):
    """A box to choose from; where its text has no room, it ends in … and the tip has all of it."""

    elides = True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much of the text as there is room for."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        option.currentText = self._elided(option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def event(self, event: QEvent) -> bool:
        """Show the whole text above the tip, where it is not to be seen."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            option = QStyleOptionComboBox()
            self.initStyleOption(option)
            whole = self.currentText()
            if self._elided(option) != whole and whole not in self.toolTip():
                words = f"{whole}\n{self.toolTip()}".strip()
                QToolTip.showText(event.globalPos(), words, self)
                return True
        return super().event(event)

    def _elided(self, option: QStyleOptionComboBox) -> str:
        part = QStyle.SubControl.SC_ComboBoxEditField
        kind = QStyle.ComplexControl.CC_ComboBox
        room = self.style().subControlRect(kind, option, part, self).width()
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room)


def combo(items: Mapping[Value, tuple[str, str]], name: str) -> QComboBox:
    """Make a box to choose from, of values with a title and a tip."""
    result = Choice()
    result.setAccessibleName(name)
    result.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    result.setMinimumContentsLength(10)
    add_items(result, items)
    return result


def add_items(box: QComboBox, items: Mapping[Value, tuple[str, str]], title: str = "") -> None:
    """Add values to a box, below a title of their own if they have one."""
    if title:
        box.addItem(title)
        _standard(box).item(box.count() - 1).setEnabled(False)
    for value, (name, tip) in items.items():
        box.addItem(name, value)
        box.setItemData(box.count() - 1, tip or None, TIP)


def set_able(box: QComboBox, value: object, able: bool) -> None:
    """Let a value be chosen, or not."""
    _standard(box).item(box.findData(value)).setEnabled(able)


def choose(box: QComboBox, value: object) -> None:
    """Show a value; one that is not known is added as it is."""
    place = box.findData(value)
    if place < 0:
        box.addItem(str(value), value)
        place = box.count() - 1
    box.setCurrentIndex(place)
    box.setToolTip(box.itemData(place, TIP) or "")


def _standard(box: QComboBox) -> QStandardItemModel:
    model = box.model()
    assert isinstance(model, QStandardItemModel)
    return model


def row(*parts: QWidget | None, stretch: int | None = None) -> QWidget:
    """Put widgets side by side; None is a stretch.

    Parameters
    ----------
    *parts : QWidget or None
    stretch : int, optional
        Number of the widget that takes what is left.
    """
    result = QWidget()
    layout = QHBoxLayout(result)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        if part is None:
            layout.addStretch(1)
        else:
            layout.addWidget(part)
    if stretch is not None:
        layout.setStretch(stretch, 1)
    return result


class Fold(QWidget):
    """A part of a panel under a heading that folds it away.

    Parameters
    ----------
    title : str
    body : QWidget
    unfolded : bool
    """

    def __init__(self, title: str, body: QWidget, unfolded: bool = True) -> None:
        super().__init__()
        self.body = body
        self._words = ""
        self.head = QToolButton()
        self.head.setProperty("fold", "true")
        self.head.setText(title)
        self.unfolded = unfolded
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setIconSize(QSize(10, 10))
        self.head.setToolTip(f"Show or hide “{title}”")
        self.head.clicked.connect(self.toggle)
        self.summary = Elided("muted")
        self.summary.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.head)
        top.addWidget(self.summary, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(body)
        self._show()

    def set_summary(self, text: str) -> None:
        """Summarise what is inside, for when it is folded."""
        self._words = text
        self._show()

    def toggle(self) -> None:
        """Fold, or unfold."""
        self.unfolded = not self.unfolded
        self._show()

    def _show(self) -> None:
        arrow = Qt.ArrowType.DownArrow if self.unfolded else Qt.ArrowType.RightArrow
        self.head.setArrowType(arrow)
        self.head.setAccessibleDescription("shown" if self.unfolded else "hidden")
        self.body.setVisible(self.unfolded)
        self.summary.set_whole("" if self.unfolded else self._words)
