"""How strongly a sparse training pulls scales to zero: a part of “Fine-tune”."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QDoubleSpinBox

from app.kit.controls import combo, row
from core.tune.presets import PRESETS, SCHEDULES


class SparsityPart:
    """The controls; the form puts them in its grid, and shows them for presets that are sparse."""

    def __init__(self) -> None:
        self.strength = QDoubleSpinBox()
        self.strength.setRange(0, 1000)
        self.strength.setDecimals(2)
        self.strength.setSingleStep(0.1)
        self.strength.setSpecialValueText("default")
        self.strength.setAccessibleName("Strength of the sparse training")
        self.strength.setToolTip(
            "After every step, BatchNorm scales move towards zero by this times the learning rate; "
            "only those of channels that can be cut"
        )
        self.schedule = combo(
            {name: (name, one.text) for name, one in SCHEDULES.items()}, "Course of the strength"
        )
        self.schedule.setMinimumContentsLength(8)
        self.widget = row(self.strength, self.schedule)

    @staticmethod
    def fits(preset: str) -> bool:
        """Return whether a preset pulls scales."""
        return preset in PRESETS and PRESETS[preset].sparsity > 0

    def settings(self, preset: str) -> dict[str, Any]:
        """Return what the controls say, as `core.tune.settings.Settings` has it."""
        if not self.fits(preset):
            return {}
        return {
            "sparsity": self.strength.value() or None,
            "sparsity_schedule": self.schedule.currentData(),
        }
