"""The order in which Tab goes from part to part: as they stand, whichever was made first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QTabWidget, QWidget

BY_TAB = Qt.FocusPolicy.TabFocus


def order_parts(whole: QWidget, parts: Sequence[QWidget]) -> None:
    """Let Tab go through one part after the other; within a part, the order stays.

    Parameters
    ----------
    whole : QWidget
        Has all of the parts.
    parts : sequence of QWidget
    """

    def place(widget: QWidget) -> int:
        inside = (n for n, part in enumerate(parts) if part is widget or part.isAncestorOf(widget))
        return next(inside, len(parts))

    for before, after in pairwise(sorted(_stops(whole), key=place)):
        QWidget.setTabOrder(before, after)


def _stops(whole: QWidget) -> Iterator[QWidget]:
    """Go through what takes the keyboard by Tab, in the order of now."""
    widget = whole.nextInFocusChain()
    while widget is not None and widget is not whole:
        inner = isinstance(widget.parent(), (QAbstractSpinBox, QComboBox))
        whose = whole.isAncestorOf(widget) and not inner and not isinstance(widget, QTabWidget)
        if whose and widget.focusPolicy() & BY_TAB:
            yield widget
        widget = widget.nextInFocusChain()
