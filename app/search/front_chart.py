"""The front of a search: accuracy against milliseconds, a point for every trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from app.kit import theme
from app.kit.charts.chart import Chart
from app.kit.charts.data import Cell, ChartData
from app.kit.charts.picture import LegendEntry
from app.kit.charts.style import dress, name_axis
from app.search.controller import UNPRUNED
from core.data.figures import figure_name

if TYPE_CHECKING:
    from core.choose.measured import MeasuredPoint

TIP = (
    "Networks that were pruned, repaired, timed and evaluated. Click a point of the front to open "
    "its network, or use the arrow keys and Enter"
)
INT8, SMALL = "unpruned, INT8", -2
"""The unpruned network as INT8 in the table, and its number among the points."""
FIGURES = ("time (ms)", "accuracy", "low (95%)", "high (95%)", "image size")


class SearchChart(Chart):
    """Points to open.

    Signals
    -------
    picked(int)
        Number of the trial whose network is wanted; `UNPRUNED` for the unpruned one.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Front of the search", TIP, parent)
        self._points: dict[int, Mapping[str, Any]] = {}
        self._front: tuple[int, ...] = ()
        self._unpruned: MeasuredPoint | None = None
        self._int8: MeasuredPoint | None = None
        self._at: int | None = None
        self._line = pg.PlotDataItem(antialias=True)
        self._others, self._best, self._whole, self._small = (
            pg.ScatterPlotItem(hoverable=True, tip=self._words, size=size, symbol=sign)
            for size, sign in ((7, "o"), (10, "o"), (10, "s"), (12, "d"))
        )
        for item in (self._line, self._others, self._best, self._whole, self._small):
            self.addItem(item)
        for item in (self._others, self._best, self._whole):
            item.sigClicked.connect(self._clicked)
        name_axis(self, "bottom", "ms per image")
        name_axis(self, "left", "accuracy")
        self.showGrid(y=True, alpha=0.15)
        self.setMinimumHeight(150)
        self.restyle()

    def sizeHint(self) -> QSize:
        """Wide enough to tell the points apart."""
        return QSize(420, 220)

    # ---- what it says of itself ---------------------------------------------------------------

    def data(self) -> ChartData:
        """Return every trial that was measured, and the unpruned network, as INT8 as well."""
        rows: list[tuple[Cell, ...]] = [
            (number + 1, *_figures(point), int(number in self._front))
            for number, point in sorted(self._points.items())
        ]
        if self._unpruned is not None:
            rows.append((None, *_figures(self._unpruned.to_json()), 0))
        if self._int8 is not None:
            rows.append((INT8, *_figures(self._int8.to_json()), 0))
        return ChartData(("trial", *FIGURES, "on the front"), rows)

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return what the points are."""
        return (
            LegendEntry("on the front", "accent", sign="●"),
            LegendEntry("other trials", "muted", sign="○"),
            LegendEntry("unpruned", "text", sign="□"),
            *([LegendEntry("unpruned, INT8", "text", sign="◇")] if self._int8 else []),
        )

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        dress(self, 50)
        self._line.setPen(pg.mkPen(theme.colour("accent"), width=1.5))
        for item in (self._others, self._best, self._whole, self._small):
            item.setData(hoverBrush=theme.colour("accent"))
        self._paint()

    # ---- what is shown ------------------------------------------------------------------------

    def set_trials(
        self,
        trials: Sequence[Mapping[str, Any]],
        front: Sequence[int],
        unpruned: MeasuredPoint | None,
        int8: MeasuredPoint | None = None,
    ) -> None:
        """Show trials; those without a point are left out.

        Parameters
        ----------
        trials : sequence of dict
            Their records (`core.search.records.Trial`).
        front : sequence of int
            Numbers of those on the front.
        unpruned : MeasuredPoint or None
        int8 : MeasuredPoint or None
            The unpruned network as INT8, which is shown and has no file to open.
        """
        self._points = {t["trial"]: t["point"] for t in trials if t.get("point")}
        self._front, self._unpruned, self._int8 = tuple(front), unpruned, int8
        if self._at not in self.places:
            self._at = None
        self._paint()

    @property
    def places(self) -> dict[int, tuple[float, float]]:
        """Where the points that can be opened are: milliseconds and accuracy, fastest first."""
        found = {number: _place(self._points[number]) for number in self._front}
        if self._unpruned is not None:
            found[UNPRUNED] = self._unpruned.latency_ms, self._unpruned.accuracy
        return dict(sorted(found.items(), key=lambda one: one[1]))

    def _paint(self) -> None:
        accent, muted, base = (theme.colour(name) for name in ("accent", "muted", "base"))
        front = [(n, _place(self._points[n])) for n in self._front]
        others = [(n, _place(p)) for n, p in self._points.items() if n not in self._front]
        self._line.setData([p[0] for _, p in front], [p[1] for _, p in front])
        self._put(self._best, front, accent, accent)
        self._put(self._others, others, muted, base)
        whole = self._unpruned
        own = [] if whole is None else [(UNPRUNED, (whole.latency_ms, whole.accuracy))]
        self._put(self._whole, own, theme.colour("text"), base)
        small = self._int8
        own = [] if small is None else [(SMALL, (small.latency_ms, small.accuracy))]
        self._put(self._small, own, theme.colour("text"), base)
        metric = "" if whole is None else figure_name(whole.metric)
        name_axis(self, "left", metric or "accuracy")
        self.setAccessibleDescription(self._description())

    def _put(
        self,
        item: pg.ScatterPlotItem,
        points: Sequence[tuple[int, tuple[float, float]]],
        pen: Any,
        brush: Any,
    ) -> None:
        chosen = [number == self._at for number, _ in points]
        item.setData(
            x=[place[0] for _, place in points],
            y=[place[1] for _, place in points],
            data=[number for number, _ in points],
            pen=[pg.mkPen(theme.colour("text") if own else pen, width=2) for own in chosen],
            brush=[pg.mkBrush(brush)] * len(points),
        )

    def _description(self) -> str:
        """Describe the front in words, for who cannot see it."""
        told = [self.words_of(number) for number in self.places]
        told += [self.words_of(SMALL)] if self._int8 is not None else []
        return ". ".join([f"{len(self._points)} networks measured", *told])

    def words_of(self, number: int) -> str:
        """Describe a point."""
        point, name = self._points.get(number, {}), f"Trial {number + 1}"
        if number == UNPRUNED and self._unpruned is not None:
            point, name = self._unpruned.to_json(), "Unpruned"
        if number == SMALL and self._int8 is not None:
            point, name = self._int8.to_json(), "Unpruned as INT8"
        return (
            f"{name}: {point['latency_ms']:.1f} ms, {figure_name(point['metric'])} "
            f"{point['accuracy']:.4f} (95% interval {point['low']:.4f} to {point['high']:.4f})"
        )

    def _words(self, x: float, y: float, data: int) -> str:
        return self.words_of(data)

    # ---- opening ------------------------------------------------------------------------------

    def _clicked(self, _item: object, points: Sequence[pg.SpotItem], *_: object) -> None:
        if len(points):
            self.picked.emit(int(points[0].data()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go along the front; Enter opens the network there."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        places = list(self.places)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._at is not None:
            self.picked.emit(self._at)
        elif step is not None and places:
            last = len(places) - 1
            start = places.index(self._at) if self._at in places else (-1 if step > 0 else last + 1)
            self._at = places[min(last, max(0, start + step))]
            self._paint()
            self.setAccessibleDescription(self.words_of(self._at))
        else:
            super().keyPressEvent(event)
            return
        event.accept()


def _place(point: Mapping[str, Any]) -> tuple[float, float]:
    return float(point["latency_ms"]), float(point["accuracy"])


def _figures(point: Mapping[str, Any]) -> tuple[float, float, float, float, str]:
    low, high = float(point["low"]), float(point["high"])
    return (*_place(point), low, high, str(point["image_size"]))
