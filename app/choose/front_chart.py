"""Alternatives along the Pareto front: what stays of the cost against the predicted harm."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import ChartData
from app.kit.charts.picture import LegendEntry
from app.kit.charts.style import dress
from app.state.measurements import Alternative

TIP = (
    "Networks with different trade-offs; none beats another on both axes. Click a point "
    "or use the arrow keys to select it; this can be undone"
)


class FrontChart(Chart):
    """Points to choose from.

    Signals
    -------
    picked(int)
        Number of the alternative that the user wants.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Alternatives", TIP, parent)
        self._front: Sequence[Alternative] = ()
        self._chosen: int | None = None
        self._line = pg.PlotDataItem()
        self._points = pg.ScatterPlotItem(hoverable=True, tip=self._words, size=9)
        self._points.sigClicked.connect(self._clicked)
        self._now = pg.InfiniteLine(angle=90, movable=False)
        for item in (self._now, self._line, self._points):
            self.addItem(item)
        self.setMinimumHeight(146)
        self.getAxis("bottom").setLabel("GFLOPs kept, %")
        self.getAxis("left").setLabel("predicted cost")
        self.getAxis("left").setStyle(showValues=False)
        self.restyle()

    def sizeHint(self) -> QSize:
        """As high as a glance needs."""
        return QSize(200, 150)

    def data(self) -> ChartData:
        """Return the alternatives, in the order of the line."""
        columns = (
            "GFLOPs kept (%)",
            "parameters kept (%)",
            "predicted cost (comparable within this table only)",
            "in the plan",
        )
        rows = [
            (100 * one.macs, 100 * one.params, one.score, int(number == self._chosen))
            for number, one in enumerate(self._front)
        ]
        return ChartData(columns, rows)

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return what the points and the dashed line are."""
        return (
            LegendEntry("alternative", "accent", sign="○"),
            LegendEntry("in the plan", "accent", sign="●"),
            LegendEntry("GFLOPs of the plan", "cascade", Qt.PenStyle.DashLine),
        )

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        dress(self, 24)
        self._line.setPen(pg.mkPen(theme.colour("muted"), width=1.5))
        self._now.setPen(pg.mkPen(theme.colour("cascade"), width=1, style=Qt.PenStyle.DashLine))
        self._points.setData(hoverBrush=theme.colour("accent"))
        self._paint()

    def set_front(self, front: Sequence[Alternative], chosen: int | None, now: float) -> None:
        """Show alternatives, which of them the plan is, and the position of the plan.

        Parameters
        ----------
        front : sequence of Alternative
        chosen : int or None
        now : float
            Fraction of the multiply-adds that the plan keeps.
        """
        self._now.setValue(100 * now)
        if front is not self._front or chosen != self._chosen:
            self._front, self._chosen = front, chosen
            self._paint()

    def _paint(self) -> None:
        front, chosen = self._front, self._chosen
        x = [100 * a.macs for a in front]
        y = [a.score for a in front]
        self._line.setData(x, y)
        plain, taken = theme.colour("base"), theme.colour("accent")
        pens = [pg.mkPen(theme.colour("accent"), width=1.5)] * len(front)
        brushes = [pg.mkBrush(taken if n == chosen else plain) for n in range(len(front))]
        sizes = [12 if n == chosen else 8 for n in range(len(front))]
        self._points.setData(
            x=x, y=y, data=list(range(len(front))), pen=pens, brush=brushes, size=sizes
        )
        words = f"{len(front)} alternatives"
        if chosen is not None:
            words += f", the plan has {front[chosen].macs:.0%} of the GFLOPs"
        self.setAccessibleDescription(words)

    def _words(self, x: float, y: float, data: int) -> str:
        choice = self._front[data]
        return (
            f"{choice.macs:.1%} of the GFLOPs, {choice.params:.1%} of the parameters kept\n"
            f"predicted cost {choice.score:.3g} (comparable within this chart only)"
        )

    def _clicked(self, _item: object, points: Sequence[pg.SpotItem], *_: object) -> None:
        if len(points):
            self.picked.emit(int(points[0].data()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from alternative to alternative."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._front:
            super().keyPressEvent(event)
            return
        last = len(self._front) - 1
        start = self._chosen if self._chosen is not None else (last + 1 if step < 0 else -1)
        self.picked.emit(min(last, max(0, start + step)))
        event.accept()
