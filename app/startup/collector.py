"""Python's cyclic garbage is collected on the thread of the window alone."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

EVERY_MS = 1000


class Collector(QObject):
    """Collects from time to time, in the place of Python's own collector.

    That one runs in whichever thread allocates. In a worker it may meet windows and other objects
    of Qt, which only their own thread may destroy: the program would crash.

    Parameters
    ----------
    parent : QObject
        It lasts as long as this; then Python collects by itself again.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()
        parent.destroyed.connect(gc.enable)

    def collect(self) -> None:
        """Collect what is due; all generations only while no button is held."""
        counts, limits = gc.get_count(), gc.get_threshold()
        held = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        for generation in (1, 0) if held else (2, 1, 0):
            if counts[generation] > limits[generation]:
                gc.collect(generation)
                return
