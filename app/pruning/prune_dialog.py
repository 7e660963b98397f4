"""Where the pruned network goes, and how it is repaired before it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from app.kit.controls import combo
from app.kit.save_dialog import SaveDialog
from app.kit.widgets import column, label
from app.pruning import repair_words

CHECKPOINTS = "Checkpoints (*.pt)"
WAYS = {
    "none": ("nothing", "Keep the remaining weights of the original"),
    "auto": ("automatically", "All steps; each is kept only if it helps"),
    "chosen": ("selected steps", "Only the steps selected below; each is kept only if it helps"),
}
ABOUT = (
    "Repair adjusts the remaining weights to bring the outputs close to the original's. "
    "It needs no labels. Every step is measured on held-out images."
)


class PruneDialog(SaveDialog):
    """Asks for a file and a way to repair.

    Signals
    -------
    chosen(Path, object, bool)
        The file, the repair as the engine takes it (None for none), and whether FP32 is to be
        saved of a model that came in FP16.

    Parameters
    ----------
    suggested : Path
    parent : QWidget, optional
    half : bool
        Whether the model came in FP16.
    """

    chosen = Signal(object, object, bool)

    def __init__(
        self, suggested: Path, parent: QWidget | None = None, *, half: bool = False
    ) -> None:
        super().__init__(
            "Prune", "the pruned model", suggested, CHECKPOINTS, "Prune", ABOUT, parent
        )
        self.setMinimumWidth(520)
        self.way: QComboBox = combo(WAYS, "Repair of the pruned network")
        self.way.setCurrentIndex(self.way.findData("auto"))
        self.steps = {name: QCheckBox(title) for name, (title, _) in repair_words.STEPS.items()}
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0.5, 600.0)
        self.minutes.setDecimals(1)
        self.minutes.setValue(repair_words.MINUTES)
        self.minutes.setSuffix(" minutes at most")
        self.minutes.setAccessibleName("Time limit of the repair in minutes")
        self.images = QSpinBox()
        self.images.setRange(0, 1_000_000)
        self.images.setSpecialValueText("All images")
        self.images.setSuffix(" images at most")
        self.images.setAccessibleName("Images for the repair; 0 for all")
        self.images.setToolTip(
            "Repair reads the training images without their labels; "
            "as many are read as a tenth of the time limit allows"
        )
        self.fp32 = QCheckBox("Save FP32 weights (twice the size)")
        self.fp32.setToolTip("The model came in FP16, and is saved so unless this is on")
        self._lay_out()
        self.form.setRowVisible(self.fp32, half)
        self.way.currentIndexChanged.connect(self._show)
        self.path.textChanged.connect(self._show)
        for box in self.steps.values():
            box.toggled.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        self._marks = QWidget()
        parts: list[QWidget] = []
        for name, box in self.steps.items():
            box.setChecked(True)
            parts += [box, label(repair_words.STEPS[name][1], "muted")]
        self._marks.setLayout(column(*parts, margins=0, spacing=2))
        self.form.addRow("Repair", self.way)
        self.form.addRow("", self._marks)
        self.form.addRow("Time limit", self.minutes)
        self.form.addRow("Images", self.images)
        self.form.addRow("Precision", self.fp32)

    def _show(self) -> None:
        way = self.way.currentData()
        self.form.setRowVisible(self._marks, way == "chosen")
        for field in (self.minutes, self.images):
            self.form.setRowVisible(field, way != "none")
        self.go.setEnabled(bool(self.path.text().strip()) and self.repair() != {})
        self.adjustSize()

    def repair(self) -> dict[str, Any] | None:
        """Return the repair as the engine takes it; empty where no step is marked."""
        way = self.way.currentData()
        if way == "none":
            return None
        steps = [name for name, box in self.steps.items() if box.isChecked()]
        if way == "chosen" and not steps:
            return {}
        return {
            "steps": steps if way == "chosen" else ["auto"],
            "minutes": self.minutes.value(),
            "images": self.images.value() or None,
        }

    def accept(self) -> None:
        """Emit the choice, and close."""
        self.chosen.emit(self.file(".pt"), self.repair(), self.fp32.isChecked())
        super().accept()
