"""Pens, brushes and fonts of one palette, made once: painting must not make any."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPainterPath, QPen

from app.graph_view.colours import PALETTES, Palette

DETAIL = 0.42
"""Below this zoom texts become strokes, above it they are drawn."""
LAYER_DETAIL = 0.5
FAR = 0.16
"""Below this zoom a box is a plain rectangle."""


class Ink:
    """What the items paint with.

    Parameters
    ----------
    kind : str
        ``light`` or ``dark``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.palette: Palette = PALETTES[kind]
        self._brushes: dict[str, QBrush] = {}
        self._pens: dict[tuple[str, float], QPen] = {}
        self.bold = _font(13, QFont.Weight.DemiBold)
        self.plain = _font(12)
        self.small = _font(11)
        self.tag = _font(10, QFont.Weight.DemiBold)
        self.heading = _font(13, QFont.Weight.DemiBold)
        self.layer = _font(11)

    def brush(self, colour: str) -> QBrush:
        """Return the brush of a colour."""
        if colour not in self._brushes:
            self._brushes[colour] = QBrush(QColor(colour))
        return self._brushes[colour]

    def pen(self, colour: str, width: float = 1.0) -> QPen:
        """Return a round pen of a colour."""
        key = (colour, width)
        if key not in self._pens:
            pen = QPen(QColor(colour), width)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            self._pens[key] = pen
        return self._pens[key]


def _font(pixels: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    font = QFont()
    font.setPixelSize(pixels)
    font.setWeight(weight)
    # Hinted glyphs jump while zooming; the drawing is a picture, not a page.
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return font


def rounded_line(points: tuple[tuple[float, float], ...], radius: float = 7.0) -> QPainterPath:
    """Return a path through corners, each rounded as far as its pieces allow."""
    path = QPainterPath(QPointF(*points[0]))
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        arrive = QLineF(QPointF(*corner), QPointF(*before))
        leave = QLineF(QPointF(*corner), QPointF(*after))
        reach = min(radius, arrive.length() / 2, leave.length() / 2)
        if reach < 0.5:
            path.lineTo(*corner)
            continue
        arrive.setLength(reach)
        leave.setLength(reach)
        path.lineTo(arrive.p2())
        path.quadTo(QPointF(*corner), leave.p2())
    path.lineTo(*points[-1])
    return path


def arrow_head(points: tuple[tuple[float, float], ...], size: float = 5.0) -> QPainterPath:
    """Return the arrow head at the end of a line."""
    (ax, ay), (bx, by) = points[-2], points[-1]
    length = max(abs(bx - ax), abs(by - ay)) or 1.0
    ux, uy = (bx - ax) / length, (by - ay) / length
    path = QPainterPath(QPointF(bx, by))
    path.lineTo(bx - size * 1.5 * ux - size * 0.75 * uy, by - size * 1.5 * uy + size * 0.75 * ux)
    path.lineTo(bx - size * 1.5 * ux + size * 0.75 * uy, by - size * 1.5 * uy - size * 0.75 * ux)
    path.closeSubpath()
    return path


def draw_lock(painter: QPainter, at: QPointF, ink: Ink, colour: str) -> None:
    """Draw a padlock 10 wide and 12 high, its upper left corner at a point."""
    painter.setPen(ink.pen(colour, 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(QRectF(at.x() + 2.2, at.y() + 0.5, 5.6, 8.5), 0, 180 * 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink.brush(colour))
    painter.drawRoundedRect(QRectF(at.x() + 0.4, at.y() + 5.0, 9.2, 7.0), 1.6, 1.6)


def draw_tick(painter: QPainter, at: QPointF, ink: Ink, colour: str) -> None:
    """Draw a tick in a ring 12 wide, its upper left corner at a point."""
    painter.setPen(ink.pen(colour, 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QRectF(at.x(), at.y(), 12, 12))
    tick = QPainterPath(QPointF(at.x() + 3.2, at.y() + 6.2))
    tick.lineTo(at.x() + 5.4, at.y() + 8.5)
    tick.lineTo(at.x() + 9.0, at.y() + 3.9)
    painter.drawPath(tick)


def draw_tag(
    painter: QPainter, right: float, middle: float, text: str, fill: str, colour: str, ink: Ink
) -> None:
    """Draw a small pill with a word, its right end and middle line given."""
    painter.setFont(ink.tag)
    width = painter.fontMetrics().horizontalAdvance(text) + 13.0
    rect = QRectF(right - width, middle - 8.0, width, 16.0)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink.brush(fill))
    painter.drawRoundedRect(rect, 8.0, 8.0)
    painter.setPen(ink.pen(colour))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
