"""Where long work runs: this computer, Ray on it, or a Ray cluster by its address."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from app.kit.controls import choose, combo
from core.cluster.place import CLIENT_PORT, Place
from core.errors import UserError

HERE, RAY, CLUSTER = "", "ray", "cluster"
PREFIX = "ray://"
PLACES = {
    HERE: ("This computer", "Measure in the engine process"),
    RAY: ("Ray, local", "Measure by Ray on the cores and GPUs of this computer"),
    CLUSTER: ("Ray cluster…", "Measure on the nodes of a Ray cluster"),
}


class PlaceChoice(QWidget):
    """Chooses a place.

    Parameters
    ----------
    text : str
        The place at first, as `core.cluster.place.Place` reads it; empty for this computer.

    Signals
    -------
    changed(str)
        The place, once it can be one.
    """

    changed = Signal(str)

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.box: QComboBox = combo(PLACES, "Run on")
        self.address = QLineEdit()
        self.address.setPlaceholderText(f"host:{CLIENT_PORT}")
        self.address.setAccessibleName("Address of the Ray cluster")
        self.address.setToolTip(
            f"Host and port of the cluster's Ray client server ({CLIENT_PORT} as a rule)"
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        layout.addWidget(self.address, 1)
        cluster = text.startswith(PREFIX)
        choose(self.box, CLUSTER if cluster else RAY if text == RAY else HERE)
        self.address.setText(text.removeprefix(PREFIX) if cluster else "")
        self.box.activated.connect(self._chosen)
        self.address.editingFinished.connect(self._tell)
        self._show_address()

    def place(self) -> Place | None:
        """Return the place; None is this computer.

        Raises
        ------
        UserError
            For an address that is none.
        """
        kind = self.box.currentData()
        if kind == HERE:
            return None
        address = self.address.text().strip().removeprefix(PREFIX)
        return Place.parse(RAY if kind == RAY else f"{PREFIX}{address}")

    def _chosen(self) -> None:
        self._show_address()
        if self.box.currentData() == CLUSTER and not self.address.text():
            self.address.setFocus()
        else:
            self._tell()

    def _show_address(self) -> None:
        self.address.setVisible(self.box.currentData() == CLUSTER)

    def _tell(self) -> None:
        try:
            place = self.place()
        except UserError:  # said when work is to start there
            return
        self.changed.emit(place.text if place is not None else HERE)
