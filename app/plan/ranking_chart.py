"""The ranking of a layer's channels."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QWidget

from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import ChartData
from app.kit.charts.style import dress

BINS = 32
TIP = "Channels by importance. Drag the line; channels to its left are removed"


class RankingChart(Chart):
    """Histogram of the scores of a layer's channels, with a threshold to drag.

    Signals
    -------
    ratioDragged(float)
        Share of channels below the threshold that the user dragged to.
    taken, let_go
        The line was taken, and let go: what is dragged between is one edit.
    """

    ratioDragged = Signal(float)
    taken = Signal()
    let_go = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Ranking of channels", TIP, parent)
        self._sorted: NDArray[np.float64] = np.zeros(0)
        self._bars = pg.BarGraphItem(x=[0], height=[0], width=1)
        self._line = pg.InfiniteLine(angle=90, movable=True)
        self._held = False
        self._line.sigDragged.connect(self._dragged)
        self._line.sigPositionChangeFinished.connect(self._release)
        self.addItem(self._bars)
        self.addItem(self._line)
        self.setMinimumHeight(96)
        self.restyle()

    def sizeHint(self) -> QSize:
        """As high as a glance needs."""
        return QSize(200, 118)

    def data(self) -> ChartData:
        """Return the score of every channel, the lowest first, and whether the line removes it."""
        line = float(self._line.value())
        rows = [
            (number, score, int(score < line))
            for number, score in enumerate(self._sorted.tolist(), 1)
        ]
        return ChartData(("rank", "score", "removed"), rows)

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        dress(self, 28)
        self._line.setPen(pg.mkPen(theme.colour("blocked"), width=2))
        self._line.setHoverPen(pg.mkPen(theme.colour("blocked"), width=4))
        self._line.setCursor(Qt.CursorShape.SizeHorCursor)
        self._paint()

    def set_scores(self, scores: NDArray[np.float64]) -> None:
        """Show other scores; the same again cost nothing."""
        ordered = np.sort(scores[np.isfinite(scores)])
        if not np.array_equal(ordered, self._sorted):
            self._sorted = ordered
            self._paint()

    def set_ratio(self, ratio: float) -> None:
        """Put the threshold where this share of channels is below it."""
        self._line.setVisible(len(self._sorted) > 0)
        if len(self._sorted) and not self._held:  # what follows from a drag leaves the line to it
            self._line.setValue(self.threshold(ratio))

    def threshold(self, ratio: float) -> float:
        """Return the score that this share of channels stays below."""
        values = self._sorted
        count = min(len(values), round(ratio * len(values)))
        if count <= 0:
            return float(values[0] - self._margin())
        if count >= len(values):
            return float(values[-1] + self._margin())
        return float((values[count - 1] + values[count]) / 2)

    def _margin(self) -> float:
        return float((self._sorted[-1] - self._sorted[0]) * 0.03 or 0.5)

    def _paint(self) -> None:
        if not len(self._sorted):
            self._bars.setOpts(x=[0], height=[0], width=1)
            return
        heights, edges = np.histogram(self._sorted, BINS)
        colour = theme.colour("muted")
        self._bars.setOpts(
            x=(edges[:-1] + edges[1:]) / 2,
            width=float(edges[1] - edges[0]) * 0.9,
            height=heights,
            brush=colour,
            pen=None,
        )
        edge = self._margin() * 2
        self.setXRange(edges[0] - edge, edges[-1] + edge, padding=0)
        self.setYRange(0, float(heights.max()) * 1.05, padding=0)

    def _dragged(self) -> None:
        if len(self._sorted):
            if not self._held:
                self._held = True
                self.taken.emit()
            below = np.searchsorted(self._sorted, float(self._line.value()))
            self.ratioDragged.emit(float(below) / len(self._sorted))

    def _release(self) -> None:
        if self._held:
            self._held = False
            self.let_go.emit()
