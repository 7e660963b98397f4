"""Small pictures in rows, each with its marks; Enter or a double-click opens one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.kit import theme
from app.kit.qt_guard import guarded
from app.pictures.drawing import Pens, paint_marks
from app.pictures.loader import Picture, Pictures, Wish

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
CELL = QSize(128, 112)
SIDE = 192
"""Pixels that small pictures are decoded to: sharp at one and a half times their size too."""
ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class Entry:
    """One small picture.

    Attributes
    ----------
    wish : Wish
        Names the picture, and reads its marks.
    title : str
    """

    wish: Wish
    title: str


class GridModel(QAbstractListModel):
    """Pictures as rows."""

    def __init__(self, pictures: Pictures) -> None:
        super().__init__()
        self.pictures = pictures
        self.entries: tuple[Entry, ...] = ()
        self.pens = Pens()
        self._rows: dict[Hashable, int] = {}
        pictures.ready.connect(self._ready)

    def set_entries(self, entries: Sequence[Entry], pens: Pens) -> None:
        """Show other pictures."""
        self.beginResetModel()
        self.entries, self.pens = tuple(entries), pens
        self._rows = {entry.wish.name: n for n, entry in enumerate(self.entries)}
        self.endResetModel()

    def picture(self, row: int) -> Picture | None:
        """Return the picture of a row, once it is available."""
        return self.pictures.get(self.entries[row].wish)

    def _ready(self, name: Hashable) -> None:
        row = self._rows.get(name)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row))

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        """Number of pictures."""
        return 0 if parent.isValid() else len(self.entries)

    @guarded
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Name and contents, for tips and for screen readers."""
        if not index.isValid() or index.row() >= len(self.entries):
            return None
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{Path(entry.wish.path).name}\n{self._contents(index.row())}".strip()
        return None

    def _contents(self, row: int) -> str:
        picture = self.picture(row)
        if picture is None:
            return ""
        if picture.trouble:
            return picture.trouble
        counts = Counter(str(mark["class"]) for mark in picture.objects)
        return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "no objects"


class _Painter(QStyledItemDelegate):
    """Draws a picture with its marks, and its name beneath."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All alike."""
        return CELL

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one; what is missing yet shows its name alone."""
        model = index.model()
        assert isinstance(model, GridModel)
        cell = QRect(option.rect).adjusted(3, 3, -3, -3)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawRoundedRect(option.rect.adjusted(1, 1, -1, -1), 4, 4)
        name = QRect(cell.left(), cell.bottom() - 15, cell.width(), 16)
        place = QRect(cell.left(), cell.top(), cell.width(), cell.height() - 18)
        picture = model.picture(index.row())
        if picture is not None and not picture.image.isNull():
            size = picture.image.size().scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio)
            frame = QRect(QPoint(0, 0), size)
            frame.moveCenter(place.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(frame, picture.image)
            painter.save()
            painter.setClipRect(frame)
            paint_marks(painter, QRectF(frame), picture.objects, model.pens, names=False)
            painter.restore()
        else:
            painter.fillRect(place, theme.colour("raised"))
            if picture is not None:
                painter.setPen(theme.colour("blocked"))
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, "cannot be read")
        painter.setPen(theme.colour("on_accent" if chosen else "muted"))
        title = str(index.data())
        end = Qt.TextElideMode.ElideMiddle
        text = painter.fontMetrics().elidedText(title, end, name.width())
        painter.drawText(name, Qt.AlignmentFlag.AlignCenter, text)


class PictureGrid(QListView):
    """A page of pictures; ``activated`` reports which one should be opened."""

    def __init__(self, pictures: Pictures, name: str) -> None:
        super().__init__()
        self.entries = GridModel(pictures)
        self.setModel(self.entries)
        self.setItemDelegate(_Painter(self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionRectVisible(False)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(name)

    def sizeHint(self) -> QSize:
        """Small; the layout gives it what it has."""
        return QSize(2 * CELL.width(), CELL.height())
