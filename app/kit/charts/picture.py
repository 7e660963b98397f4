"""A chart as a picture on white paper, whatever the theme: its title, its legend and the plot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QBuffer, QIODevice, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QGraphicsItem

from app.kit import theme

SCALE = 2.0
MARGIN, LINE, GAP, SAMPLE = 10.0, 18.0, 16.0, 26.0
"""Pixels: around the picture, a line of its head, between entries of a legend, its samples."""
LEAST = QSize(420, 260)
"""A chart in sight that is smaller on the screen gets this much of the picture."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One line, or one mark, of a legend.

    Attributes
    ----------
    name : str
    colour : str
        Name of a theme colour.
    style : PenStyle
        Of the line.
    sign : str
        Drawn in place of a line, where the chart has marks.
    """

    name: str
    colour: str
    style: Qt.PenStyle = Qt.PenStyle.SolidLine
    sign: str = ""


@dataclass(frozen=True, slots=True)
class ChartPicture:
    """A chart to be drawn on paper.

    Attributes
    ----------
    plot : PlotWidget
    title : str
    legend : tuple of LegendEntry
    restyle : callable
        Gives the plot the colours that show.
    """

    plot: pg.PlotWidget
    title: str
    legend: tuple[LegendEntry, ...]
    restyle: Callable[[], None]

    def svg(self) -> bytes:
        """Draw it as SVG."""
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        with self._on_paper():
            size, head = self._measure()
            generator = QSvgGenerator()
            generator.setOutputDevice(buffer)
            generator.setSize(size)
            generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
            generator.setTitle(self.title)
            generator.setDescription("Drawn by Secateur")
            generator.setResolution(96)
            painter = QPainter(generator)
            self._draw(painter, size, head)
            painter.end()
        return bytes(buffer.data().data())

    def image(self) -> QImage:
        """Draw it as an image, at twice its size."""
        with self._on_paper():
            size, head = self._measure()
            image = QImage(size * SCALE, QImage.Format.Format_RGB32)
            image.setDevicePixelRatio(SCALE)
            painter = QPainter(image)
            self._draw(painter, size, head)
            painter.end()
        return image

    @contextmanager
    def _on_paper(self) -> Iterator[None]:
        """Give the plot the colours of paper and the size of a picture, while it is drawn."""
        plot = self.plot
        before = plot.size()
        plot.setUpdatesEnabled(False)
        try:
            with theme.shown(theme.LIGHT):
                if plot.isVisible():  # Qt lays out only what it shows
                    plot.resize(before.expandedTo(LEAST))
                self.restyle()
                yield
        finally:
            plot.resize(before)
            self.restyle()
            plot.setUpdatesEnabled(True)

    def _font(self, bold: bool = False) -> QFont:
        font = QFont(self.plot.font())
        font.setPixelSize(13 if bold else 12)
        font.setBold(bold)
        return font

    def _measure(self) -> tuple[QSize, float]:
        """Return the size of the picture, and the height of its head."""
        plot = self.plot
        places = _places(plot.width(), self.legend, QFontMetricsF(self._font()))
        lines = 1 + (1 + round(places[-1].y() / LINE) if places else 0)
        head = MARGIN + lines * LINE + 4
        return QSize(plot.width() + round(2 * MARGIN), plot.height() + round(head + MARGIN)), head

    def _draw(self, painter: QPainter, size: QSize, head: float) -> None:
        hints = QPainter.RenderHint
        painter.fillRect(QRectF(0, 0, size.width(), size.height()), theme.colour("base"))
        painter.setRenderHints(hints.Antialiasing | hints.TextAntialiasing)
        painter.setFont(self._font(bold=True))
        painter.setPen(theme.colour("text"))
        painter.drawText(QPointF(MARGIN, MARGIN + 12), self.title)
        painter.setFont(self._font())
        places = _places(self.plot.width(), self.legend, QFontMetricsF(painter.font()))
        for entry, place in zip(self.legend, places, strict=True):
            _draw_entry(painter, entry, place + QPointF(MARGIN, MARGIN + LINE))
        area = QRectF(MARGIN, head, self.plot.width(), self.plot.height())
        with _as_shapes(self.plot):
            self.plot.render(painter, area, self.plot.rect())


def _places(width: float, legend: Sequence[LegendEntry], metrics: QFontMetricsF) -> list[QPointF]:
    """Return where the entries of a legend are, line after line."""
    found, x, line = [], 0.0, 0
    for entry in legend:
        wide = SAMPLE + 6 + metrics.horizontalAdvance(entry.name)
        if x and x + wide > width:
            x, line = 0.0, line + 1
        found.append(QPointF(x, line * LINE))
        x += wide + GAP
    return found


def _draw_entry(painter: QPainter, entry: LegendEntry, place: QPointF) -> None:
    colour: QColor = theme.colour(entry.colour)
    base = place + QPointF(0, 13)
    if entry.sign:
        painter.setPen(colour)
        painter.drawText(base + QPointF(SAMPLE / 2 - 5, 0), entry.sign)
    else:
        painter.setPen(QPen(colour, 2, entry.style))
        painter.drawLine(base + QPointF(0, -4), base + QPointF(SAMPLE, -4))
    painter.setPen(theme.colour("text"))
    painter.drawText(base + QPointF(SAMPLE + 6, 0), entry.name)


@contextmanager
def _as_shapes(plot: pg.PlotWidget) -> Iterator[None]:
    """Have everything drawn as shapes; what is kept as pixels would be pixels in an SVG, too."""
    none = QGraphicsItem.CacheMode.NoCache
    items = plot.scene().items()
    cached = {item: item.cacheMode() for item in items if item.cacheMode() != none}
    marks = [item for item in items if isinstance(item, pg.ScatterPlotItem)]
    for item in cached:
        item.setCacheMode(none)
    for mark in marks:
        mark.setExportMode(True)
    try:
        yield
    finally:
        for item, mode in cached.items():
            item.setCacheMode(mode)
        for mark in marks:
            mark.setExportMode(False)
