"""How charts look: the colours of the theme."""

from __future__ import annotations

from typing import Literal

import pyqtgraph as pg

from app.kit import theme
from core.system.escape import html_text

SIDES: tuple[Literal["bottom"], Literal["left"]] = ("bottom", "left")


def name_axis(plot: pg.PlotWidget, side: Literal["bottom", "left"], text: str) -> None:
    """Name an axis; pyqtgraph takes the name for HTML, and it may be out of a file."""
    plot.getAxis(side).setLabel(html_text(text))


def dress(plot: pg.PlotWidget, left: int = 34) -> None:
    """Give a plot the colours of the theme.

    Parameters
    ----------
    plot : PlotWidget
    left : int
        Room for the numbers at the left, in pixels.
    """
    plot.setBackground(theme.colour("base"))
    for side in SIDES:
        axis = plot.getAxis(side)
        axis.setPen(theme.colour("border"))
        axis.setTextPen(theme.colour("muted"))
        axis.setSIPrefixEnableRanges(())  # switched off, it still scales what is below 1
        axis.enableAutoSIPrefix(False)
        axis.setLabel(axis.labelText or None, color=theme.colours().muted)
    plot.getAxis("left").setWidth(left)
