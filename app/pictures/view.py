"""One picture, to zoom into and to move; several can share where they look."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.kit import theme
from app.pictures.drawing import Pens, caption, paint_marks
from app.pictures.loader import Picture
from core.data.labels import Object

MOST = 24.0
"""How far one can zoom in, as a factor of the whole picture's size."""
STEP = 1.25
REST_MS = 90
MOVE = 60.0
"""Pixels that Shift and an arrow key move the picture by."""


class Viewpoint(QObject):
    """How far a picture is zoomed in, and which point of it is in the middle.

    Attributes
    ----------
    zoom : float
        1 shows the whole picture.
    centre : QPointF
        As fractions of the picture.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.zoom = 1.0
        self.centre = QPointF(0.5, 0.5)

    def fit(self) -> None:
        """Show the whole picture."""
        self.look(1.0, QPointF(0.5, 0.5))

    def look(self, zoom: float, centre: QPointF) -> None:
        """Look at a place; never beyond the picture's edge."""
        zoom = min(max(zoom, 1.0), MOST)
        half = 0.5 / zoom
        x, y = (min(max(v, half), 1.0 - half) for v in (centre.x(), centre.y()))
        if (zoom, QPointF(x, y)) != (self.zoom, self.centre):
            self.zoom, self.centre = zoom, QPointF(x, y)
            self.changed.emit()


class PictureView(QWidget):
    """Shows a picture with its marks.

    Parameters
    ----------
    viewpoint : Viewpoint, optional
        Shared with other views.
    """

    def __init__(self, viewpoint: Viewpoint | None = None) -> None:
        super().__init__()
        self.viewpoint = viewpoint or Viewpoint(self)
        self.viewpoint.changed.connect(self.update)
        self.picture: Picture | None = None
        self.marks: tuple[Object, ...] = ()
        self.names = True
        self._pens = Pens()
        self._held: QPointF | None = None
        # While it moves, a picture is drawn fast; once it rests, smoothly, and that is kept.
        self._smooth: QPixmap | None = None
        self._smooth_of: tuple[object, ...] = ()
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._smoothen)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 90)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip("Wheel: zoom; drag or Shift and arrow keys: move; double-click or 0: fit")

    def sizeHint(self) -> QSize:
        """As large as there is room for."""
        return QSize(480, 360)

    def set_picture(self, picture: Picture | None, marks: Sequence[Object], pens: Pens) -> None:
        """Show a picture; None while it is being read."""
        if picture is not self.picture:
            self._smooth, self._smooth_of = None, ()
        self.picture, self.marks, self._pens = picture, tuple(marks), pens
        told = ", ".join(caption(mark) for mark in self.marks)
        self.setAccessibleDescription(told or "no boxes")
        self.update()

    def set_names(self, names: bool) -> None:
        """Write what the marks are, or only draw them."""
        self.names = names
        self.update()

    def frame(self) -> QRectF:
        """Return where the whole picture is, which may be beyond the widget."""
        image = self.picture.image if self.picture is not None else None
        if image is None or image.isNull():
            return QRectF()
        scale = min(self.width() / image.width(), self.height() / image.height())
        scale *= self.viewpoint.zoom
        width, height = image.width() * scale, image.height() * scale
        centre = self.viewpoint.centre
        # A side that fits stays in the middle, however the other one is moved.
        x = centre.x() if width > self.width() else 0.5
        y = centre.y() if height > self.height() else 0.5
        return QRectF(self.width() / 2 - x * width, self.height() / 2 - y * height, width, height)

    # ---- painting -----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the part that shows."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("base"))
        picture = self.picture
        if picture is None or picture.image.isNull():
            painter.setPen(theme.colour("muted"))
            text = "Reading…" if picture is None else picture.trouble
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(8, 8, -8, -8), int(flags), text)
        else:
            self._paint(painter, picture)
        if self.hasFocus():
            painter.setPen(theme.colour("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint(self, painter: QPainter, picture: Picture) -> None:
        frame = self.frame()
        shown, source, scale = self._part(frame, picture)
        if self._smooth is not None and self._smooth_of == self._state():
            painter.drawPixmap(0, 0, self._smooth)
        else:
            painter.drawImage(shown, picture.image, source)
            # Pixels that are larger than three on the screen are meant to be seen as such.
            if scale > 1 / 3:
                self._rest.start()
        painter.setClipRect(shown)
        paint_marks(painter, frame, self.marks, self._pens, self.names)
        painter.setClipping(False)

    def _part(self, frame: QRectF, picture: Picture) -> tuple[QRectF, QRectF, float]:
        """Return what shows on the widget, of the picture, and the picture's pixels for one."""
        shown = frame.intersected(QRectF(self.rect()))
        scale = picture.image.width() / frame.width()
        corner = (shown.topLeft() - frame.topLeft()) * scale
        return shown, QRectF(corner, shown.size() * scale), scale

    def _state(self) -> tuple[object, ...]:
        """Return all that the picture without its marks depends on."""
        frame, ratio = self.frame(), self.devicePixelRatio()
        return id(self.picture), frame.getRect(), self.size().toTuple(), ratio

    def _smoothen(self) -> None:
        picture, ratio = self.picture, self.devicePixelRatio()
        if picture is None or picture.image.isNull() or self._smooth_of == self._state():
            return
        shown, source, _ = self._part(self.frame(), picture)
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(shown, picture.image, source)
        painter.end()
        self._smooth, self._smooth_of = pixmap, self._state()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what is in the middle."""
        super().resizeEvent(event)
        self.update()

    # ---- zooming and moving -------------------------------------------------------------------

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around a point of the widget, its middle unless given."""
        before = self.frame()
        if before.isEmpty():
            return
        view = self.viewpoint
        middle = QPointF(self.width() / 2, self.height() / 2)
        at = at or middle
        wanted = min(max(view.zoom * factor, 1.0), MOST)
        grow = wanted / view.zoom
        # The point under the pointer stays there.
        x = (at.x() - before.left()) / before.width() - (at.x() - middle.x()) / (
            before.width() * grow
        )
        y = (at.y() - before.top()) / before.height() - (at.y() - middle.y()) / (
            before.height() * grow
        )
        view.look(wanted, QPointF(x, y))

    def move_by(self, x: float, y: float) -> None:
        """Move the picture by pixels."""
        frame = self.frame()
        if not frame.isEmpty():
            centre = self.viewpoint.centre
            moved = QPointF(centre.x() - x / frame.width(), centre.y() - y / frame.height())
            self.viewpoint.look(self.viewpoint.zoom, moved)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer."""
        notches = event.angleDelta().y() / 120
        self.zoom(STEP**notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the picture."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move it along."""
        if self._held is not None:
            moved = event.position() - self._held
            self._held = event.position()
            self.move_by(moved.x(), moved.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        self._held = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show all of it, or come nearer."""
        if self.viewpoint.zoom > 1:
            self.viewpoint.fit()
        else:
            self.zoom(3.0, event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom by + and −, all of it by 0, move by Shift and arrows; the rest is for the parent."""
        key = Qt.Key(event.key())
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        moves = {
            Qt.Key.Key_Left: (MOVE, 0.0),
            Qt.Key.Key_Right: (-MOVE, 0.0),
            Qt.Key.Key_Up: (0.0, MOVE),
            Qt.Key.Key_Down: (0.0, -MOVE),
        }
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / STEP)
        elif key == Qt.Key.Key_0:
            self.viewpoint.fit()
        elif shift and key in moves:
            self.move_by(*moves[key])
        else:
            super().keyPressEvent(event)
