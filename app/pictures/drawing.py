"""Draws what is marked in a picture: boxes, outlines, keypoints, names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from core.data.labels import Object

SPREAD = 0.618034
"""Of the hue circle between one class and the next: neighbours differ, and none repeats soon."""
OUTCOMES = {
    "found": ("#3ddc84", Qt.PenStyle.SolidLine),
    "kept": ("#3ddc84", Qt.PenStyle.SolidLine),
    "missed": ("#ff6a60", Qt.PenStyle.DashLine),
    "lost": ("#ff6a60", Qt.PenStyle.DashLine),
    "wrong": ("#ffb627", Qt.PenStyle.DotLine),
    "new": ("#ffb627", Qt.PenStyle.DotLine),
    "label": ("#ffffff", Qt.PenStyle.DashDotLine),
}
"""Colours and lines of what became of an object. They cover photographs, not over the theme, and
differ in their lines too, for who cannot tell the colours apart."""
SEEN = 0.5
"""From which value on a keypoint counts as seen."""


def class_colour(number: int) -> QColor:
    """Return a colour for a class, the same every time."""
    return QColor.fromHsvF((0.58 + SPREAD * number) % 1.0, 0.62, 1.0)


class Pens:
    """Colours and lines of marks.

    Parameters
    ----------
    names : sequence of str
        All classes, in order; a mark without an ``outcome`` has its class's colour.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._number = {name: n for n, name in enumerate(names)}

    def of(self, mark: Object) -> tuple[QColor, Qt.PenStyle]:
        """Return colour and line of a mark."""
        if "colour" in mark:
            return QColor(mark["colour"]), Qt.PenStyle.SolidLine
        outcome = OUTCOMES.get(str(mark.get("outcome")))
        if outcome is not None:
            return QColor(outcome[0]), outcome[1]
        return class_colour(self._number.get(str(mark["class"]), 0)), Qt.PenStyle.SolidLine


def caption(mark: Object) -> str:
    """Write what a mark says: its class, how sure a network is, and what is wrong with it."""
    words = [str(mark["class"])]
    if mark.get("confidence") is not None:
        words.append(f"{float(mark['confidence']):.2f}")
    if "share" in mark:
        words.append(f"{mark['share']:.0%}")
    if mark.get("outcome") in ("missed", "lost", "wrong", "new"):
        words.append(str(mark["outcome"]))
    return " ".join(words)


def paint_marks(
    painter: QPainter,
    frame: QRectF,
    marks: Sequence[Object],
    pens: Pens,
    names: bool = True,
) -> None:
    """Draw marks over a picture.

    Parameters
    ----------
    painter : QPainter
    frame : QRectF
        Where the whole picture is.
    marks : sequence of Object
        With ``outcome`` and ``confidence`` where known.
    pens : Pens
    names : bool
        Whether to write what they are.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    font = QFont(painter.font())
    font.setPointSizeF(max(7.0, font.pointSizeF() * 0.85))
    painter.setFont(font)
    for mark in marks:
        _paint_shape(painter, frame, mark, *pens.of(mark))
    if names:
        lines = 0
        for mark in marks:
            lines = _paint_name(painter, frame, mark, pens.of(mark)[0], lines)
    painter.restore()


def _place(frame: QRectF, x: float, y: float) -> QPointF:
    return QPointF(frame.left() + x * frame.width(), frame.top() + y * frame.height())


def box_of(frame: QRectF, mark: Object) -> QRectF:
    """Return a mark's box on the screen."""
    width, height = float(mark["width"]), float(mark["height"])
    corner = _place(frame, float(mark["x"]) - width / 2, float(mark["y"]) - height / 2)
    return QRectF(corner.x(), corner.y(), width * frame.width(), height * frame.height())


def _paint_shape(
    painter: QPainter,
    frame: QRectF,
    mark: Object,
    colour: QColor,
    line: Qt.PenStyle,
) -> None:
    if "x" not in mark:
        return
    outline = mark.get("points")
    polygon = QPolygonF([_place(frame, x, y) for x, y in outline]) if outline else QPolygonF()
    inside = QColor(colour)
    inside.setAlphaF(0.22)
    # A dark line beneath: the mark shows on light and on dark photographs.
    for pen in (QPen(QColor(0, 0, 0, 150), 3.4), QPen(colour, 1.7, line)):
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if outline:
            painter.drawPolygon(polygon)
        else:
            painter.drawRect(box_of(frame, mark))
    if outline and len(outline) > 4:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(inside)
        painter.drawPolygon(polygon)
    painter.setPen(QPen(QColor(0, 0, 0, 190), 1.0))
    painter.setBrush(colour)
    for x, y, seen in mark.get("keypoints") or ():
        if seen >= SEEN:
            painter.drawEllipse(_place(frame, x, y), 3.0, 3.0)


def _paint_name(painter: QPainter, frame: QRectF, mark: Object, colour: QColor, lines: int) -> int:
    """Write a name on its box; those of the whole picture are below one another."""
    metrics = QFontMetricsF(painter.font())
    text = caption(mark)
    width, height = metrics.horizontalAdvance(text) + 8, metrics.height() + 2
    if "x" not in mark or float(mark["width"]) >= 1.0:
        top, left = frame.top() + 4 + lines * (height + 2), frame.left() + 4
        lines += 1
    else:
        box = box_of(frame, mark)
        top = box.top() - height if box.top() - height >= frame.top() else box.top()
        left = min(max(box.left(), frame.left()), max(frame.right() - width, frame.left()))
    back = QRectF(left, top, width, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(back, 2, 2)
    painter.setPen(QColor("#10151c"))
    painter.drawText(back, Qt.AlignmentFlag.AlignCenter, text)
    return lines
