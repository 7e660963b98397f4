"""Small widgets that several panels use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QTreeWidget,
    QVBoxLayout,
    QWidget,
)

from app.kit import theme
from app.kit.table_copy import offer_copy
from app.kit.table_model import Index, SortedProxy

_ALL = QKeySequence.StandardKey.SelectAll
COLUMN_GAP = 10
"""Pixels between the contents of a column and the next one."""


def label(text: str = "", role: str = "", wrap: bool = True) -> QLabel:
    """Make a label; ``role`` picks its look from the style sheet."""
    result = QLabel(text)
    result.setWordWrap(wrap)
    if role:
        result.setProperty("role", role)
    return result


def show_markup(widget: QLabel) -> None:
    """Let a label show markup; all others show plain text, whatever is in it (``style.qss``).

    Words of others that are put into it must be escaped.
    """
    widget.setProperty("markup", True)
    widget.setTextFormat(Qt.TextFormat.RichText)


class Elided(QLabel):
    """One line of text that ends in … where there is no room for all; its tip has the rest."""

    def __init__(self, role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        if role:
            self.setProperty("role", role)
        self.setMinimumWidth(0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_whole(self, text: str, tip: str = "") -> None:
        """Show a text, or as much of it as there is room for."""
        self._whole = text
        self.setToolTip(tip or text)
        self.setAccessibleName(text)
        self._fit()

    @property
    def whole(self) -> str:
        """The text, all of it."""
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show more of it, or less."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        end = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(self._whole, end, max(self.width(), 0)))


class WrappedTree(QTreeWidget):
    """A tree of one column whose texts take as many lines as they need."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setItemDelegate(_Wrapping(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setIndentation(16)

    def sizeHint(self) -> QSize:
        """Small; layouts give it what they have."""
        return QSize(200, 80)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines again."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()


class _Wrapping(QStyledItemDelegate):
    """Asks for the height of all lines."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        """Let the text break."""
        super().initStyleOption(option, index)
        option.features |= QStyleOptionViewItem.ViewItemFeature.WrapText
        option.textElideMode = Qt.TextElideMode.ElideNone

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the size of a text in the width that its level leaves."""
        tree = self.parent()
        assert isinstance(tree, WrappedTree)
        depth, at = 0, index
        while at.isValid():
            depth, at = depth + 1, at.parent()
        levels = depth - 1 + int(tree.rootIsDecorated())
        icon = 22 if index.data(Qt.ItemDataRole.DecorationRole) is not None else 0
        width = tree.viewport().width() - levels * tree.indentation() - icon - 8
        flags = int(Qt.TextFlag.TextWordWrap)
        text = str(index.data() or "")
        box = tree.fontMetrics().boundingRect(0, 0, max(width, 40), 10_000, flags, text)
        return QSize(max(width, 40), box.height() + 6)


def column(*parts: QWidget | None, margins: int = 8, spacing: int = 6) -> QVBoxLayout:
    """Stack widgets; None is a stretch."""
    layout = QVBoxLayout()
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(spacing)
    for part in parts:
        if part is None:
            layout.addStretch(1)
        else:
            layout.addWidget(part)
    return layout


def line() -> QFrame:
    """Make a thin horizontal line."""
    result = QFrame()
    result.setFrameShape(QFrame.Shape.HLine)
    result.setForegroundRole(result.backgroundRole().Mid)
    result.setFrameShadow(QFrame.Shadow.Plain)
    return result


class TableView(QTableView):
    """A table that asks for no more height than it is given to ask for."""

    height_hint = 120

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        offer_copy(self)

    def event(self, event: QEvent) -> bool:
        """Keep Ctrl+A for the rows, where several can be selected."""
        several = self.selectionMode() == QAbstractItemView.SelectionMode.ExtendedSelection
        override = several and event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and event.matches(_ALL):
            event.accept()
            return True
        return super().event(event)

    def sizeHint(self) -> QSize:
        """Small; layouts give it what they have."""
        return QSize(200, self.height_hint)


