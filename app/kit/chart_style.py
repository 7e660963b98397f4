"""Charts; the only package that imports pyqtgraph, and imported only when a chart is shown."""

from __future__ import annotations

from typing import Literal

import pyqtgraph as pg
from PySide6.QtWidgets import QFrame

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
    plot.getAxis("left").setWidth(left)


def calm(plot: pg.PlotWidget, name: str, tip: str) -> None:
    """Take away what only confuses here: menus, buttons, moving the axes with the mouse."""
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setMouseEnabled(False, False)
    plot.setFrameShape(QFrame.Shape.NoFrame)
    plot.setAccessibleName(name)
    plot.setToolTip(tip)
