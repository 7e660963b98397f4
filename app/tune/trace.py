"""A curve that is cheap to draw: pyqtgraph's own strokes one long path, which took 100 ms."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

Floats = NDArray[np.float64]
WIDTH = 2.0
DOT = 6.0
"""Diameter of a single point, which is no line, in pixels."""
APART = 3.0
"""Pixels between two points at least; those that are closer are drawn as their mean."""
DASHES = {
    Qt.PenStyle.SolidLine: (),
    Qt.PenStyle.DashLine: (9.0, 5.0),
    Qt.PenStyle.DotLine: (2.5, 4.0),
}
"""Lengths of what is drawn and what is left out in turn, in pixels."""


class Trace(pg.GraphicsObject):
    """A line through points, its dashes cut here, drawn as as many straight pieces.

    Qt's raster painter turns a path wider than a pixel into an outline and fills it, which costs
    the square of its length where it crosses itself: 70 to 100 ms for a noisy curve of 400 to 800
    points, against one or two for the same pieces drawn one by one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._x: Floats = np.zeros(0)
        self._y: Floats = np.zeros(0)
        self._bounds = QRectF()
        self._pen = QPen()
        self._style = Qt.PenStyle.SolidLine

    def set_points(self, x: ArrayLike, y: ArrayLike) -> None:
        """Show other points, left to right."""
        self._x, self._y = np.asarray(x, float), np.asarray(y, float)
        self.prepareGeometryChange()
        self._bounds = QRectF()
        if len(self._x):
            left, top = float(self._x.min()), float(self._y.min())
            width, height = float(np.ptp(self._x)), float(np.ptp(self._y))
            self._bounds = QRectF(left, top, width, height)
        self.update()

    def set_look(self, colour: QColor, style: Qt.PenStyle) -> None:
        """Draw in a colour, and solid, dashed or dotted."""
        self._pen, self._style = QPen(colour, WIDTH), style
        self._pen.setCapStyle(Qt.PenCapStyle.FlatCap if DASHES[style] else Qt.PenCapStyle.RoundCap)
        self.update()

    def boundingRect(self) -> QRectF:
        """Points and half a line around them, in the plot's units."""
        across, up = self.pixelVectors()
        if across is None or up is None:
            return self._bounds
        x, y = DOT * abs(across.x()), DOT * abs(up.y())
        return self._bounds.adjusted(-x, -y, x, y)

    def dataBounds(
        self,
        axis: int,
        frac: float = 1.0,
        orthoRange: tuple[float, float] | None = None,  # noqa: N803 (pyqtgraph names it)
    ) -> tuple[float, float] | tuple[None, None]:
        """Tell a plot that ranges itself how far the points reach."""
        values = self._x if axis == 0 else self._y
        return (float(values.min()), float(values.max())) if len(values) else (None, None)

    def viewTransformChanged(self) -> None:
        """The line is as wide as before in pixels, and so another width in the plot's units."""
        self.prepareGeometryChange()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw in pixels, so that widths and dashes do not depend on the units."""
        if not len(self._x):
            return
        x, y = thinned(*in_pixels(self._x, self._y, painter.worldTransform()))
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(x) == 1:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._pen.color())
            painter.drawEllipse(QPointF(x[0], y[0]), DOT / 2, DOT / 2)
        else:
            painter.setPen(self._pen)
            painter.drawLines([QLineF(*ends) for ends in pieces(x, y, DASHES[self._style])])
        painter.restore()


def in_pixels(x: Floats, y: Floats, how: QTransform) -> tuple[Floats, Floats]:
    """Return points as a painter's transform maps them, all at once."""
    return (
        x * how.m11() + y * how.m21() + how.dx(),
        x * how.m12() + y * how.m22() + how.dy(),
    )


def thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return means of points that are too close to be distinguished; the last point stays as it is.

    Parameters
    ----------
    x, y : array, (points,)
        In pixels, left to right.
    """
    if len(x) < 3 or (x[-1] - x[0]) / (len(x) - 1) >= APART:
        return x, y
    place = ((x - x[0]) / APART).astype(int)
    place[-1] = place[-2] + 1
    many = np.bincount(place)
    filled = many > 0
    sums = (np.bincount(place, weights=values)[filled] for values in (x, y))
    across, up = (total / many[filled] for total in sums)
    return across, up


def pieces(x: Floats, y: Floats, dashes: tuple[float, ...]) -> list[list[float]]:
    """Return the straight pieces of a line, as x1, y1, x2, y2.

    Parameters
    ----------
    x, y : array, (points,)
        In pixels.
    dashes : tuple of float
        Length drawn and length left out, in pixels, measured along the line; none for a whole one.
    """
    kept: slice | NDArray[np.bool_] = slice(None)
    if dashes:
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        starts = np.arange(0.0, along[-1], sum(dashes))
        stops = np.sort(np.concatenate([along, starts, starts + dashes[0]]))
        stops = stops[stops <= along[-1]]
        x, y = np.interp(stops, along, x), np.interp(stops, along, y)
        kept = (stops[:-1] + np.diff(stops) / 2) % sum(dashes) < dashes[0]
    lines = np.column_stack([x[:-1], y[:-1], x[1:], y[1:]])[kept]
    result: list[list[float]] = lines.tolist()
    return result
