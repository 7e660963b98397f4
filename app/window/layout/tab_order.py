"""The order in which Tab goes from part to part: as they stand, whichever was made first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QWidget

BY_TAB = Qt.FocusPolicy.TabFocus


def order_parts(whole: QWidget, parts: Sequence[QWidget]) -> None:
    """Let Tab go through one part after the other; within a part, as they were made.

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
    """Go through what takes the keyboard by Tab, in the order in which it was made."""
    for widget in whole.findChildren(QWidget):
        inner = widget.objectName().startswith("qt_spinbox")
        inner |= widget.window() is not whole.window()  # a list that drops down
        if widget.focusPolicy() & BY_TAB and not inner and not isinstance(widget, QTabWidget):
            yield widget
