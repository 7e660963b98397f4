"""What the colours mean, in a corner of the graph."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QGraphicsView, QWidget

from app.graph_view.colours import scale_of
from app.graph_view.ink import Ink, draw_lock, draw_tick
from app.graph_view.legend_place import Box, place_legend
from app.graph_view.state import GraphState
from core.drawing.places import GraphLayout

ROLE_WORDS = (
    ("selected", "selected to prune"),
    ("cascade", "follows on its own"),
    ("coupled", "shares the channels"),
    ("blocked", "cannot be pruned so"),
)
WORDS = dict(ROLE_WORDS) | {"locked": "locked", "eligible": "may go on its own"}
OVERLAY_WORDS = {
    "parameters": ("Parameters", "few", "most"),
    "macs": ("Multiply-adds", "few", "most"),
    "ratio": ("Ratio", "0 %", "100 %"),
    "kept": ("Channels kept", "none", "all"),
    "sensitivity": ("Accuracy lost", "0 %", "50 % +"),
    "latency": ("Milliseconds", "0", "most"),
    "compared_channels": ("Channels left", "none", "all"),
    "compared_macs": ("Cost saved", "0 %", "100 %"),
}
STAGES = (("backbone", "backbone"), ("neck", "neck"), ("head", "head"))
LINE = 19.0
WIDTH = 176
MARGIN = 12


class Legend(QWidget):
    """Explains roles, the overlay, and the small marks. The pointer goes through it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self.setAccessibleName("Legend")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._ink: Ink | None = None
        self._lines: tuple[str, ...] = ()
        self._overlay = "none"
        self._title = ""
        self._shown = True
        self.hide()

    def set_state(self, state: GraphState, ink: Ink) -> bool:
        """Explain what a state shows, in the colours of a palette.

        Only what is on the drawing is explained; an empty legend hides.

        Returns
        -------
        bool
            Whether its lines changed.
        """
        used = set(state.roles.values())
        lines = tuple(role for role, _ in ROLE_WORDS if role in used)
        lines += ("locked",) if state.locked else ()
        lines += ("eligible",) if state.eligible else ()
        shown = (lines, state.overlay, state.overlay_title)
        changed = shown != (self._lines, self._overlay, self._title)
        if not changed and ink is self._ink:
            return False
        self._lines, self._overlay, self._title = shown
        self._ink = ink
        words = [WORDS[line] for line in lines]
        if state.overlay in OVERLAY_WORDS:
            words.append(state.overlay_title or OVERLAY_WORDS[state.overlay][0])
        self.setAccessibleDescription("Colours: " + ", ".join(words))
        self.setVisible(self._shown and self._has_lines())
        self.resize(self.sizeHint())
        self.update()
        return changed

    def lie_in(self, view: QGraphicsView, layout: GraphLayout, taken: QRect) -> None:
        """Move to where no block, no heading and not what is ``taken`` gets covered."""
        zoom = view.transform().m11()

        def seen(x: float, y: float, width: float, height: float) -> Box:
            corner = view.mapFromScene(QPointF(x, y))
            return corner.x(), corner.y(), width * zoom, height * zoom

        x, y = place_legend(
            (self.width(), self.height()),
            (MARGIN, MARGIN, view.width() - 2 * MARGIN, view.height() - 2 * MARGIN),
            [seen(lane.x - 14, 8, lane.width + 28, 24) for lane in layout.lanes],
            [seen(box.x, box.y, box.width, box.height) for box in layout.boxes],
            (taken.x(), taken.y(), taken.width(), taken.height()),
        )
        self.move(round(x), round(y))

    def set_shown(self, shown: bool) -> None:
        """Allow the legend, or keep it away."""
        self._shown = shown
        self.setVisible(shown and self._has_lines())

    def _has_lines(self) -> bool:
        return bool(self._lines) or self._overlay != "none"

    def sizeHint(self) -> QSize:
        """Return the size its lines need."""
        lines = len(self._lines)
        if self._overlay == "stage":
            lines += 1 + len(STAGES)
        elif self._overlay in OVERLAY_WORDS:
            lines += 2
        return QSize(WIDTH, round(lines * LINE + 16))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the lines."""
        if self._ink is None:
            return
        ink, palette = self._ink, self._ink.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        panel = QColor(palette.background)
        panel.setAlpha(250)
        painter.setPen(ink.pen(palette.border))
        painter.setBrush(panel)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        y = 8.0
        for line in self._lines:
            if line == "locked":
                draw_lock(painter, QPointF(16, y + 3), ink, palette.lock)
            elif line == "eligible":
                draw_tick(painter, QPointF(15, y + 4), ink, palette.eligible)
            else:
                _swatch(painter, ink, y, palette.roles[line].fill, palette.roles[line].line)
            y = _word(painter, ink, y, WORDS[line])
        self._paint_overlay(painter, ink, y)
        painter.end()

    def _paint_overlay(self, painter: QPainter, ink: Ink, y: float) -> None:
        palette = ink.palette
        if self._overlay == "stage":
            y = _heading(painter, ink, y, "Part of the network")
            for stage, word in STAGES:
                _swatch(painter, ink, y, palette.stages[stage], palette.border)
                y = _word(painter, ink, y, word)
        elif self._overlay in OVERLAY_WORDS:
            title, low, high = OVERLAY_WORDS[self._overlay]
            y = _heading(painter, ink, y, self._title or title)
            metrics = QFontMetricsF(ink.small)
            left = 12 + metrics.horizontalAdvance(low) + 8
            right = WIDTH - 12 - metrics.horizontalAdvance(high) - 8
            ramp = QLinearGradient(left, 0, right, 0)
            for place, colour in zip(
                (0.0, 0.5, 1.0), scale_of(palette, self._overlay), strict=True
            ):
                ramp.setColorAt(place, QColor(colour))
            painter.setPen(ink.pen(palette.border))
            painter.setBrush(ramp)
            painter.drawRoundedRect(QRectF(left, y + 4, right - left, 10), 3, 3)
            painter.setPen(ink.pen(palette.text_dim))
            painter.setFont(ink.small)
            middle = Qt.AlignmentFlag.AlignVCenter
            row = QRectF(12, y, WIDTH - 24, LINE)
            painter.drawText(row, middle | Qt.AlignmentFlag.AlignLeft, low)
            painter.drawText(row, middle | Qt.AlignmentFlag.AlignRight, high)


def _swatch(painter: QPainter, ink: Ink, y: float, fill: str, line: str) -> None:
    painter.setPen(ink.pen(line, 1.6))
    painter.setBrush(ink.brush(fill))
    painter.drawRoundedRect(QRectF(12, y + 4, 18, 11), 3, 3)


def _word(painter: QPainter, ink: Ink, y: float, word: str) -> float:
    painter.setPen(ink.pen(ink.palette.text))
    painter.setFont(ink.small)
    row = QRectF(40, y, WIDTH - 48, LINE)
    painter.drawText(row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, word)
    return y + LINE


def _heading(painter: QPainter, ink: Ink, y: float, word: str) -> float:
    painter.setPen(ink.pen(ink.palette.text_dim))
    painter.setFont(ink.tag)
    row = QRectF(12, y + 2, WIDTH - 24, LINE)
    text = QFontMetricsF(ink.tag).elidedText(word, Qt.TextElideMode.ElideMiddle, row.width())
    painter.drawText(row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    return y + LINE
