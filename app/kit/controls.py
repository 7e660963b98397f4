"""Controls that several panels use: boxes to choose from, parts that fold, a job's progress."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QHelpEvent, QPaintEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from app.kit.widgets import Elided
from core.errors import UserError
from core.system.size import LEAST, ImageSize, SizeLike

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


def able_or_why(part: QWidget, tip: str, reason: str) -> None:
    """Let a part be used, or say in its tooltip why not.

    Parameters
    ----------
    part : QWidget
    tip : str
        What it is for.
    reason : str
        Why it cannot be used; empty where it can.
    """
    part.setEnabled(not reason)
    part.setToolTip(f"{tip}. {reason}" if reason else tip)


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


SIZES = (160, 224, 256, 320, 416, 480, 512, 640, 960, 1280)
"""Squares to choose from."""
SIZE_TIP = (
    "Choose a square, or enter height and width, such as 384x640; sides are rounded up to "
    "multiples of the network's stride"
)


class SizeBox(QComboBox):
    """A box of image sizes; its data are as JSON holds them: a side, or height and width.

    Parameters
    ----------
    first : mapping, optional
        Of no size at all: None to its title and tip, such as that the network's own is taken.
    """

    def __init__(self, first: Mapping[None, tuple[str, str]] | None = None) -> None:
        super().__init__()
        self.setAccessibleName("Image size")
        self.setToolTip(SIZE_TIP)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setCompleter(None)  # type: ignore[arg-type]  # Qt takes none for no completion
        add_items(self, first or {})
        add_items(self, {side: (f"{side} px", "") for side in SIZES})
        line = self.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._take)

    def show_size(self, size: SizeLike) -> None:
        """Show a size; one that is not in the list is added."""
        self.setCurrentIndex(self._place(ImageSize.of(size)))

    def _place(self, size: ImageSize) -> int:
        for number in range(self.count()):
            if size == self.itemData(number):
                return number
        self.addItem(size.text, size.plain)
        return self.count() - 1

    def _take(self) -> None:
        """Take over what was written; what is no size is put back, and said to be none."""
        number, text = self.currentIndex(), self.currentText().strip()
        if text == self.itemText(number):
            return
        named = self.findText(text)
        try:
            chosen = named if named >= 0 else self._place(_size_in(text))
        except UserError as error:
            self.setEditText(self.itemText(number))
            # Later: a tip closes as the focus moves on, which often is why this was called.
            QTimer.singleShot(0, self, partial(self._say, str(error)))
            return
        self.setCurrentIndex(chosen)
        self.setEditText(self.itemText(chosen))
        if chosen != number:
            self.activated.emit(chosen)

    def _say(self, text: str) -> None:
        QToolTip.showText(self.mapToGlobal(self.rect().bottomLeft()), text, self)


def trained_size() -> SizeBox:
    """Return a box of image sizes that begins with the one that the network was trained with."""
    return SizeBox({None: ("as trained", "The image size that the network was trained with")})


def threads_box() -> QSpinBox:
    """Return a box for threads of a runtime; 0 is one per core."""
    box = QSpinBox()
    box.setRange(0, 256)
    box.setSpecialValueText("one per core")
    box.setAccessibleName("Threads")
    return box


def _size_in(text: str) -> ImageSize:
    size = ImageSize.of(text.lower().removesuffix("px"))
    if min(size) < LEAST:
        raise UserError(
            f"“{text}” is too small for an image size.",
            f"Both sides have at least {LEAST} pixels.",
        )
    return size


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
