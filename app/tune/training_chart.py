"""Fine-tuning: losses, accuracy and learning rate against epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.kit import theme
from app.kit.chart_style import SIDES, calm, dress
from app.tune.trace import Trace
from core.runs.tail import Curve, Snapshot

ROLES = ("selected", "cascade", "coupled", "success", "blocked", "muted")
"""Colours of the curves of one chart, in order."""
LINES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
"""Next to the colours, so that curves can be reported apart without hues."""
SHOWN = len(ROLES)
TURN_MS = 25
"""Between two charts that are drawn again, so that each has a frame of its own."""
REST_MS = 3000
"""Between two rounds of a job: curves are read by the minute, and drawing costs the training."""


class HistoryChart(QWidget):
    """Named curves against epochs; the title names each in its colour, with its last value.

    Parameters
    ----------
    title : str
    digits : str
        How values are written.
    left : int
        Room for the numbers at the left, in pixels.
    """

    def __init__(self, title: str, digits: str = ".3g", left: int = 44) -> None:
        super().__init__()
        self._title, self._digits, self._left = title, digits, left
        self._curves: dict[str, Curve] = {}
        self._items: dict[str, Trace] = {}
        self._before: float | None = None
        self._ranges: dict[int, tuple[float, float]] = {}
        self.words = QLabel(title)
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setWordWrap(True)
        self.plot = pg.PlotWidget()
        calm(self.plot, title or "Learning rate", "By epoch")
        self.plot.setMinimumSize(120, 60)
        self.plot.getAxis("left").setStyle(maxTickLevel=0)
        self.plot.showGrid(y=True, alpha=0.15)
        for side in SIDES:  # numbers and grid, kept as a picture while they stay
            self.plot.getAxis(side).setCacheMode(pg.AxisItem.CacheMode.DeviceCoordinateCache)
        self._line = pg.InfiniteLine(angle=0, movable=False)
        self._line.hide()
        self.plot.addItem(self._line, ignoreBounds=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.words)
        layout.addWidget(self.plot, 1)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Three of them fit side by side."""
        return QSize(200, 130)

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        dress(self.plot, self._left)
        self._line.setPen(pg.mkPen(theme.colour("muted"), width=1, style=Qt.PenStyle.DashLine))
        for number, name in enumerate(self._items):
            self._dress(number, name)
        self._describe()

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
        if shown == self._curves and before == self._before:
            return False
        for name in self._items.keys() - shown.keys():
            self.plot.removeItem(self._items.pop(name))
        for number, (name, curve) in enumerate(shown.items()):
            if name not in self._items:
                self._items[name] = Trace()
                self.plot.addItem(self._items[name])
                self._dress(number, name)
            if self._curves.get(name) != curve:
                self._items[name].set_points(*curve)
        if before is not None:
            self._line.setValue(before)
        self._line.setVisible(before is not None)
        self._curves, self._before = shown, before
        self._fit()
        self._describe()
        return True

    def _fit(self) -> None:
        """Show all of it; a curve that is flat is in the middle, whatever its height.

        Edges are at round values: they move seldom, and axes are drawn again only then.
        """
        values = [v for _, y in self._curves.values() for v in y]
        values += [self._before] if self._before is not None else []
        if values:
            low, high = min(values), max(values)
            room = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
            bottom, top = round_range(low - room, high + room)
            self._show_range(1, bottom if low < 0 else max(bottom, 0.0), top)
        ends = [x[-1] for x, _ in self._curves.values() if x]
        if ends:
            self._show_range(0, 0.0, round_range(0.0, max(*ends, 1.0))[1])

    def _show_range(self, axis: int, low: float, high: float) -> None:
        if self._ranges.get(axis) != (low, high):
            self._ranges[axis] = (low, high)
            show = self.plot.setYRange if axis else self.plot.setXRange
            show(low, high, padding=0)

    def _dress(self, number: int, name: str) -> None:
        colour = theme.colour(ROLES[number % len(ROLES)])
        self._items[name].set_look(colour, LINES[number % len(LINES)])

    def _describe(self) -> None:
        parts, plain = [], []
        for number, (name, (_, y)) in enumerate(self._curves.items()):
            value = format(y[-1], self._digits) if y else ""
            colour = getattr(theme.colours(), ROLES[number % len(ROLES)])
            whole = f"{name} {value}".replace(" ", "&nbsp;")
            parts.append(f'<span style="color:{colour}">{whole}</span>')
            plain.append(f"{name} {value}")
        if self._before is not None:
            before = f"before {format(self._before, self._digits)}"
            whole = before.replace(" ", "&nbsp;")
            parts.append(f'<span style="color:{theme.colours().muted}">{whole}</span>')
            plain.append(before)
        self.words.setText(
            " &nbsp;".join([*([f"<b>{self._title}</b>"] if self._title else []), *parts])
        )
        self.plot.setAccessibleDescription(", ".join(plain) or "no data yet")


class TrainingCharts(QWidget):
    """Losses, accuracy and learning rate side by side; one of them is drawn at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = HistoryChart("Losses")
        self.metrics = HistoryChart("Accuracy", ".3f")
        self.rates = HistoryChart("", ".2e", 62)
        self._charts = (self.losses, self.metrics, self.rates)
        self._waiting: dict[HistoryChart, tuple[Mapping[str, Curve], float | None]] = {}
        self._job, self._drawn = "", False
        self._turn = QTimer(self, singleShot=True, interval=TURN_MS)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        for timer in (self._turn, self._rest):
            timer.timeout.connect(self._draw_one)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for chart, share in zip(self._charts, (3, 3, 2), strict=True):
            layout.addWidget(chart, share)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show a job's curves, a chart at a time; without a job, none.

        Another job shows at once; what is new about the same one, once the last round is
        a while ago.
        """
        job = "" if snapshot is None else snapshot.entry.folder
        curves: tuple[Mapping[str, Curve], ...] = ({}, {}, {})
        if snapshot is not None:
            curves = (snapshot.losses, snapshot.metrics, snapshot.rates)
        for chart, shown in zip(self._charts, curves, strict=True):
            before = snapshot.before if snapshot and chart is self.metrics else None
            self._waiting[chart] = shown, before
        if job != self._job:
            self._job = job
            self._rest.stop()
        if not (self._rest.isActive() or self._turn.isActive()):
            self._draw_one()

    def _draw_one(self) -> None:
        """Draw the chart that has waited longest; the same curves again cost nothing."""
        while self._waiting:
            chart = next(iter(self._waiting))
            if chart.set_curves(*self._waiting.pop(chart)):
                self._drawn = True
                self._turn.start()
                return
        if self._drawn:
            self._drawn = False
            self._rest.start()

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        for chart in self._charts:
            chart.restyle()


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
