"""Where long work runs: this computer, Ray on it, a Ray cluster, or jobs of Slurm."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from app.kit.controls import choose, combo, row
from app.kit.widgets import column, label
from core.cluster.place import CLIENT_PORT, Place
from core.cluster.slurm import read_place
from core.errors import UserError

HERE, RAY, CLUSTER, SLURM = "", "ray", "cluster", "slurm"
PREFIX = "ray://"
EXAMPLE = "gpu minutes=240 gpus=1"
HINTS = {
    CLUSTER: "Enter the host and port of the cluster's Ray client server, such as head:10001.",
    SLURM: f"Enter the partition, then limits, such as {EXAMPLE}.",
}
"""What to do about a place that is none, by its kind."""


class PlaceChoice(QWidget):
    """Chooses a place, and shows a line for what that needs: an address, or limits.

    Parameters
    ----------
    places : mapping of str to (str, str)
        Titles and tips of the kinds to choose from: ``HERE``, ``RAY``, ``CLUSTER``, ``SLURM``.
    text : str
        The place at first, as `core.cluster.slurm.read_place` reads it; empty for this computer.

    narrow : bool
        Whether the line is below, and *Run on* in front of the box: for a narrow panel.

    Signals
    -------
    changed(str)
        The place, once it can be one.
    """

    changed = Signal(str)

    def __init__(
        self, places: Mapping[str, tuple[str, str]], text: str = "", *, narrow: bool = False
    ) -> None:
        super().__init__()
        self.box: QComboBox = combo(places, "Run on")
        self.address = QLineEdit()
        self.address.setPlaceholderText(f"host:{CLIENT_PORT}")
        self.address.setAccessibleName("Address of the Ray cluster")
        self.address.setToolTip(
            f"Host and port of the cluster's Ray client server ({CLIENT_PORT} as a rule)"
        )
        self.limits = QLineEdit()
        self.limits.setPlaceholderText(EXAMPLE)
        self.limits.setAccessibleName("Partition and limits for Slurm")
        self.limits.setToolTip(
            "The partition, then limits: minutes, memory (GB), cores, gpus, nodes, or an option of "
            "sbatch such as account=NAME"
        )
        self._lines = {CLUSTER: self.address, SLURM: self.limits}
        for line in self._lines.values():
            line.editingFinished.connect(self._tell)
        lines = tuple(self._lines.values())
        if narrow:
            head = row(label("Run on", wrap=False), self.box, stretch=1)
            self.setLayout(column(head, *lines, margins=0, spacing=5))
        else:
            self.setLayout(column(row(self.box, *lines), margins=0))
        self.choose(text)
        self.box.currentIndexChanged.connect(lambda _: self._show_line())
        self.box.activated.connect(self._chosen)

    # ---- what is chosen -----------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """The kind of place."""
        return str(self.box.currentData() or HERE)

    @property
    def text(self) -> str:
        """The place as it is written, which may be none; empty for this computer."""
        if self.kind == CLUSTER:
            return f"{PREFIX}{self.address.text().strip().removeprefix(PREFIX)}"
        if self.kind == SLURM:
            return f"{SLURM} {self.limits.text()}".strip()
        return self.kind

    @property
    def hint(self) -> str:
        """What to do about a place that is none."""
        return HINTS.get(self.kind, "")

    def place(self) -> Place | None:
        """Return the place; None is this computer.

        Raises
        ------
        UserError
            For an address or limits that are none.
        """
        return read_place(self.text) if self.text else None

    def choose(self, text: str) -> None:
        """Show a place; this computer, where it is none or none of those to choose from."""
        kind = HERE
        try:
            place = read_place(text) if text else None
        except UserError:  # of another version
            place = None
        if place is not None and place.address:
            kind = CLUSTER
            self.address.setText(place.address)
        elif place is not None:
            kind = place.kind
        if place is not None and kind == SLURM:
            words = place.line.removeprefix(place.text).strip()
            self.limits.setText(f"{place.partition} {words}".strip())
        choose(self.box, kind if self.box.findData(kind) >= 0 else HERE)
        self._show_line()

    # ---- showing ------------------------------------------------------------------------------

    def _chosen(self) -> None:
        if self.kind == CLUSTER and not self.address.text():
            self.address.setFocus()
        else:
            self._tell()

    def _show_line(self) -> None:
        for kind, line in self._lines.items():
            line.setVisible(self.kind == kind)

    def _tell(self) -> None:
        try:
            place = self.place()
        except UserError:  # said when work is to start there
            return
        self.changed.emit(place.line if place is not None else HERE)
