"""A list of files to tick."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem

PATH = Qt.ItemDataRole.UserRole


class TickList(QListWidget):
    """A list of files to tick; ticks stay.

    Signals
    -------
    ticked
    """

    ticked = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self._offered: tuple[str, ...] = ()
        self._usual: frozenset[str] = frozenset()
        self.setAccessibleName(name)
        self.itemChanged.connect(lambda _: self.ticked.emit())

    def offer(self, paths: Sequence[str], ticked: Sequence[str] | None = None) -> None:
        """Offer these; new ones come ticked, or only some of them.

        Parameters
        ----------
        paths : sequence of str
        ticked : sequence of str, optional
            Those that come ticked; all unless given.
        """
        offered, usual = tuple(paths), frozenset(paths if ticked is None else ticked)
        if (offered, usual) == (self._offered, self._usual):
            return
        wanted = set(self.chosen) | (usual - self._usual)
        self._usual = usual
        self._offered = offered
        self.blockSignals(True)
        self.clear()
        for path in paths:
            item = QListWidgetItem(Path(path).name, self)
            item.setToolTip(path)
            item.setData(PATH, path)
            item.setSizeHint(QSize(0, self.fontMetrics().height() + 8))  # room for the tick's box
            state = Qt.CheckState.Checked if path in wanted else Qt.CheckState.Unchecked
            item.setCheckState(state)
        self.blockSignals(False)
        self.ticked.emit()

    def choose(self, paths: Sequence[str]) -> None:
        """Tick these and no others."""
        for number in range(self.count()):
            item = self.item(number)
            wanted = item.data(PATH) in paths
            item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)

    @property
    def chosen(self) -> list[str]:
        """The ticked ones, in order."""
        items = [self.item(n) for n in range(self.count())]
        return [str(i.data(PATH)) for i in items if i.checkState() == Qt.CheckState.Checked]
