"""What hues and signs mean: one line below the drawing, which it never covers or moves."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.graph_view.drawing.colours import scale_of
from app.graph_view.drawing.ink import SIZES, Ink
from app.graph_view.drawing.signs import (
    draw_badge,
    draw_box,
    draw_ghost,
    draw_gone,
    draw_lock,
    draw_stop,
    draw_tick,
    hatch_lines,
)
from app.graph_view.drawing.state import ROLE_WORDS, GraphState

STAGE_WORDS = (("backbone", "backbone"), ("neck", "neck"), ("head", "head"))
WORDS = {
    **dict(ROLE_WORDS),
    **dict(STAGE_WORDS),
    "ghost": "removed",
    "gone": "removed as a whole",
    "ring": "selected",
    "locked": "locked",
    "eligible": "can be pruned alone",
    "gauge": "share of GFLOPs",
}
HEIGHT = 34
ICON = 22.0
GAP = 16.0
RAMP = 64.0


class Legend(QWidget):
    """Explains the hues, the signs in use, and the overlay.

    Where the line is too short for all words, the signs stay; the words are in its tip.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self.setAccessibleName("Legend")
        self._ink: Ink | None = None
        self._lines: tuple[str, ...] = ()
        self._scale = ""
        self._ends = ("", "")
        self._title = ""
        self._shown = True
        self.hide()

    def set_state(self, state: GraphState, ink: Ink, selected: bool = False) -> bool:
        """Explain what a state shows, in the colours of a palette.

        Only what is on the drawing is explained.

        Parameters
        ----------
        state : GraphState
        ink : Ink
        selected : bool
            Whether a block has the ring of the selection.

        Returns
        -------
        bool
            Whether its words changed.
        """
        shown = (
            *(_lines(state, selected), state.overlay_scale),
            *(state.overlay_title, state.overlay_ends),
        )
        changed = shown != (self._lines, self._scale, self._title, self._ends)
        if not changed and ink is self._ink:
            return False
        self._lines, self._scale, self._title, self._ends = shown
        self._ink = ink
        words = [WORDS[line] for line in self._lines]
        if self._scale:
            words.append(self._title)
        self.setAccessibleDescription("Colours and signs: " + ", ".join(words))
        self.setToolTip(" · ".join(words))
        self.setVisible(self._shown)
        self.update()
        return changed

    def set_shown(self, shown: bool) -> None:
        """Allow the legend, or keep it away."""
        self._shown = shown
        self.setVisible(shown and self._ink is not None)

    def sizeHint(self) -> QSize:
        """Return a size at which most networks' legends are complete."""
        return QSize(520, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint signs and words from left to right, as many as fit."""
        ink = self._ink
        if ink is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = 4.0
        if self._scale:
            x = self._paint_overlay(painter, ink, x)
        for line, word, left in self._places(ink, x):
            _paint_sign(painter, ink, line, QRectF(left, (self.height() - 14) / 2, ICON, 14))
            _write(painter, ink, left + ICON + 6, self.height(), word, ink.palette.text)
        painter.end()

    def _places(self, ink: Ink, x: float) -> Iterator[tuple[str, str, float]]:
        """Place the signs; where there is no room for all words, the last ones lose theirs."""
        words = [WORDS[line] for line in self._lines]
        bare = ICON + GAP / 2
        widths = [bare + 6 + GAP / 2 + ink.width("small", SIZES["small"], w) for w in words]
        room = self.width() - x + GAP
        for place, (line, width) in enumerate(zip(self._lines, widths, strict=True)):
            rest = bare * (len(widths) - place - 1)
            wordy = sum(widths[: place + 1]) + rest <= room
            yield line, words[place] if wordy else "", x
            x += width if wordy else bare

    def _paint_overlay(self, painter: QPainter, ink: Ink, x: float) -> float:
        """Paint the colours of an overlay, from least to most."""
        palette = ink.palette
        low, high = self._ends
        x = _write(painter, ink, x, self.height(), self._title, palette.text) + 10
        x = _write(painter, ink, x, self.height(), low, palette.text_dim) + 6
        ramp = QLinearGradient(x, 0, x + RAMP, 0)
        for place, colour in zip((0.0, 0.5, 1.0), scale_of(palette, self._scale), strict=True):
            ramp.setColorAt(place, QColor(colour))
        painter.setPen(ink.pen(palette.border))
        painter.setBrush(ramp)
        painter.drawRoundedRect(QRectF(x, (self.height() - 10) / 2, RAMP, 10), 3, 3)
        return _write(painter, ink, x + RAMP + 6, self.height(), high, palette.text_dim) + GAP


def _lines(state: GraphState, selected: bool) -> tuple[str, ...]:
    """Return what is on the drawing, most important first."""
    used = set(state.roles.values())
    lines = [role for role, _ in ROLE_WORDS if role in used]
    if "selected" in used:
        lines.insert(1, "ghost")
    if state.gone or state.gone_modules or state.gone_links:
        lines.append("gone")
    lines += ["ring"] * selected + ["locked"] * bool(state.locked)
    lines += ["eligible"] * bool(state.eligible)
    if not state.overlay_scale:
        lines += [stage for stage, _ in STAGE_WORDS]
    return (*lines, "gauge")


def _paint_sign(painter: QPainter, ink: Ink, line: str, area: QRectF) -> None:
    palette = ink.palette
    middle = area.center()
    box = area.adjusted(1, 1, -1, -1)
    if line == "selected":
        draw_badge(painter, area.right(), middle.y(), "−%", line, 9, ink)
    elif line == "ghost":
        hatched = hatch_lines(box) or [QLineF()]
        draw_ghost(painter, box, hatched, "selected", palette.border, ink)
    elif line == "gone":
        draw_gone(painter, box, 3, ink)
    elif line in palette.roles:
        smaller = box.adjusted(3, 3, -3, -3) if line == "coupled" else box
        draw_box(painter, smaller, 3, line, palette.border, palette.box, ink)
        if line == "blocked":
            painter.save()
            painter.translate(middle)
            painter.scale(0.6, 0.6)
            draw_stop(painter, QPointF(0, 0), ink)
            painter.restore()
    elif line in palette.stages:
        draw_box(painter, box, 3, "", palette.stage_lines[line], palette.stages[line], ink)
    elif line == "ring":
        painter.setPen(ink.pen(palette.focus, 2.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 5, 5)
    elif line == "gauge":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink.brush(palette.bar))
        painter.drawRoundedRect(QRectF(middle.x(), area.top(), 4, 14), 2, 2)
        painter.setBrush(ink.brush(palette.stroke))
        painter.drawRoundedRect(QRectF(middle.x(), area.top() + 5, 4, 9), 2, 2)
    elif line == "locked":
        draw_lock(painter, QPointF(middle.x() - 5, middle.y() - 7), ink, palette.lock)
    else:
        draw_tick(painter, QPointF(middle.x() - 6, middle.y() - 6), ink, palette.eligible)


def _write(painter: QPainter, ink: Ink, x: float, height: int, text: str, colour: str) -> float:
    """Write a text from a place on, in the middle of the line; return where it ends."""
    width = ink.width("small", SIZES["small"], text)
    painter.setFont(ink.font("small", SIZES["small"]))
    painter.setPen(ink.pen(colour))
    row = QRectF(x, 0, width + 8, height)
    painter.drawText(row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    return x + width
