"""The item of a line between two blocks: as thick as the channels it carries."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.graph_view.drawing.ink import SIZES, Ink, arrow_head, rounded_line, text_size
from app.graph_view.drawing.looks import EdgeLook
from app.graph_view.drawing.signs import GONE_DASHES
from core.drawing.places import EdgePlace, Points
from core.drawing.shapes import line_width

CENTRE = Qt.AlignmentFlag.AlignCenter
LARGEST_LABEL = 20
"""Size of a label from which it would cover more than it says."""


class EdgeItem(QGraphicsItem):
    """One line. The channels it carries are written where the user looks at it."""

    def __init__(self, place: EdgePlace, ink: Ink) -> None:
        super().__init__()
        self.ink = ink
        self.look = EdgeLook(place.label, "", False, False, place.channels)
        self.place: EdgePlace | None = None
        self.repaints = 0
        self._shapes: dict[int, tuple[float, QPainterPath, QPainterPath]] = {}
        self.set_place(place)

    def set_place(self, place: EdgePlace) -> None:
        """Move the line."""
        if place == self.place:
            return
        self.prepareGeometryChange()
        self.place = place
        self._shapes.clear()
        x, y = place.label_at
        self.label_rect = QRectF(x - 26, y - 9, 52, 18)
        room = line_width(place.channels) + 6
        xs, ys = zip(*place.points, strict=True)
        line = QRectF(QPointF(min(xs), min(ys)), QPointF(max(xs), max(ys)))
        self.bounds = line.adjusted(-room, -room, room, room) | self.label_rect

    def _shape(self) -> tuple[float, QPainterPath, QPainterPath]:
        """Return thickness, line and head for the channels carried now, made when painted."""
        channels = self.look.channels
        if channels not in self._shapes:
            assert self.place is not None
            thickness = round(4 * line_width(channels)) / 4
            size = 3.4 + 0.55 * thickness
            line = rounded_line(_shortened(self.place.points, size), 12.0)
            self._shapes[channels] = thickness, line, arrow_head(self.place.points, size)
        return self._shapes[channels]

    def set_look(self, look: EdgeLook) -> bool:
        """Take a new look; returns whether it differs and will be painted."""
        if look == self.look:
            return False
        if (look.path, look.lit) != (self.look.path, self.look.lit):
            self.setZValue(1.5 if look.path else 1.2 if look.lit else 1.0)
        self.look = look
        self.update()
        return True

    def set_ink(self, ink: Ink) -> None:
        """Change the palette."""
        self.ink = ink
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the line with its arrow head and label."""
        return self.bounds

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the line and its head; its label while it is lit."""
        if self.place is None:
            return
        self.repaints += 1
        palette, look = self.ink.palette, self.look
        thickness, line, head = self._shape()
        lit = look.path or look.lit
        colour = palette.edge_lit if lit else palette.edge
        if look.gone:
            self._paint_gone(painter, line, head, colour)
            return
        if look.role and not lit:
            colour = palette.roles[look.role].line
        painter.setPen(self.ink.pen(colour, thickness + (1.4 if look.path else 0.0)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(line)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(colour))
        painter.drawPath(head)
        if lit:
            zoom = option.levelOfDetailFromTransform(painter.worldTransform())
            self._paint_label(painter, look, max(SIZES["small"], text_size("small", zoom)))

    def _paint_gone(
        self, painter: QPainter, line: QPainterPath, head: QPainterPath, colour: str
    ) -> None:
        """Paint a connection that the plan removes: thin, in long dashes, its head an outline."""
        painter.setPen(self.ink.pen(colour, 1.2, GONE_DASHES))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(line)
        painter.setPen(self.ink.pen(colour, 1.0))
        painter.drawPath(head)

    def _paint_label(self, painter: QPainter, look: EdgeLook, pixels: int) -> None:
        if pixels > LARGEST_LABEL:
            return
        palette = self.ink.palette
        width = self.ink.width("small", pixels, look.label) + 6
        middle = self.label_rect.center()
        halo = QRectF(middle.x() - width / 2, middle.y() - 0.6 * pixels, width, 1.2 * pixels)
        painter.setFont(self.ink.font("small", pixels))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.ink.brush(palette.background))
        painter.drawRoundedRect(halo, 3, 3)
        text = palette.roles[look.role].tag if look.role else palette.text
        painter.setPen(self.ink.pen(text))
        painter.drawText(halo, CENTRE, look.label)


def _shortened(points: Points, by: float) -> Points:
    """Let a line end inside its arrow head, which is narrower at the tip."""
    (ax, ay), (bx, by_) = points[-2], points[-1]
    length = max(abs(bx - ax), abs(by_ - ay)) or 1.0
    share = min(by, 0.8 * length) / length
    return (*points[:-1], (bx - (bx - ax) * share, by_ - (by_ - ay) * share))
