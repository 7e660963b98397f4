"""The item of a block: its boxes, its signs, and the diagram of its inside where it is open."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.graph_view.drawing.colours import mix
from app.graph_view.drawing.frames import Frame, make_frames
from app.graph_view.drawing.ink import FAR, SIZES, Ink, strength, text_size
from app.graph_view.drawing.inner import InnerPicture
from app.graph_view.drawing.looks import BlockLook
from app.graph_view.drawing.signs import (
    RADIUS,
    draw_gone,
    draw_lock,
    draw_ring,
    draw_stop,
    draw_tick,
)
from app.graph_view.drawing.texts import Text
from core.drawing.layout import HEADER
from core.drawing.places import BoxPlace, InsidePlace

HALO = 33.0
"""Room around a block for its ring, its badge, and the number above a bar."""
MARK_ZOOM = 0.5
"""Below this zoom the small marks are left out, but for the lock of the user."""
NOTHING_INSIDE = InsidePlace((), (), 0, 0)


class BlockItem(QGraphicsItem):
    """One block. Paints what its look says and asks for nothing."""

    def __init__(self, index: int, ink: Ink) -> None:
        super().__init__()
        self.index = index
        self.ink = ink
        self.look: BlockLook | None = None
        self.place: BoxPlace | None = None
        self.inner = InnerPicture(NOTHING_INSIDE)
        self.body = QRectF()
        self.repaints = 0
        self._least = 0
        self._frames: list[Frame] = []
        self._label: Text | None = None
        self.setZValue(2)

    def set_place(self, place: BoxPlace, inside: InsidePlace | None) -> None:
        """Move the block, with the diagram of its inside if it is open.

        Parameters
        ----------
        place : BoxPlace
        inside : InsidePlace or None
        """
        if place != self.place:
            self.prepareGeometryChange()
            self.place = place
            self.body = QRectF(0, 0, place.width, place.height)
            self.setPos(place.x, place.y)
            self._change()
        if inside is not self.inner.place:
            self.inner = InnerPicture(inside or NOTHING_INSIDE)
            self._change()

    def set_look(self, look: BlockLook) -> bool:
        """Take a new look; returns whether it differs and will be painted."""
        if look == self.look:
            return False
        self.look = look
        self._change()
        return True

    def set_ink(self, ink: Ink) -> None:
        """Change the palette."""
        self.ink = ink
        self._change()

    def _change(self) -> None:
        self._least = 0
        self.update()

    def layer_at(self, position: QPointF) -> str:
        """Return the name of the layer under a point of the item, or an empty text."""
        if self.place is None or not self.place.opened:
            return ""
        return self.inner.layer_at(position - self._inside_origin())

    def _inside_origin(self) -> QPointF:
        extra = self.body.width() - self.inner.place.width
        return QPointF(max(0.0, extra / 2), HEADER)

    def boundingRect(self) -> QRectF:
        """Return the box with room for its signs."""
        return self.body.adjusted(-HALO, -HALO, HALO, HALO)

    def shape(self) -> QPainterPath:
        """Return the box alone."""
        path = QPainterPath()
        path.addRect(self.body)
        return path

    # ---- painting ------------------------------------------------------------------------------

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the block with as much detail as the zoom can show."""
        look, place = self.look, self.place
        if look is None or place is None:
            return
        self.repaints += 1
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        self._make(text_size("small", zoom), place, look)
        self._paint_around(painter, look)
        if zoom < FAR:
            self._paint_far(painter, place.opened)
            return
        heavy = strength(self._least)
        for frame in self._frames:
            frame.paint(painter, self.ink, heavy)
        if place.opened:
            self._paint_inside(painter, look, zoom, option.exposedRect)
        for frame in self._frames:
            frame.paint_words(painter, self.ink, self._least)
        if self._label is not None:
            painter.setFont(self._label.font)
            painter.setPen(self.ink.pen(self._label.colour))
            painter.drawText(self._label.at, self._label.text)
        if not place.small:
            if zoom >= MARK_ZOOM:
                self._paint_marks(painter, look)
            elif look.locked:
                self._paint_far_lock(painter, zoom)
        if look.role == "blocked":
            self._paint_stop(painter, zoom)

    def _make(self, least: int, place: BoxPlace, look: BlockLook) -> None:
        """Work out what is painted, once for each look and size of text."""
        if least == self._least:
            return
        self._least = least
        self._frames = make_frames(place, look, self.index, least, self.ink)
        self._label = None
        if place.small and place.parts:
            self._label = self._bar_label(place, look, least)

    def _bar_label(self, place: BoxPlace, look: BlockLook, least: int) -> Text | None:
        """Write a bar's number above its left end, where no line enters."""
        pixels = max(SIZES["small"], least)
        if pixels > 18:
            return None
        room = place.width / 2 - 14
        for text in (f"{self.index} {look.title.split()[-1]}", f"{self.index}"):
            if self.ink.width("small", pixels, text) <= room:
                colour = self.ink.palette.text_dim
                at = QPointF(1, -9 if look.selected else -4)  # above the ring
                return Text(self.ink.font("small", pixels), colour, at, text)
        return None

    def _paint_far(self, painter: QPainter, named: bool) -> None:
        """Paint plain rectangles; only opened blocks are large enough for their names."""
        for frame in self._frames:
            if frame.gone:
                draw_gone(painter, frame.rect, 0.0, self.ink, 2.0)
                continue
            painter.setPen(self.ink.pen(frame.line, 2.0))
            painter.setBrush(self.ink.brush(frame.fill))
            painter.drawRect(frame.rect)
            if named:
                frame.paint_words(painter, self.ink, self._least)

    def _paint_inside(
        self, painter: QPainter, look: BlockLook, zoom: float, exposed: QRectF
    ) -> None:
        inside = self.body.adjusted(1.5, HEADER, -1.5, -1.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(self.ink.palette.inner))
        painter.drawRoundedRect(inside, RADIUS - 2, RADIUS - 2)
        painter.save()
        painter.translate(self._inside_origin())
        self.inner.paint(painter, look, self.ink, zoom, exposed)
        painter.restore()

    def _paint_around(self, painter: QPainter, look: BlockLook) -> None:
        """Paint what is around the boxes: glow, focus, and the ring of the selection."""
        if not (look.lit or look.matched or look.focused or look.selected):
            return
        palette = self.ink.palette
        for frame in self._rings():
            around = frame.adjusted(-5, -5, 5, 5)
            if look.lit or look.matched:
                colour = palette.match if look.matched else palette.focus
                glow = mix(palette.band, colour, 0.75 if look.matched else 0.4)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self.ink.brush(glow))
                painter.drawRoundedRect(around, RADIUS + 4, RADIUS + 4)
            if look.focused:
                painter.setPen(self.ink.pen(palette.text, 1.4, (1.5, 2.5)))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                far = frame.adjusted(-10, -10, 10, 10)
                painter.drawRoundedRect(far, RADIUS + 8, RADIUS + 8)
            if look.selected:
                draw_ring(painter, frame, self.ink, strength(self._least))

    def _rings(self) -> list[QRectF]:
        """Return the boxes that a ring goes around: each of a head, a bar as a whole."""
        if self.place is not None and self.place.small:
            return [self.body]
        return [frame.rect for frame in self._frames]

    def _paint_marks(self, painter: QPainter, look: BlockLook) -> None:
        """Paint the padlock, and the tick of what can be pruned alone."""
        if not (look.locked or look.fixed or look.eligible):
            return
        palette = self.ink.palette
        for frame in self._frames:
            bottom = HEADER if self.place is not None and self.place.opened else frame.rect.bottom()
            x, y = frame.body.right() - 18, bottom - 18
            if look.locked or look.fixed:
                colour = palette.text if look.locked else palette.lock
                draw_lock(painter, QPointF(x, y), self.ink, colour)
                x -= 17
            if look.eligible:
                colour = palette.eligible if look.dim else palette.text
                draw_tick(painter, QPointF(x - 1, y), self.ink, colour)

    def _paint_far_lock(self, painter: QPainter, zoom: float) -> None:
        """Paint the padlock as large as it has to be, at the upper right corner."""
        corner = self._frames[0].rect.topRight()
        scale = min(4.5, 0.85 / zoom)
        painter.save()
        painter.translate(corner.x() - 12 * scale, corner.y() + 1.5 * scale)
        painter.scale(scale, scale)
        draw_lock(painter, QPointF(0, 0), self.ink, self.ink.palette.text)
        painter.restore()

    def _paint_stop(self, painter: QPainter, zoom: float) -> None:
        rect = self._frames[0].rect if self._frames else self.body
        painter.save()
        painter.translate(rect.right() - 4, rect.top())
        scale = min(2.2, max(1.0, 0.8 / zoom))
        painter.scale(scale, scale)
        draw_stop(painter, QPointF(0, 0), self.ink)
        painter.restore()