class TreeTable(QTreeWidget):
    """A tree with columns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        offer_copy(self)


def table_view(
    model: QAbstractItemModel, name: str, multiple: bool = False, stretch: int | None = None
) -> TableView:
    """Make a calm table over a model; ``stretch`` names the column that takes what is left."""
    view = TableView()
    view.setModel(model)
    view.setAccessibleName(name)
    view.setAlternatingRowColors(True)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    mode = QAbstractItemView.SelectionMode
    view.setSelectionMode(mode.ExtendedSelection if multiple else mode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setTabKeyNavigation(False)
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(QFontMetrics(view.font()).height() + 8)
    header = view.horizontalHeader()
    header.setStretchLastSection(True)
    header.setHighlightSections(False)
    header.setTextElideMode(Qt.TextElideMode.ElideRight)  # the tip has all of it
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    if stretch is not None:
        header.setStretchLastSection(False)
        header.setResizeContentsPrecision(0)  # measure what can be seen, at every tick
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(stretch, QHeaderView.ResizeMode.Stretch)
    if isinstance(model, SortedProxy):
        view.setSortingEnabled(True)
        view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    return view


def fit_columns(view: QTableView) -> None:
    """Make the columns as wide as the contents of them, with room between one and the next."""
    view.resizeColumnsToContents()
    header = view.horizontalHeader()
    for number in range(header.count()):
        header.resizeSection(number, header.sectionSize(number) + COLUMN_GAP)


def set_widths(view: QTableView, widths: Sequence[int]) -> None:
    """Make the first columns this wide, or as wide as their titles need."""
    header = view.horizontalHeader()
    for number, width in enumerate(widths):
        header.resizeSection(number, max(width, header.sectionSizeHint(number)))


class OnScreen:
    """A part of the window that keeps itself up to date only while it can be seen.

    A tab behind another one is not hidden to Qt; its dock reports it through ``set_shown``.
    """

    shown = False

    def set_shown(self, shown: bool) -> None:
        """Told by the dock; catches up when it comes into sight."""
        came = shown and not self.shown
        self.shown = shown
        if came:
            self.catch_up()

    def catch_up(self) -> None:
        """Show how things are now."""
        raise NotImplementedError


class ShareBar(QWidget):
    """A bar divided by share, with a name under each part."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: tuple[tuple[str, float, str], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_parts(self, parts: Sequence[tuple[str, float, str]]) -> None:
        """Show parts as (name, share from 0 to 1, name of a theme colour)."""
        self._parts = tuple(parts)
        words = ", ".join(f"{name} {share:.0%}" for name, share, _ in self._parts)
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.update()

    def sizeHint(self) -> QSize:
        """Bar and one line of text."""
        return QSize(200, 16 + self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the parts."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = 0.0
        for _, share, colour in self._parts:
            width = share * self.width()
            painter.fillRect(QRectF(x, 2, max(1.0, width - 2), 8), theme.colour(colour))
            x += width
        self._paint_names(painter)

    def _paint_names(self, painter: QPainter) -> None:
        """Write all names in a row below, each behind a square of its colour."""
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.88)
        painter.setFont(font)
        texts, gap = self.names_for(painter.fontMetrics(), self.width())
        x, middle = 0.0, 12 + (self.height() - 12) / 2
        for text, (_, _, colour) in zip(texts, self._parts, strict=True):
            painter.fillRect(QRectF(x, middle - 3.5, 7, 7), theme.colour(colour))
            painter.setPen(theme.colour("muted"))
            width = painter.fontMetrics().horizontalAdvance(text)
            flag = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(x + 11, 12, width + 2, self.height() - 12), flag, text)
            x += 11 + width + gap

    def names_for(self, metrics: QFontMetrics, room: float) -> tuple[list[str], float]:
        """Return what is written below, and the gaps between: closer, or shares alone, if narrow.

        Parameters
        ----------
        metrics : QFontMetrics
        room : float
            In pixels.
        """
        texts = [f"{name} {share:.0%}" for name, share, _ in self._parts]
        count = len(texts)
        needed = sum(11 + metrics.horizontalAdvance(text) for text in texts) + 2
        gap = (room - needed) / max(count - 1, 1)
        if gap >= 4:
            return texts, min(gap, 10.0)
        return [f"{share:.0%}" for _, share, _ in self._parts], 10.0


class KeptStrip(QWidget):
    """One cell per channel in channel order: filled when it stays, hollow when it goes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept: NDArray[np.bool_] = np.zeros(0, bool)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("One cell per channel, in order: filled = kept, red = removed")

    def set_kept(self, kept: NDArray[np.bool_]) -> None:
        """Show which channels stay."""
        self._kept = kept
        self.setAccessibleName(f"{int(kept.sum())} of {len(kept)} channels kept")
        self.update()

    def sizeHint(self) -> QSize:
        """A low strip."""
        return QSize(200, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cells, without gaps where there is no room for them."""
        count = len(self._kept)
        if not count:
            return
        painter = QPainter(self)
        step = self.width() / count
        gap = 1.0 if step >= 4 else 0.0
        stays, goes = theme.colour("accent"), QColor(theme.colour("blocked"))
        goes.setAlphaF(0.55)
        for number, kept in enumerate(self._kept.tolist()):
            top = 1 if kept else 6
            cell = QRectF(number * step, top, max(step - gap, 0.6), self.height() - 2 * top)
            painter.fillRect(cell, stays if kept else goes)
