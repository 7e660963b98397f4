"""Asks how alternatives are measured, and shows how long that takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QWidget

from app.kit import formats
from app.kit.controls import choose, combo
from app.kit.widgets import column, label
from core.progress import about

Steps = tuple[str, ...]
REPAIRS: Mapping[str, tuple[str, str]] = {
    "bn,refit": (
        "BatchNorm statistics and refit",
        "Closest to what a network can reach without training",
    ),
    "bn": ("BatchNorm statistics", "Faster, and recovers less"),
    "": ("None", "The network as it is pruned"),
}
"""By the steps of the engine, with commas between them."""
ABOUT = (
    "Prunes a copy for each network, repairs it on images of the train split, evaluates it on up "
    "to {images} of the val split and times it in turns with the unpruned network. None of your "
    "files is changed. Points appear as they are measured, and stay if you cancel."
)
ESTIMATING = "Estimating…"


class MeasureDialog(QDialog):
    """Asks for the repair and starts the measurement.

    Signals
    -------
    estimateWanted(tuple of str)
        How long it takes with these steps of repair is to be shown.
    chosen(tuple of str)
        Measure, with these steps of repair.

    Parameters
    ----------
    images : int
        How many are evaluated, at most.
    repair : tuple of str
        What is offered first.
    parent : QWidget, optional
    """

    estimateWanted = Signal(object)
    chosen = Signal(object)

    def __init__(self, images: int, repair: Steps, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Measure alternatives")
        self.setMinimumWidth(440)
        self.repair: QComboBox = combo(REPAIRS, "Repair before the evaluation")
        choose(self.repair, ",".join(repair))
        self.estimate = label(ESTIMATING)
        self.estimate.setAccessibleName("Estimated time")
        form = QFormLayout()
        form.addRow("Repair", self.repair)
        form.addRow("Estimate", self.estimate)
        body = QWidget()
        body.setLayout(form)
        form.setContentsMargins(0, 0, 0, 0)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go = self.buttons.addButton("Measure", QDialogButtonBox.ButtonRole.AcceptRole)
        self.go.setProperty("primary", "true")
        self.go.setDefault(True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        words = label(ABOUT.format(images=formats.counted(images, "image")))
        self.setLayout(column(words, body, self.buttons, margins=14, spacing=12))
        self.repair.currentIndexChanged.connect(self.ask)

    @property
    def steps(self) -> Steps:
        """The steps of repair that are chosen."""
        return tuple(filter(None, str(self.repair.currentData()).split(",")))

    def ask(self) -> None:
        """Ask for the estimate of what is chosen."""
        self.estimate.setText(ESTIMATING)
        self.go.setEnabled(True)
        self.estimateWanted.emit(self.steps)

    def show_estimate(self, found: Mapping[str, Any]) -> None:
        """Show what the engine estimated, as its task ``estimate_front`` returns it."""
        self.estimate.setText(estimate_words(found))
        self.go.setEnabled(bool(found["networks"]))

    def accept(self) -> None:
        """Emit the choice, and close."""
        self.chosen.emit(self.steps)
        super().accept()


def estimate_words(found: Mapping[str, Any]) -> str:
    """Write an estimate: 9 networks, about 8 min. 1 is measured already."""
    missing, known = int(found["networks"]), int(found["known"])
    images = formats.counted(int(found["images"]), "image")
    if not missing:
        return f"All {known} networks are measured already on {images}."
    words = f"{formats.counted(missing, 'network')} on {images}: {about(float(found['seconds']))}."
    if known:
        words += f" {known} {'is' if known == 1 else 'are'} measured already."
    return words
