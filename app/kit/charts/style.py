"""How charts look: the colours of the theme."""

from __future__ import annotations

from typing import Literal

import pyqtgraph as pg

from app.kit import theme

SIDES: tuple[Literal["bottom"], Literal["left"]] = ("bottom", "left")


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
