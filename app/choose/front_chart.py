"""Alternatives to choose from: the predicted cost against GFLOPs, or what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from app.choose import front_words
from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import ChartData
from app.kit.charts.picture import LegendEntry
from app.kit.charts.style import dress, name_axis
from app.state.measurements import Alternative

if TYPE_CHECKING:
    from core.choose.measured import MeasuredPoint

TIP = (
    "Networks with different trade-offs; none beats another on both axes. Click a point "
    "or use the arrow keys to select it; this can be undone"
)
MEASURED_TIP = (
    "Networks that were pruned, repaired, evaluated and timed. Click a point or use the arrow keys "
    "to select it; this can be undone"
)
UNPRUNED = -1
"""Stands for the unpruned network among the points."""
HEIGHT, MEASURED_HEIGHT = 146, 230
ROOM = (0.14, 0.11)
"""Shares of the chart within which there is one name at most."""


class FrontChart(Chart):
    """Points to choose from.

    Once a network was measured, those that were not are not shown.

    Signals
    -------
    picked(int)
        Number of the alternative that the user wants.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Alternatives", TIP, parent)
        self._front: Sequence[Alternative] = ()
        self._unpruned: MeasuredPoint | None = None
        self._chosen: int | None = None
        self._line = pg.PlotDataItem()
        self._bars = pg.PlotDataItem(connect="pairs", antialias=True)
        self._points = pg.ScatterPlotItem(hoverable=True, tip=self._words, size=9)
        self._points.sigClicked.connect(self._clicked)
        self._whole = pg.ScatterPlotItem(hoverable=True, tip=self._words, size=10, symbol="s")
        self._names: list[pg.TextItem] = []
        self._now = pg.InfiniteLine(angle=90, movable=False)
        for item in (self._now, self._line, self._bars, self._whole, self._points):
            self.addItem(item)
        self.restyle()

    def sizeHint(self) -> QSize:
        """As high as a glance needs."""
        return QSize(200, MEASURED_HEIGHT if self.measured else HEIGHT)

    @property
    def measured(self) -> bool:
        """Whether it shows what was measured, not what is predicted."""
        return self._unpruned is not None and any(one.measured for one in self._front)

    @property
    def shown(self) -> list[int]:
        """Numbers of the alternatives that have a point, from left to right."""
        front = self._front
        if not self.measured:
            return [n for n, one in enumerate(front) if not math.isnan(one.score)]
        timed = [(p.latency_ms, n) for n, p in enumerate(o.measured for o in front) if p]
        return [number for _, number in sorted(timed)]

    # ---- what it says of itself ---------------------------------------------------------------

    def data(self) -> ChartData:
        """Return the alternatives, and once some were measured, the unpruned network."""
        return front_words.table(
            self._front, self._unpruned if self.measured else None, self._chosen
        )

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return what the points and lines are."""
        points = (
            LegendEntry("alternative", "accent", sign="○"),
            LegendEntry("in the plan", "accent", sign="●"),
        )
        if not self.measured:
            return (*points, LegendEntry("GFLOPs of the plan", "cascade", Qt.PenStyle.DashLine))
        bars = LegendEntry("95% interval, quartiles of the time", "muted")
        return (*points, LegendEntry("unpruned", "text", sign="□"), bars)

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        dress(self, 50 if self.measured else 24)
        self._line.setPen(pg.mkPen(theme.colour("muted"), width=1.5))
        self._bars.setPen(pg.mkPen(theme.colour("muted"), width=1.5))
        self._now.setPen(pg.mkPen(theme.colour("cascade"), width=1, style=Qt.PenStyle.DashLine))
        self._points.setData(hoverBrush=theme.colour("accent"))
        self._paint()

    def set_front(
        self,
        front: Sequence[Alternative],
        unpruned: MeasuredPoint | None,
        chosen: int | None,
        now: float,
    ) -> None:
        """Show alternatives, which of them the plan is, and the position of the plan.

        Parameters
        ----------
        front : sequence of Alternative
        unpruned : MeasuredPoint or None
            What those that were measured compare with.
        chosen : int or None
        now : float
            Fraction of the multiply-adds that the plan keeps.
        """
        self._now.setValue(100 * now)
        if front is self._front and unpruned is self._unpruned and chosen == self._chosen:
            return
        before = self.measured
        self._front, self._unpruned, self._chosen = front, unpruned, chosen
        if self.measured != before:
            self.updateGeometry()
            self.restyle()
        else:
            self._paint()

    # ---- drawing ------------------------------------------------------------------------------

    def _paint(self) -> None:
        measured = self.measured
        self.setMinimumHeight(MEASURED_HEIGHT if measured else HEIGHT)
        self._line.setVisible(not measured)
        self._now.setVisible(not measured)
        self._bars.setVisible(measured)
        self._whole.setVisible(measured)
        self._show_axes()
        places = {number: self._place(number) for number in self.shown}
        x, y = ([place[axis] for place in places.values()] for axis in (0, 1))
        self._line.setData([] if measured else x, [] if measured else y)
        plain, taken = theme.colour("base"), theme.colour("accent")
        chosen = [number == self._chosen for number in places]
        self._points.setData(
            x=x,
            y=y,
            data=list(places),
            pen=[pg.mkPen(taken, width=1.5)] * len(places),
            brush=[pg.mkBrush(taken if own else plain) for own in chosen],
            size=[12 if own else 8 for own in chosen],
        )
        self._paint_measured(places if measured else {})
        words = front_words.description(self._front, self._unpruned, self._chosen)
        self.setAccessibleDescription(words)

    def _show_axes(self) -> None:
        self.getAxis("left").setStyle(showValues=self.measured)
        if self.measured and self._unpruned is not None:
            name_axis(self, "bottom", "ms per image on this computer")
            name_axis(self, "left", f"{front_words.metric_of(self._unpruned)}, % of unpruned")
            self.setToolTip(MEASURED_TIP)
        else:
            name_axis(self, "bottom", "GFLOPs kept, %")
            name_axis(self, "left", "predicted cost")
            self.setToolTip(TIP)
        self.getAxis("left").resizeEvent()  # a label keeps the middle of the text before

    def _place(self, number: int) -> tuple[float, float]:
        one = self._front[number]
        if not self.measured or one.measured is None:
            return 100 * one.macs, one.score
        return one.measured.latency_ms, self._percent(one.measured.accuracy)

    def _percent(self, accuracy: float) -> float:
        """Return an accuracy as drawn: in percent of the unpruned network's."""
        base = self._unpruned.accuracy if self._unpruned is not None else 0.0
        return 100 * accuracy / base if base > 0 else 100 * accuracy

    def _paint_measured(self, places: dict[int, tuple[float, float]]) -> None:
        """Draw bars, names and the unpruned network; nothing while nothing was measured."""
        for name in self._names:
            self.removeItem(name)
        self._names, x, y = [], [], []
        for number, place in places.items():
            point = self._front[number].measured
            if point is None:
                continue
            low, high = self._percent(point.low), self._percent(point.high)
            x += [place[0], place[0], point.latency_low, point.latency_high]
            y += [low, high, place[1], place[1]]
        self._bars.setData(x, y)
        if places and self._unpruned is not None:
            place = self._unpruned.latency_ms, self._percent(self._unpruned.accuracy)
            pen, brush = pg.mkPen(theme.colour("text"), width=1.5), pg.mkBrush(theme.colour("base"))
            span = np.ptp([*x, place[0]]) * ROOM[0], np.ptp([*y, place[1]]) * ROOM[1]
            self._show_names(places, span)
            self._whole.setData(
                x=[place[0]], y=[place[1]], data=[UNPRUNED], pen=[pen], brush=[brush], size=[10]
            )

    def _show_names(
        self, places: dict[int, tuple[float, float]], span: tuple[float, float]
    ) -> None:
        """Name points by their GFLOPs where there is room, that of the plan first."""
        named: list[tuple[float, float]] = []
        for number in sorted(places, key=lambda number: number != self._chosen):
            x, y = places[number]
            if all(abs(x - a) > span[0] or abs(y - b) > span[1] for a, b in named):
                named.append((x, y))
                self._add_name(f"{self._front[number].macs:.0%}", (x, y))

    def _add_name(self, text: str, place: tuple[float, float]) -> None:
        name = pg.TextItem(text, theme.colour("muted"), anchor=(-0.1, 1.0))
        self.addItem(name, ignoreBounds=True)
        name.setPos(*place)
        self._names.append(name)

    def _words(self, x: float, y: float, data: int) -> str:
        if data == UNPRUNED:
            return front_words.unpruned_tip(self._unpruned)
        return front_words.tip(self._front[data], self._unpruned if self.measured else None)

    # ---- choosing -----------------------------------------------------------------------------

    def _clicked(self, _item: object, points: Sequence[pg.SpotItem], *_: object) -> None:
        if len(points):
            self.picked.emit(int(points[0].data()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from alternative to alternative."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        shown = self.shown
        if step is None or not shown:
            super().keyPressEvent(event)
            return
        last = len(shown) - 1
        start = last + 1 if step < 0 else -1
        if self._chosen in shown:
            start = shown.index(self._chosen)
        self.picked.emit(shown[min(last, max(0, start + step))])
        event.accept()
