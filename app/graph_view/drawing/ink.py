"""Pens, brushes and fonts of one palette, made once: painting must not make any."""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainterPath, QPen

from app.graph_view.drawing.colours import PALETTES, Palette

NORMAL = QFont.Weight.Normal
LEAST_TEXT = 11.0
"""Smallest text in screen pixels: where it does not fit, less is shown."""
COARSE = 24
"""Text size in the drawing's units from which sizes go in steps of an eighth of it."""
FAR = 0.16
"""Below this zoom a box is a plain rectangle."""
SIZES = {"bold": 13, "plain": 12, "small": 11, "tag": 11, "heading": 13, "layer": 11}
"""Pixels of each kind of text in the drawing's own units."""
BOLD = ("bold", "tag", "heading")


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
        self._pens: dict[tuple[str, float, tuple[float, ...]], QPen] = {}
        self._fonts: dict[tuple[str, int], QFont] = {}
        self._metrics: dict[tuple[str, int], QFontMetricsF] = {}
        self._widths: dict[tuple[str, str], float] = {}
        self.plain = self.font("plain", SIZES["plain"])
        self.small = self.font("small", SIZES["small"])
        self.tag = self.font("tag", SIZES["tag"])

    def font(self, kind: str, pixels: int) -> QFont:
        """Return the font of one kind of text at a size in the drawing's units."""
        key = (kind, pixels)
        if key not in self._fonts:
            bold = kind in BOLD
            self._fonts[key] = _font(pixels, QFont.Weight.DemiBold if bold else NORMAL)
        return self._fonts[key]

    def metrics(self, kind: str, pixels: int) -> QFontMetricsF:
        """Return the measures of a font."""
        key = (kind, pixels)
        if key not in self._metrics:
            self._metrics[key] = QFontMetricsF(self.font(kind, pixels))
        return self._metrics[key]

    def width(self, kind: str, pixels: int, text: str) -> float:
        """Return the width of a text; it grows with the size, so it is measured once."""
        key = (kind, text)
        if key not in self._widths:
            self._widths[key] = self.metrics(kind, 100).horizontalAdvance(text) / 100
        return self._widths[key] * pixels

    def brush(self, colour: str) -> QBrush:
        """Return the brush of a colour."""
        if colour not in self._brushes:
            self._brushes[colour] = QBrush(QColor(colour))
        return self._brushes[colour]

    def pen(self, colour: str, width: float = 1.0, dashes: tuple[float, ...] = ()) -> QPen:
        """Return a round pen of a colour; ``dashes`` are in widths of the line."""
        key = (colour, width, dashes)
        if key not in self._pens:
            pen = QPen(QColor(colour), width)
            if dashes:
                pen.setDashPattern(dashes)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            cap = Qt.PenCapStyle.FlatCap if dashes else Qt.PenCapStyle.RoundCap
            pen.setCapStyle(cap)
            self._pens[key] = pen
        return self._pens[key]


def text_size(kind: str, zoom: float) -> int:
    """Return the size of a text in the drawing's units that is never too small on the screen.

    From afar it changes in steps: a zoom then makes fewer fonts and works fewer texts out.
    """
    least = ceil(LEAST_TEXT / max(zoom, 0.01))
    return max(SIZES[kind], least if least <= COARSE else COARSE * ceil(least / COARSE * 8) // 8)


def strength(least: int) -> float:
    """Return how much heavier the borders of boxes are where text has to be ``least`` large.

    A border that tells something must be seen from afar, too.
    """
    return max(1.0, round(7.0 * least / SIZES["small"]) / 10)


def _font(pixels: int, weight: QFont.Weight) -> QFont:
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
    """Return the arrow head at the end of a line; ``size`` is two thirds of its length."""
    (ax, ay), (bx, by) = points[-2], points[-1]
    length = max(abs(bx - ax), abs(by - ay)) or 1.0
    ux, uy = (bx - ax) / length, (by - ay) / length
    path = QPainterPath(QPointF(bx, by))
    path.lineTo(bx - size * 1.5 * ux - size * 0.75 * uy, by - size * 1.5 * uy + size * 0.75 * ux)
    path.lineTo(bx - size * 1.5 * ux + size * 0.75 * uy, by - size * 1.5 * uy - size * 0.75 * ux)
    path.closeSubpath()
    return path
