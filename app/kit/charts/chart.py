"""What every chart is: a plot that can be saved as SVG and CSV, and copied as a picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QFileDialog, QFrame, QMessageBox, QWidget

from app.kit.charts.data import ChartData
from app.kit.charts.picture import ChartPicture, LegendEntry
from core.errors import UserError
from core.system.files import write_bytes

SAVE_SVG, SAVE_CSV, COPY = "Save as SVG…", "Save as CSV…", "Copy as picture"
"""Texts of the actions, by which a chart's context menu is known."""
HOW = "Right-click to save or copy the chart"


class Chart(pg.PlotWidget):
    """A plot with a context menu; whoever derives from it says what it draws.

    Parameters
    ----------
    name : str
        Its title in pictures, and its name for screen readers.
    tip : str
    parent : QWidget, optional

    Raises
    ------
    TypeError
        When a class derived from it has no ``data``.
    """

    folder = Path.home()
    """Where a file dialog starts: the folder that the last chart was saved in."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.data is Chart.data or cls.restyle is Chart.restyle:
            raise TypeError(f"{cls.__name__} does not say what it draws, or in which colours")

    def __init__(self, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(False, False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(name)
        self.setToolTip(f"{tip}\n{HOW}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._offer(SAVE_SVG, self._save_svg)
        self._offer(SAVE_CSV, self._save_csv)
        self._offer(COPY, self.copy_picture, "Ctrl+C")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def _offer(self, text: str, act: Callable[[], object], keys: str = "") -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda: act())
        self.addAction(action)

    # ---- what a chart says of itself ----------------------------------------------------------

    def data(self) -> ChartData:
        """Return what it draws now, as numbers."""
        raise NotImplementedError

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        raise NotImplementedError

    def legend(self) -> tuple[LegendEntry, ...]:
        """Return what tells its parts apart, for pictures; none where the plot itself does."""
        return ()

    # ---- saving and copying -------------------------------------------------------------------

    def svg(self) -> bytes:
        """Return it as an SVG, drawn on white paper, with its title and legend."""
        return self._picture().svg()

    def copy_picture(self) -> None:
        """Put it on the clipboard as the SVG shows it, at twice its size."""
        QGuiApplication.clipboard().setImage(self._picture().image())

    def _picture(self) -> ChartPicture:
        return ChartPicture(self, self.accessibleName(), self.legend(), self.restyle)

    def _save_svg(self) -> None:
        self._save(".svg", "SVG pictures (*.svg)", self.svg)

    def _save_csv(self) -> None:
        self._save(".csv", "CSV tables (*.csv)", lambda: self.data().csv().encode())

    def _save(self, suffix: str, kinds: str, made: Callable[[], bytes]) -> None:
        """Ask for a file and write it; why it could not be written is said where it was asked."""
        stem = re.sub(r"[^a-z0-9]+", "-", self.accessibleName().lower()).strip("-")
        suggested = str(Chart.folder / f"{stem}{suffix}")
        title = f"Save {self.accessibleName()}"
        name, _ = QFileDialog.getSaveFileName(self, title, suggested, kinds)
        if not name:
            return
        path = Path(name)
        path = path if path.suffix else path.with_suffix(suffix)
        try:
            write_bytes(path, made())
        except UserError as error:
            box = QMessageBox(self.window())
            box.setIcon(QMessageBox.Icon.Warning)
            box.setWindowTitle(title)
            box.setText(error.message)
            box.setInformativeText(error.hint)
            box.exec()
            box.deleteLater()
        else:
            Chart.folder = path.parent
