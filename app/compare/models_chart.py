"""Models side by side: accuracy against what they cost."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFontMetricsF, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.compare.point_labels import place_names
from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import ChartData
from app.kit.charts.style import dress, name_axis

SYMBOLS = ("o", "s", "t1", "d", "p", "h")
MARGIN = 1
"""Pixels around a name."""
COLOURS = ("muted", "selected", "cascade", "coupled", "success", "blocked")


def colour_of(number: int) -> str:
    """Return the theme colour of a model by its place in the comparison."""
    return COLOURS[number % len(COLOURS)]


class ComparedChart(Chart):
    """A point for every model: to the left is cheaper, higher is better."""

    def __init__(self, parent: QWidget | None = None) -> None:
        tip = "Further left is cheaper, higher is better"
        super().__init__("Accuracy against cost", tip, parent)
        self._models: tuple[tuple[str, float | None, float], ...] = ()
        self.names: list[pg.TextItem] = []
        self.setMinimumSize(120, 90)
        self.showGrid(x=True, y=True, alpha=0.12)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Next to a table."""
        return QSize(260, 150)

    def set_models(
        self, models: Sequence[tuple[str, float | None, float]], figure: str, cost: str
    ) -> None:
        """Show models as (name, cost, accuracy), and say what the two are.

        A model whose cost is None is not drawn.
        """
        self._models = tuple(models)
        name_axis(self, "left", figure)
        name_axis(self, "bottom", cost)
        self.restyle()
        told = ", ".join(f"{name}: {y:.4f} at {x:.2f}" for _, name, x, y in self._known)
        self.setAccessibleDescription(f"{figure} against {cost}; {told}")

    def data(self) -> ChartData:
        """Return the cost and the accuracy of every model."""
        figure, cost = (self.getAxis(side).labelText for side in ("left", "bottom"))
        return ChartData(("model", cost, figure), self._models)

    @property
    def _known(self) -> list[tuple[int, str, float, float]]:
        """Number, name, cost and accuracy of the models that are drawn."""
        return [(n, name, x, y) for n, (name, x, y) in enumerate(self._models) if x is not None]

    def restyle(self) -> None:
        """Draw it in the colours of the theme."""
        dress(self, 44)
        self.getPlotItem().clear()
        self.names = []
        if not self._known:
            return
        most = max(x for *_, x, _ in self._known)
        best = max(y for *_, y in self._known)
        self.setXRange(0.0, 1.08 * most or 1.0, padding=0)
        self.setYRange(-0.08 * best, 1.2 * best or 1.0, padding=0)
        for number, name, x, y in self._known:
            colour = theme.colour(colour_of(number))
            symbol = SYMBOLS[number % len(SYMBOLS)]
            pen = pg.mkPen(theme.colour("base"), width=1)
            self.addItem(
                pg.ScatterPlotItem([x], [y], size=11, symbol=symbol, brush=colour, pen=pen)
            )
            words = pg.TextItem(name, theme.colour("text"), anchor=(0, 0))
            words.textItem.document().setDocumentMargin(MARGIN)
            self.addItem(words, ignoreBounds=True)
            self.names.append(words)
        self._place()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Find other places for the names."""
        super().resizeEvent(event)
        if event is not None:  # pyqtgraph calls it so before it is whole
            self._place()

    def _place(self) -> None:
        """Put names where they cover neither points nor one another."""
        box = self.getPlotItem().getViewBox()
        width, height = box.width(), box.height()
        if not self.names or width < 2 or height < 2:
            return
        (left, right), (low, high) = box.viewRange()
        across, down = width / (right - left), height / (high - low)
        at = [((x - left) * across, (high - y) * down) for *_, x, y in self._known]
        sizes = [self._size(words) for words in self.names]
        for words, (x, y) in zip(self.names, place_names(at, sizes, (width, height)), strict=True):
            words.setPos(QPointF(left + x / across, high - y / down))

    @staticmethod
    def _size(words: pg.TextItem) -> tuple[float, float]:
        metrics = QFontMetricsF(words.textItem.font())
        width = metrics.horizontalAdvance(words.toPlainText())
        return width + 2 * MARGIN, metrics.height() + 2 * MARGIN
