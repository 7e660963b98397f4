"""Zoom out, the zoom, zoom in, and Fit: in the line below the drawing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget


class ZoomControl(QWidget):
    """Buttons for the zoom.

    Signals
    -------
    outAsked, inAsked, fitAsked, wholeAsked
        One of its buttons was pressed; ``wholeAsked`` is 100%.
    """

    outAsked = Signal()
    inAsked = Signal()
    fitAsked = Signal()
    wholeAsked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("zoomControl")
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 2)
        row.setSpacing(2)
        self.out = self._button("−", "Zoom out", self.outAsked)
        self.percent = self._button("100%", "Zoom to 100%", self.wholeAsked)
        self.percent.setMinimumWidth(self.fontMetrics().horizontalAdvance("100%") + 18)
        self.enlarge = self._button("+", "Zoom in", self.inAsked)
        self.whole = self._button("Fit", "Show the whole network (F)", self.fitAsked)

    def _button(self, text: str, tip: str, signal: SignalInstance) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setAutoRaise(True)
        # The keyboard zooms by + and -; the focus stays on the drawing.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(signal)
        self._row.addWidget(button)
        return button

    def show_zoom(self, zoom: float, least: float, most: float) -> None:
        """Show a zoom, and whether it can continue in each direction."""
        self.percent.setText(f"{100 * zoom:.0f}%")
        self.out.setEnabled(zoom > least * 1.001)
        self.enlarge.setEnabled(zoom < most * 0.999)
