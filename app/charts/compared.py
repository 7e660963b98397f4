"""Models side by side: accuracy against multiply-adds."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from app import theme
from app.charts import calm, dress

SYMBOLS = ("o", "s", "t", "d", "+", "x")


class ComparedChart(pg.PlotWidget):
    """A point for every model: to the left is faster, higher is better."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models: tuple[tuple[str, float, float], ...] = ()
        calm(self, "Accuracy against multiply-adds", "To the left is smaller, higher is better")
        self.setMinimumHeight(90)
        self.getAxis("bottom").setLabel("multiply-adds, G")
        self.showGrid(x=True, y=True, alpha=0.12)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Beside a table."""
        return QSize(260, 150)

    def set_models(self, models: Sequence[tuple[str, float, float]], measure: str) -> None:
        """Show models as (name, multiply-adds in G, accuracy)."""
        self._models = tuple(models)
        self.getAxis("left").setLabel(measure)
        self.restyle()
        told = ", ".join(f"{name}: {y:.4f} at {x:.2f} G" for name, x, y in self._models)
        self.setAccessibleDescription(told)

    def restyle(self) -> None:
        """Draw it in the colours of the theme."""
        dress(self, 44)
        for side in ("bottom", "left"):
            axis = self.getAxis(side)
            axis.setLabel(axis.labelText, color=theme.colours().muted)
        self.getPlotItem().clear()
        if not self._models:
            return
        most = max(x for _, x, _ in self._models)
        best = max(y for _, _, y in self._models)
        for number, (name, x, y) in enumerate(self._models):
            colour = theme.colour("selected" if number else "muted")
            symbol = SYMBOLS[number % len(SYMBOLS)]
            point = pg.ScatterPlotItem([x], [y], size=11, symbol=symbol, brush=colour, pen=None)
            self.addItem(point)
            # The name hangs to the side that has room.
            words = pg.TextItem(name, theme.colour("text"), anchor=(0.0 if x < most / 2 else 1, 1))
            words.setPos(x, y)
            self.addItem(words, ignoreBounds=True)
        self.setXRange(0.0, 1.08 * most or 1.0, padding=0)
        self.setYRange(0.0, 1.25 * best or 1.0, padding=0)
