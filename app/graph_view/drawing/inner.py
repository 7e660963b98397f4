"""Paints the diagram inside an opened block."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath

from app.graph_view.drawing.ink import FAR, SIZES, Ink, arrow_head, rounded_line, text_size
from app.graph_view.drawing.looks import BlockLook
from app.graph_view.drawing.signs import GONE_DASHES, draw_gone
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
        self._gone: frozenset[int] | None = None
        self._part(frozenset())

    def _part(self, gone: frozenset[int]) -> None:
        """Part the lines that stay from those that go, once for each set of these."""
        if gone == self._gone:
            return
        self._gone = gone
        self.lines, self.heads, self.gone_lines = QPainterPath(), QPainterPath(), QPainterPath()
        for number, points in enumerate(self.place.lines):
            line = rounded_line(points, 4.0)
            if number in gone:
                self.gone_lines.addPath(line)
                continue
            self.lines.addPath(line)
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
        self._part(look.gone_lines)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if look.gone_lines:
            painter.setPen(ink.pen(palette.edge, 1.0, GONE_DASHES))
            painter.drawPath(self.gone_lines)
        painter.setPen(ink.pen(palette.edge, 1.2))
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
            self._paint_names(painter, look, ink, pixels)

    def _paint_boxes(self, painter: QPainter, look: BlockLook, ink: Ink) -> None:
        palette = ink.palette
        role = palette.roles.get(look.role, palette.roles["cascade"])
        for number, (node, rect) in enumerate(zip(self.place.nodes, self.rects, strict=True)):
            if number in look.gone_nodes:
                draw_gone(painter, rect, 5 if node.kind == "layer" else 8, ink)
                continue
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

    def _paint_names(self, painter: QPainter, look: BlockLook, ink: Ink, pixels: int) -> None:
        """Paint the names alone, larger than the drawing has them."""
        painter.setFont(ink.font("layer", pixels))
        for number, (node, rect) in enumerate(zip(self.place.nodes, self.rects, strict=True)):
            gone = number in look.gone_nodes
            painter.setPen(ink.pen(ink.palette.text_dim if gone else ink.palette.text))
            if ink.width("layer", pixels, node.label) <= rect.width() - 8:
                painter.drawText(rect, CENTRE, node.label)

    def _paint_texts(self, painter: QPainter, look: BlockLook, ink: Ink) -> None:
        palette = ink.palette
        painter.setFont(ink.font("layer", SIZES["layer"]))
        widths = look.layers or ("",) * len(self.rects)
        told = enumerate(zip(self.place.nodes, self.rects, widths, strict=True))
        for number, (node, rect, text) in told:
            gone = number in look.gone_nodes
            painter.setPen(ink.pen(palette.text_dim if gone else palette.text))
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
