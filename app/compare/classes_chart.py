"""Classes one below the other: a mark for every model, and a line from the first to the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from app.compare.models_chart import SYMBOLS, colour_of
from app.compare.tables import SIGNS
from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import ChartData
from app.kit.charts.picture import LegendEntry
from app.kit.charts.style import dress, name_axis

ROW = 17
"""Pixels that a class needs."""
NAMES = 92
"""Pixels for the names of classes."""
TIP = "Each line leads from the old figure to the new one; the wheel scrolls"
FOOT = 40
"""Pixels for the axis at the foot."""


class ClassesChart(Chart):
    """Shows as many classes as there is room for; the wheel, or a table next to it, moves on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Classes", TIP, parent)
        self._names: tuple[str, ...] = ()
        self._values: tuple[tuple[float | None, ...], ...] = ()
        self._models: dict[int, str] = {}
        self._first, self._current = 0, -1
        self._band = pg.LinearRegionItem(orientation="horizontal", movable=False)
        self.setMinimumSize(200, 90)
        self.getPlotItem().invertY(True)
        self.showGrid(x=True, alpha=0.12)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Next to a table."""
        return QSize(300, 150)

    def set_classes(
        self,
        names: Sequence[str],
        values: Sequence[Sequence[float | None]],
        models: Mapping[int, str],
        figure: str,
    ) -> None:
        """Show classes.

        Parameters
        ----------
        names : sequence of str
        values : sequence of sequence
            Of every class, the figure in every model that is shown.
        models : mapping of int to str
            The models' places in the comparison, whose marks they have, and their names.
        figure : str
            What the values are.
        """
        self._names, self._models = tuple(names), dict(models)
        self._values = tuple(tuple(row) for row in values)
        self._first, self._current = 0, -1
        name_axis(self, "bottom", figure)
        self.restyle()
        self.setAccessibleDescription(f"{figure} of {len(names)} classes")

    def show_class(self, number: int) -> None:
        """Mark a class, and bring it into sight."""
        self._current = number
        rows = self._rows()
        if number >= 0 and not self._first <= number < self._first + rows:
            self._first = max(0, min(number - rows // 2, len(self._names) - rows))
        self._look()

    @property
    def first(self) -> int:
        """The topmost class."""
        return self._first

    def _rows(self) -> int:
        return max(3, (self.height() - FOOT) // ROW)

    def _look(self) -> None:
        """Show the classes that fit, with their names."""
        rows = self._rows()
        self.setYRange(self._first - 0.5, self._first + rows - 0.5, padding=0)
        metrics = QFontMetrics(self.font())
        end = Qt.TextElideMode.ElideRight
        shown = range(self._first, min(self._first + rows, len(self._names)))
        ticks = [(float(n), metrics.elidedText(self._names[n], end, NAMES - 12)) for n in shown]
        self.getAxis("left").setTicks([ticks])
        self._band.setVisible(self._current >= 0)
        self._band.setRegion((self._current - 0.5, self._current + 0.5))

    def data(self) -> ChartData:
        """Return the figure of every class in every model, those out of sight included."""
        figure = self.getAxis("bottom").labelText
        columns = ("class", *(f"{figure}: {name}" for name in self._models.values()))
        pairs = zip(self._names, self._values, strict=True)
        return ChartData(columns, [(name, *values) for name, values in pairs])

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return the marks of the models."""
        return tuple(
            LegendEntry(name, colour_of(place), sign=SIGNS[place % len(SIGNS)])
            for place, name in self._models.items()
        )

    def restyle(self) -> None:
        """Draw it in the colours of the theme."""
        dress(self, NAMES)
        self.getAxis("left").setTextPen(theme.colour("text"))
        plot = self.getPlotItem()
        plot.clear()
        band = theme.colour("accent")
        band.setAlphaF(0.16)
        self._band.setBrush(band)
        self._band.setHoverBrush(band)
        for edge in self._band.lines:
            edge.setPen(None)
        plot.addItem(self._band, ignoreBounds=True)
        if self._names:
            self._draw(np.array(self._values, float))
        self._look()

    def _draw(self, values: NDArray[np.float64]) -> None:
        rows = np.arange(len(values), dtype=float)
        for better, colour in ((False, "blocked"), (True, "success")):
            change = values[:, -1] - values[:, 0]
            kept = (change > 0) if better else (change < 0)
            ends = np.stack([values[kept, 0], values[kept, -1]], 1).ravel()
            heights = np.repeat(rows[kept], 2)
            pen = pg.mkPen(theme.colour(colour), width=2)
            self.addItem(pg.PlotDataItem(ends, heights, connect="pairs", pen=pen))
        for column, model in enumerate(self._models):
            known = ~np.isnan(values[:, column])
            marks = pg.ScatterPlotItem(
                values[known, column],
                rows[known],
                size=9,
                symbol=SYMBOLS[model % len(SYMBOLS)],
                brush=theme.colour(colour_of(model)),
                pen=pg.mkPen(theme.colour("base"), width=1),
            )
            self.addItem(marks)
        self.setXRange(0.0, max(0.1, min(1.0, 1.05 * float(np.nanmax(values)))), padding=0.02)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Show more classes, or fewer."""
        super().resizeEvent(event)
        if event is not None and hasattr(self, "_band"):
            self._look()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Continue to the classes below, or back."""
        steps = -round(event.angleDelta().y() / 40)
        last = max(0, len(self._names) - self._rows())
        self._first = min(max(self._first + steps, 0), last)
        self._look()
        event.accept()
