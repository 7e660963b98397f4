"""A list of files to tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem

PATH = Qt.ItemDataRole.UserRole


class TickList(QListWidget):
    """A list of files to tick; ticks stay.

    Parameters
    ----------
    name : str
        For screen readers.
    most : int, optional
        How many can be ticked.

    Signals
    -------
    ticked
    """

    ticked = Signal()

    def __init__(self, name: str, most: int | None = None) -> None:
        super().__init__()
        self._most = most
        self._offered: tuple[str, ...] = ()
        self._usual: frozenset[str] = frozenset()
        self.setAccessibleName(name)
        self.itemChanged.connect(lambda _: self._changed())

    def offer(
        self,
        paths: Sequence[str],
        ticked: Sequence[str] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Offer these; new ones come ticked, or only some of them.

        Parameters
        ----------
        paths : sequence of str
        ticked : sequence of str, optional
            Those that come ticked; all unless given.
        names : mapping of str to str, optional
            What they are called; by their file names unless given.
        """
        names = {path: Path(path).name for path in paths} if names is None else names
        offered, usual = tuple(paths), frozenset(paths if ticked is None else ticked)
        if (offered, usual) == (self._offered, self._usual):
            self._rename(names)
            return
        wanted = set(self.chosen) | (usual - self._usual)
        self._usual = usual
        self._offered = offered
        self.blockSignals(True)
        self.clear()
        for path in paths:
            item = QListWidgetItem(names[path], self)
            item.setToolTip(path)
            item.setData(PATH, path)
            item.setSizeHint(QSize(0, self.fontMetrics().height() + 8))  # room for the tick's box
            state = Qt.CheckState.Checked if path in wanted else Qt.CheckState.Unchecked
            item.setCheckState(state)
        self.blockSignals(False)
        self._changed()

    def _rename(self, names: Mapping[str, str]) -> None:
        self.blockSignals(True)
        for number, path in enumerate(self._offered):
            if self.item(number).text() != names[path]:
                self.item(number).setText(names[path])
        self.blockSignals(False)

    def _changed(self) -> None:
        """Let no more be ticked than may be, and say that ticks changed."""
        full = self._most is not None and len(self.chosen) >= self._most
        self.blockSignals(True)
        for number in range(self.count()):
            item = self.item(number)
            able = not full or item.checkState() == Qt.CheckState.Checked
            flags, enabled = item.flags(), Qt.ItemFlag.ItemIsEnabled
            item.setFlags(flags | enabled if able else flags & ~enabled)
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
