"""Fine-tuning: losses, accuracy and learning rate against epochs."""

from __future__ import annotations

from collections.abc import Mapping

import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app import theme
from app.charts import calm, dress
from core.runs.tail import Curve, Snapshot

ROLES = ("selected", "cascade", "coupled", "success", "blocked", "muted")
"""Colours of the curves of one chart, in order."""
LINES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
"""Beside the colours, so that curves can be told apart without hues."""
SHOWN = len(ROLES)


class HistoryChart(QWidget):
    """Named curves against epochs; the title names each in its colour, with its last value.

    Parameters
    ----------
    title : str
    digits : str
        How values are written.
    """

    def __init__(self, title: str, digits: str = ".3g") -> None:
        super().__init__()
        self._title, self._digits = title, digits
        self._curves: dict[str, Curve] = {}
        self._items: dict[str, pg.PlotDataItem] = {}
        self._before: float | None = None
        self.words = QLabel(title)
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setWordWrap(True)
        self.plot = pg.PlotWidget()
        calm(self.plot, title or "Learning rate", "Against epochs")
        self.plot.setMinimumSize(120, 60)
        self.plot.getAxis("left").setStyle(maxTickLevel=0)
        self.plot.showGrid(y=True, alpha=0.15)
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
        dress(self.plot, 44)
        self._line.setPen(pg.mkPen(theme.colour("muted"), width=1, style=Qt.PenStyle.DashLine))
        for number, name in enumerate(self._items):
            self._dress(number, name)
        self._describe()

    def set_curves(self, curves: Mapping[str, Curve], before: float | None = None) -> None:
        """Show curves; only what differs is drawn again.

        Parameters
        ----------
        curves : mapping of str to curve
        before : float, optional
            What the main one was before training, drawn as a line.
        """
        shown = dict(list(curves.items())[:SHOWN])
        for name in self._items.keys() - shown.keys():
            self.plot.removeItem(self._items.pop(name))
        for number, (name, curve) in enumerate(shown.items()):
            if name not in self._items:
                self._items[name] = pg.PlotDataItem(antialias=True)
                self.plot.addItem(self._items[name])
                self._dress(number, name)
            if self._curves.get(name) != curve:
                self._items[name].setData(curve[0], curve[1])
                # A single point is no line; it shows as a dot until there is a second.
                self._items[name].setSymbol("o" if len(curve[0]) == 1 else None)
        if before is not None:
            self._line.setPos(before)
        self._line.setVisible(before is not None)
        self._curves, self._before = shown, before
        self._fit()
        self._describe()

    def _fit(self) -> None:
        """Show all of it; a curve that is flat lies in the middle, whatever its height."""
        values = [v for _, y in self._curves.values() for v in y]
        values += [self._before] if self._before is not None else []
        if values:
            low, high = min(values), max(values)
            room = 0.08 * (high - low) or 0.5 * abs(high) or 0.5
            self.plot.setYRange(low - room, high + room, padding=0)
        ends = [x[-1] for x, _ in self._curves.values() if x]
        if ends:
            self.plot.setXRange(0.0, max(*ends, 1.0), padding=0.03)

    def _dress(self, number: int, name: str) -> None:
        colour = theme.colour(ROLES[number % len(ROLES)])
        style = LINES[number % len(LINES)]
        item = self._items[name]
        item.setPen(pg.mkPen(colour, width=2, style=style))
        item.setSymbolBrush(colour)
        item.setSymbolPen(pg.mkPen(colour))
        item.setSymbolSize(6)

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
        self.plot.setAccessibleDescription(", ".join(plain) or "nothing yet")


class TrainingCharts(QWidget):
    """Losses, accuracy and learning rate side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = HistoryChart("Losses")
        self.metrics = HistoryChart("Accuracy", ".3f")
        self.rates = HistoryChart("", ".2e")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for chart, share in ((self.losses, 3), (self.metrics, 3), (self.rates, 2)):
            layout.addWidget(chart, share)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show a job's curves; none of them without one."""
        self.losses.set_curves(snapshot.losses if snapshot else {})
        metrics, before = (snapshot.metrics, snapshot.before) if snapshot else ({}, None)
        self.metrics.set_curves(metrics, before)
        self.rates.set_curves(snapshot.rates if snapshot else {})

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        for chart in (self.losses, self.metrics, self.rates):
            chart.restyle()
