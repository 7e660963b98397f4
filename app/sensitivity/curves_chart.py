"""Sensitivity: what is left of the accuracy against the ratio, a curve for every block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtWidgets import QWidget

from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import ChartData
from app.kit.charts.style import dress, name_axis
from app.state.measurements import Point
from core.data.figures import names_of

NEAR = 12.0
"""Pixels within which the pointer means a point, or a click a curve."""
RATE = 30
"""Times a second that the pointer is looked after."""
TIP = "One curve per block; click a curve to select its block"


class SceneClick(Protocol):
    """A click as pyqtgraph reports it."""

    def scenePos(self) -> QPointF:
        """Where it was, in the scene."""


class CurvesChart(Chart):
    """Curves to compare and to click.

    Signals
    -------
    picked(int)
        The block whose curve was clicked.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Sensitivity of every block", TIP, parent)
        self._curves: dict[int, tuple[Point, ...]] = {}
        self._items: dict[int, pg.PlotDataItem] = {}
        self._names: dict[int, pg.TextItem] = {}
        self._selection: frozenset[int] = frozenset()
        self._hovered: Point | None = None
        self._note = pg.TextItem(anchor=(0.5, 1.1))
        self._note.setZValue(20)
        self._dot = pg.ScatterPlotItem(size=10)
        for item in (self._dot, self._note):
            self.addItem(item, ignoreBounds=True)
            item.hide()
        self.setMinimumHeight(110)
        name_axis(self, "bottom", "channels of the block removed, %")
        self.measure = names_of("")[0]
        name_axis(self, "left", "accuracy kept, %")
        self.showGrid(y=True, alpha=0.15)
        self._moves = pg.SignalProxy(self.scene().sigMouseMoved, rateLimit=RATE, slot=self._moved)
        self.scene().sigMouseClicked.connect(self._clicked)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Wide enough to tell the curves apart."""
        return QSize(420, 150)

    def data(self) -> ChartData:
        """Return every measured point."""
        columns = ("block", "channels removed (%)", "accuracy kept (%)", self.measure)
        rows = [
            (block, 100 * point.ratio, 100 * point.share, point.accuracy)
            for block, points in sorted(self._curves.items())
            for point in points
        ]
        return ChartData(columns, rows)

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        dress(self, 44)
        self._note.fill = pg.mkBrush(theme.colour("raised"))
        self._note.border = pg.mkPen(theme.colour("border"))
        self._dot.setBrush(theme.colour("accent"))
        self._dot.setPen(pg.mkPen(theme.colour("base")))
        for block in self._items:
            self._dress(block)

    # ---- what is shown ------------------------------------------------------------------------

    def set_curves(self, curves: Mapping[int, Sequence[Point]], selection: frozenset[int]) -> None:
        """Show curves, those of the selected blocks in front; only what differs is drawn again."""
        for block in self._curves.keys() - curves.keys():
            self.removeItem(self._items.pop(block))
            self.removeItem(self._names.pop(block))
            del self._curves[block]
        changed = selection ^ self._selection
        self._selection = selection
        for block, points in curves.items():
            if self._curves.get(block) != tuple(points):
                self._curves[block] = tuple(points)
                self._draw(block)
            elif block in changed:
                self._dress(block)
        best = max((100 * p.share for points in curves.values() for p in points), default=100.0)
        last = max((100 * p.ratio for points in curves.values() for p in points), default=90.0)
        self.setXRange(0.0, last + 4.0, padding=0)
        self.setYRange(0.0, max(103.0, best + 3.0), padding=0)
        self._describe()

    def _draw(self, block: int) -> None:
        if block not in self._items:
            self._items[block] = pg.PlotDataItem(antialias=True)
            self._names[block] = pg.TextItem(str(block), anchor=(0, 0.5))
            self.addItem(self._items[block])
            self.addItem(self._names[block], ignoreBounds=True)
        x, y = _line(self._curves[block])
        self._items[block].setData(x, y)
        self._names[block].setPos(float(x[-1]), float(y[-1]))
        self._dress(block)

    def _dress(self, block: int) -> None:
        item, chosen = self._items[block], block in self._selection
        colour = theme.colour("accent" if chosen else "muted")
        if not chosen:
            colour.setAlphaF(0.55)
        item.setPen(pg.mkPen(colour, width=3 if chosen else 1.3))
        item.setZValue(10 if chosen else 1)
        self._names[block].setColor(theme.colour("accent"))
        self._names[block].setVisible(chosen)

    def _describe(self) -> None:
        """Describe the chosen curves in words, for who cannot see them."""
        told = [
            f"Block {block}: "
            + ", ".join(f"{100 * p.share:.1f}% kept at {p.ratio:.0%}" for p in self._curves[block])
            for block in sorted(self._selection & self._curves.keys())
        ]
        self.setAccessibleDescription(". ".join([f"{len(self._curves)} curves", *told]))

    # ---- the pointer --------------------------------------------------------------------------

    def point_at(self, place: QPointF) -> Point | None:
        """Return the measured point nearest to a place of the scene, if one is near."""
        best: tuple[float, Point] | None = None
        for points in self._curves.values():
            for point in points:
                there = self._to_scene(100 * point.ratio, 100 * point.share)
                gap = float(np.hypot(there.x() - place.x(), there.y() - place.y()))
                # Where points are on each other, the selected curve is the one that is seen.
                gap -= 0.5 if point.block in self._selection else 0.0
                if gap <= NEAR and (best is None or gap < best[0]):
                    best = gap, point
        return best[1] if best else None

    def curve_at(self, place: QPointF) -> int | None:
        """Return the block whose curve passes nearest to a place of the scene, if one is near."""
        best: tuple[float, int] | None = None
        for block, points in self._curves.items():
            x, y = _line(points)
            line = [self._to_scene(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
            gap = _distance(np.array([(p.x(), p.y()) for p in line]), (place.x(), place.y()))
            if gap <= NEAR and (best is None or gap < best[0]):
                best = gap, block
        return best[1] if best else None

    def _to_scene(self, x: float, y: float) -> QPointF:
        return self.getPlotItem().vb.mapViewToScene(QPointF(x, y))

    def _moved(self, event: tuple[QPointF]) -> None:
        point = self.point_at(event[0])
        if point == self._hovered:
            return
        self._hovered = point
        self._note.setVisible(point is not None)
        self._dot.setVisible(point is not None)
        near = point is not None or self.curve_at(event[0]) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if near else Qt.CursorShape.ArrowCursor)
        if point is None:
            return
        x, y = 100 * point.ratio, 100 * point.share
        self._dot.setData([x], [y])
        self._note.setText(words(point, self.measure), theme.colour("text"))
        self._note.setAnchor((_side(point.ratio), 1.1 if y < 60 else -0.1))
        self._note.setPos(x, y)

    def _clicked(self, event: SceneClick) -> None:
        place = event.scenePos()
        point = self.point_at(place)
        block = point.block if point is not None else self.curve_at(place)
        if block is not None:
            self.picked.emit(block)


def words(point: Point, measure: str) -> str:
    """Describe a point: block, ratio, accuracy, what is lost."""
    lost = f"{100 * point.loss:.1f}% lost" if point.share <= 1 else "no loss"
    return f"Block {point.block} − {point.ratio:.0%}: {point.accuracy:.4f} {measure}, {lost}"


def _line(points: Sequence[Point]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a curve in percent; it starts at the whole network."""
    x = [0.0, *(100 * p.ratio for p in points)]
    y = [100.0, *(100 * p.share for p in points)]
    return np.array(x), np.array(y)


def _side(ratio: float) -> float:
    """Return where a note hangs on its point so that it stays on the chart."""
    return 0.0 if ratio < 0.3 else 1.0 if ratio > 0.7 else 0.5


def _distance(line: NDArray[np.float64], place: tuple[float, float]) -> float:
    """Return the distance of a point from a polyline."""
    start, along = line[:-1], np.diff(line, axis=0)
    to = np.asarray(place) - start
    lengths = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip((to * along).sum(axis=1) / lengths, 0.0, 1.0)
    return float(np.hypot(*(to - along * share[:, None]).T).min())
