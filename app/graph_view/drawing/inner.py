"""Paints the diagram inside an opened block."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath

from app.graph_view.drawing.ink import FAR, SIZES, Ink, arrow_head, rounded_line, text_size
from app.graph_view.drawing.looks import BlockLook
from core.drawing.diagram import WIDTHS_ROOM
from core.drawing.places import InsidePlace

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter
LARGEST_TEXT = 17
"""Size of a layer's name, in the drawing's units, from which it fits its box no longer."""


class InnerPicture:
    """Layers, operations and lines of one block, ready to paint.

    Parameters
    ----------
    place : InsidePlace
    """

    def __init__(self, place: InsidePlace) -> None:
        self.place = place
        self.rects = [QRectF(n.x, n.y, n.width, n.height) for n in place.nodes]
        self.lines = QPainterPath()
        self.heads = QPainterPath()
        for points in place.lines:
            self.lines.addPath(rounded_line(points, 4.0))
            self.heads.addPath(arrow_head(points, 3.2))

    def layer_at(self, position: QPointF) -> str:
        """Return the name of the layer under a point, or an empty text."""
        for node, rect in zip(self.place.nodes, self.rects, strict=True):
            if node.name and rect.contains(position):
                return node.name
        return ""

    def paint(
        self, painter: QPainter, look: BlockLook, ink: Ink, zoom: float, exposed: QRectF
    ) -> None:
        """Paint the diagram; texts only where they can be read."""
        palette = ink.palette
        painter.setPen(ink.pen(palette.edge, 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self.lines)
        if zoom < FAR:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink.brush(palette.edge))
        painter.drawPath(self.heads)
        self._paint_boxes(painter, look, ink)
        pixels = text_size("layer", zoom)
        if pixels == SIZES["layer"]:
            self._paint_texts(painter, look, ink)
        elif pixels <= LARGEST_TEXT:
            self._paint_names(painter, ink, pixels)

    def _paint_boxes(self, painter: QPainter, look: BlockLook, ink: Ink) -> None:
        palette = ink.palette
        role = palette.roles.get(look.role, palette.roles["cascade"])
        for node, rect in zip(self.place.nodes, self.rects, strict=True):
            if node.kind != "layer":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(ink.brush(palette.operation))
                painter.drawRoundedRect(rect, 8, 8)
                continue
            if node.layer in look.changed_layers:
                painter.setPen(ink.pen(role.line, 1.4))
                painter.setBrush(ink.brush(role.fill))
            else:
                painter.setPen(ink.pen(palette.node_border))
                painter.setBrush(ink.brush(palette.node))
            painter.drawRoundedRect(rect, 5, 5)

    def _paint_names(self, painter: QPainter, ink: Ink, pixels: int) -> None:
        """Paint the names alone, larger than the drawing has them."""
        painter.setFont(ink.font("layer", pixels))
        painter.setPen(ink.pen(ink.palette.text))
        for node, rect in zip(self.place.nodes, self.rects, strict=True):
            if ink.width("layer", pixels, node.label) <= rect.width() - 8:
                painter.drawText(rect, CENTRE, node.label)

    def _paint_texts(self, painter: QPainter, look: BlockLook, ink: Ink) -> None:
        palette = ink.palette
        painter.setFont(ink.font("layer", SIZES["layer"]))
        painter.setPen(ink.pen(palette.text))
        widths = look.layers or ("",) * len(self.rects)
        for node, rect, text in zip(self.place.nodes, self.rects, widths, strict=True):
            inside = rect.adjusted(7, 0, -7, 0)
            if node.kind != "layer":
                painter.drawText(rect, CENTRE, node.label)
                continue
            painter.drawText(inside, LEFT, node.label)
            painter.drawText(inside, RIGHT, text)
        painter.setPen(ink.pen(palette.text_dim))
        for node, rect in zip(self.place.nodes, self.rects, strict=True):
            if node.kernel:
                painter.drawText(rect.adjusted(0, 0, -WIDTHS_ROOM, 0), RIGHT, node.kernel)
