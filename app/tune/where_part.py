"""Where a job runs: on this computer, or by Slurm; a part of the form."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit, QWidget

from app.kit.controls import choose, combo, row

PLACES = {
    "": ("This computer", "In the queue of this computer"),
    "slurm": ("Slurm", "A node of the cluster runs the job; everything must lie on a shared disk"),
}
EXAMPLE = "gpu minutes=240 gpus=1"


class WherePart:
    """A choice of places, and what Slurm is asked for.

    Attributes
    ----------
    widget : QWidget
        To be laid out.
    """

    def __init__(self) -> None:
        self.place = combo(PLACES, "Run on")
        self.limits = QLineEdit()
        self.limits.setPlaceholderText(EXAMPLE)
        self.limits.setAccessibleName("Partition and limits for Slurm")
        self.limits.setToolTip(
            "The partition, then limits: minutes, memory (GB), cores, gpus, nodes, or an option of "
            "sbatch such as account=NAME"
        )
        self.widget: QWidget = row(self.place, self.limits)
        self.place.currentIndexChanged.connect(lambda _: self._show())
        self._show()

    def _show(self) -> None:
        self.limits.setVisible(bool(self.place.currentData()))

    @property
    def text(self) -> str:
        """What is chosen: empty for this computer, or ``slurm`` with what it is asked for."""
        return f"{self.place.currentData()} {self.limits.text()}".strip()

    def choose(self, text: str) -> None:
        """Choose what `text` was."""
        kind, _, limits = text.partition(" ")
        choose(self.place, kind if kind in PLACES else "")
        self.limits.setText(limits)
