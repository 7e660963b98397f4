"""Curves against epochs, each with a colour, dashes and, where they are many, a letter."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyqtgraph as pg
from PySide6.QtCore import Qt

from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import ChartData
from app.kit.charts.picture import LegendEntry
from app.kit.charts.style import SIDES, dress, name_axis
from app.tune.trace import Trace
from core.runs.tail import Curve

ROLES = ("selected", "cascade", "coupled", "success", "blocked", "muted")
"""Colours of the curves of one chart, in order."""
LINES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
"""Next to the colours, so that curves can be told apart without hues."""
SHOWN = len(ROLES)
LETTERS = "ABCDEF"


class EpochChart(Chart):
    """Named curves; only what differs is drawn again.

    Parameters
    ----------
    name : str
    left : int
        Room for the numbers at the left, in pixels.
    letters : bool
        Whether every curve bears a letter at its end, as its name begins with.
    """

    def __init__(self, name: str, left: int = 44, letters: bool = False) -> None:
        super().__init__(name, "By epoch")
        self.curves: dict[str, Curve] = {}
        self.before: float | None = None
        self._left, self._lettered = left, letters
        self._items: dict[str, Trace] = {}
        self._letters: dict[str, pg.TextItem] = {}
        self._ranges: dict[int, tuple[float, float]] = {}
        self.setMinimumSize(120, 60)
        self.getAxis("left").setStyle(maxTickLevel=0)
        name_axis(self, "bottom", "epoch")
        self.showGrid(y=True, alpha=0.15)
        for side in SIDES:  # numbers and grid, kept as a picture while they stay
            self.getAxis(side).setCacheMode(pg.AxisItem.CacheMode.DeviceCoordinateCache)
        self._line = pg.InfiniteLine(angle=0, movable=False)
        self._line.hide()
        self.addItem(self._line, ignoreBounds=False)
        self.restyle()

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        dress(self, self._left)
        self._line.setPen(pg.mkPen(theme.colour("muted"), width=1, style=Qt.PenStyle.DashLine))
        for number, name in enumerate(self._items):
            self._dress(number, name)

    def set_curves(self, curves: Mapping[str, Curve], before: float | None = None) -> bool:
        """Show curves; only what differs is drawn again.

        Parameters
        ----------
        curves : mapping of str to curve
        before : float, optional
            What the main one was before training, drawn as a line.

        Returns
        -------
        bool
            Whether anything differs.
        """
        shown = dict(list(curves.items())[:SHOWN])
        if shown == self.curves and before == self.before:
            return False
        if list(shown)[: len(self._items)] != list(self._items):  # looks go by the place
            for name in list(self._items):
                self._remove(name)
            self.curves = {}
        for number, (name, curve) in enumerate(shown.items()):
            if name not in self._items:
                self._add(number, name)
            if self.curves.get(name) != curve:
                self._items[name].set_points(*curve)
                self._place_letter(name, curve)
        if before is not None:
            self._line.setValue(before)
        self._line.setVisible(before is not None)
        self.curves, self.before = shown, before
        self._fit()
        return True

    def _add(self, number: int, name: str) -> None:
        self._items[name] = Trace()
        self.addItem(self._items[name])
        if self._lettered:
            self._letters[name] = pg.TextItem(LETTERS[number], anchor=(0, 0.5))
            self.addItem(self._letters[name], ignoreBounds=True)
        self._dress(number, name)

    def _remove(self, name: str) -> None:
        self.removeItem(self._items.pop(name))
        if name in self._letters:
            self.removeItem(self._letters.pop(name))

    def _place_letter(self, name: str, curve: Curve) -> None:
        if name in self._letters:
            x, y = curve
            self._letters[name].setVisible(bool(x))
            if x:
                self._letters[name].setPos(x[-1], y[-1])

    def _dress(self, number: int, name: str) -> None:
        colour = theme.colour(ROLES[number % len(ROLES)])
        self._items[name].set_look(colour, LINES[number % len(LINES)])
        if name in self._letters:
            self._letters[name].setColor(colour)

    # ---- ranges -------------------------------------------------------------------------------

    def _fit(self) -> None:
        """Show all of it; a curve that is flat is in the middle, whatever its height.

        Edges are at round values: they move seldom, and axes are drawn again only then.
        """
        values = [v for _, y in self.curves.values() for v in y]
        values += [self.before] if self.before is not None else []
        if values:
            low, high = min(values), max(values)
            room = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
            bottom, top = round_range(low - room, high + room)
            self._show_range(1, bottom if low < 0 else max(bottom, 0.0), top)
        ends = [x[-1] for x, _ in self.curves.values() if x]
        if ends:
            room = 1.04 if self._lettered else 1.0
            self._show_range(0, 0.0, round_range(0.0, room * max(*ends, 1.0))[1])

    def _show_range(self, axis: int, low: float, high: float) -> None:
        if self._ranges.get(axis) != (low, high):
            self._ranges[axis] = (low, high)
            show = self.setYRange if axis else self.setXRange
            show(low, high, padding=0)

    # ---- what it says of itself ---------------------------------------------------------------

    def data(self) -> ChartData:
        """Return a row for every epoch that any curve has a point at, a column for every curve."""
        known = [dict(zip(*curve, strict=True)) for curve in self.curves.values()]
        epochs = sorted({x for points in known for x in points})
        columns = ("epoch", *self.curves)
        rows = [(x, *(points.get(x) for points in known)) for x in epochs]
        if self.before is not None:
            columns = (*columns, "before training")
            rows = [(*row, self.before) for row in rows]
        return ChartData(columns, rows)

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return the curves, and the line of what was before."""
        entries = [
            LegendEntry(name, ROLES[number % len(ROLES)], LINES[number % len(LINES)])
            for number, name in enumerate(self.curves)
        ]
        if self.before is not None:
            entries.append(LegendEntry("before training", "muted", Qt.PenStyle.DashLine))
        return tuple(entries)


def round_range(low: float, high: float) -> tuple[float, float]:
    """Widen a range to multiples of 1, 2, 2.5 or 5 times a power of ten, about an eighth of it.

    Parameters
    ----------
    low, high : float
        The first below the second.
    """
    rough = (high - low) / 8
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1.0, 2.0, 2.5, 5.0, 10.0) if s * power >= rough)
    return step * math.floor(low / step), step * math.ceil(high / step)
