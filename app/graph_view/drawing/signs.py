"""The signs of the drawing: one for each meaning, and none that relies on its hue alone.

In the plan: a filled badge and a hatched ghost. Removed as a whole: a pale outline in long dashes.
Adjusted: a dashed outline and an outlined badge. Coupled: a double line. Blocked: a heavy outline
and a stop sign. Locked: a padlock. Selected: a ring outside the box.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPolygonF

from app.graph_view.drawing.ink import Ink

HATCH = 5.0
"""Distance of the lines of a hatch."""
DASHES = (3.0, 2.0)
GONE_DASHES = (6.0, 4.0)
RADIUS = 8.0


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


def hatch_lines(area: QRectF) -> list[QLineF]:
    """Return the lines of a hatch, rising to the right, cut to a rectangle."""
    return _hatch(area.left(), area.top(), area.right(), area.bottom())


@lru_cache(maxsize=2048)
def _hatch(left: float, top: float, right: float, bottom: float) -> list[QLineF]:
    """Make a hatch once: while a slider moves, the same ghosts come again and again."""
    lines = []
    # A line x + y = c enters at the lower or left side and leaves at the upper or right one.
    c = left + top + HATCH
    while c < right + bottom:
        x0, x1 = max(left, c - bottom), min(right, c - top)
        lines.append(QLineF(x0, c - x0, x1, c - x1))
        c += HATCH
    return lines


def draw_stop(painter: QPainter, middle: QPointF, ink: Ink) -> None:
    """Draw a stop sign 18 wide: an octagon with a bar across."""
    role = ink.palette.roles["blocked"]
    x, y, far, near = middle.x(), middle.y(), 9.0, 3.7
    corners = (
        *((-near, -far), (near, -far), (far, -near), (far, near)),
        *((near, far), (-near, far), (-far, near), (-far, -near)),
    )
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink.brush(role.tag))
    painter.drawPolygon(QPolygonF([QPointF(x + dx, y + dy) for dx, dy in corners]))
    painter.setBrush(ink.brush(role.tag_text))
    painter.drawRect(QRectF(x - 5.0, y - 1.7, 10.0, 3.4))


def draw_badge(
    painter: QPainter, right: float, middle: float, text: str, role: str, pixels: int, ink: Ink
) -> None:
    """Draw a pill with a figure, its right end and middle line given.

    Filled for what is in the plan, outlined for what is adjusted with it.
    """
    colours = ink.palette.roles[role]
    width, height = ink.width("tag", pixels, text) + pixels, 1.42 * pixels
    rect = QRectF(right - width, middle - height / 2, width, height)
    if role == "selected":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink.brush(colours.tag))
    else:
        painter.setPen(ink.pen(colours.line, 1.3))
        painter.setBrush(ink.brush(ink.palette.box))
    painter.drawRoundedRect(rect, height / 2, height / 2)
    painter.setFont(ink.font("tag", pixels))
    painter.setPen(ink.pen(colours.tag_text if role == "selected" else colours.tag))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


def draw_box(
    painter: QPainter,
    rect: QRectF,
    radius: float,
    role: str,
    line: str,
    fill: str,
    ink: Ink,
    heavy: float = 1.0,
) -> None:
    """Draw a box with the border of its role, or in the colour of its stage."""
    own = ink.palette.roles.get(role)
    painter.setBrush(ink.brush(fill))
    if own is None or role == "selected":
        painter.setPen(ink.pen(line, 1.2 * heavy))
    elif role == "cascade":
        painter.setPen(ink.pen(own.line, 2.0 * heavy, DASHES))
    else:
        painter.setPen(ink.pen(own.line, (3.0 if role == "blocked" else 1.4) * heavy))
    painter.drawRoundedRect(rect, radius, radius)
    if role == "coupled" and own is not None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        out = 2.0 + 1.4 * heavy
        painter.drawRoundedRect(rect.adjusted(-out, -out, out, out), radius + 3, radius + 3)


def draw_ghost(
    painter: QPainter, rect: QRectF, lines: list[QLineF], role: str, line: str, ink: Ink
) -> None:
    """Draw what goes: hatched, its border thin."""
    own = ink.palette.roles.get(role)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(ink.pen(own.line if own else line, 1.0))
    painter.drawLines(lines)
    painter.drawRoundedRect(rect, 2.0, 2.0)


def draw_gone(painter: QPainter, rect: QRectF, radius: float, ink: Ink, heavy: float = 1.0) -> None:
    """Draw what the plan removes as a whole: its outline alone, pale and in long dashes."""
    painter.setBrush(ink.brush(ink.palette.band))
    painter.setPen(ink.pen(ink.palette.text_dim, 1.0 * heavy, GONE_DASHES))
    painter.drawRoundedRect(rect, radius, radius)


def draw_ring(painter: QPainter, rect: QRectF, ink: Ink, heavy: float = 1.0) -> None:
    """Draw the ring of a selected block, outside its box."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(ink.pen(ink.palette.focus, 2.6 * heavy))
    out = 5.2 + 1.3 * heavy
    painter.drawRoundedRect(rect.adjusted(-out, -out, out, out), RADIUS + 5, RADIUS + 5)
