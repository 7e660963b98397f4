"""Fine-tuning: losses, accuracy and learning rate against epochs."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.kit import theme
from app.kit.widgets import show_markup
from app.tune.charts.epoch_chart import ROLES, EpochChart
from core.runs.tail import Curve, Snapshot

TURN_MS = 25
"""Between two charts that are drawn again, so that each has a frame of its own."""
REST_MS = 3000
"""Between two rounds of a job: curves are read by the minute, and drawing costs the training."""


class HistoryChart(QWidget):
    """Named curves against epochs; the title names each in its colour, with its last value.

    Parameters
    ----------
    title : str
        Written above; the chart is named ``name`` where that is to be left out.
    digits : str
        How values are written.
    left : int
        Room for the numbers at the left, in pixels.
    name : str
    """

    def __init__(self, title: str, digits: str = ".3g", left: int = 44, name: str = "") -> None:
        super().__init__()
        self._title, self._digits = title, digits
        self.words = QLabel(title)
        show_markup(self.words)
        self.words.setWordWrap(True)
        self.plot = EpochChart(name or title, left)
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
        self.plot.restyle()
        self._describe()

    def set_curves(self, curves: Mapping[str, Curve], before: float | None = None) -> bool:
        """Show curves, as `EpochChart.set_curves` does; returns whether anything differs."""
        differs = self.plot.set_curves(curves, before)
        if differs:
            self._describe()
        return differs

    def _describe(self) -> None:
        parts, plain = [], []
        for number, (name, (_, y)) in enumerate(self.plot.curves.items()):
            value = format(y[-1], self._digits) if y else ""
            colour = getattr(theme.colours(), ROLES[number % len(ROLES)])
            whole = escape(f"{name} {value}").replace(" ", "&nbsp;")
            parts.append(f'<span style="color:{colour}">{whole}</span>')
            plain.append(f"{name} {value}")
        if self.plot.before is not None:
            before = f"before {format(self.plot.before, self._digits)}"
            whole = escape(before).replace(" ", "&nbsp;")
            parts.append(f'<span style="color:{theme.colours().muted}">{whole}</span>')
            plain.append(before)
        self.words.setText(
            " &nbsp;".join([*([f"<b>{escape(self._title)}</b>"] if self._title else []), *parts])
        )
        self.plot.setAccessibleDescription(", ".join(plain) or "no data yet")


class TrainingCharts(QWidget):
    """Losses, accuracy and learning rate side by side; one of them is drawn at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = HistoryChart("Losses")
        self.metrics = HistoryChart("Accuracy", ".3f")
        self.rates = HistoryChart("", ".2e", 62, "Learning rate")
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
