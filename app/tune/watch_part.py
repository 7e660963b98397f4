"""A fine-tuning as it runs: figures and charts; a part of the panel “Fine-tune”."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from app.kit import formats
from app.kit.widgets import label
from core.runs.tail import Snapshot

if TYPE_CHECKING:
    from app.tune.training_chart import TrainingCharts

FACTS = ("Epoch", "Accuracy", "Images/s", "Time left", "Memory", "Device", "Parameters")
SIDE = 264


class WatchPart(QWidget):
    """Figures at the left, charts at the right."""

    def __init__(self) -> None:
        super().__init__()
        self._charts: TrainingCharts | None = None
        self.values: dict[str, QLabel] = {}
        side = QWidget()
        side.setFixedWidth(SIDE)
        grid = QGridLayout(side)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for number, name in enumerate(FACTS):
            self.values[name] = label("–", wrap=False)
            self.values[name].setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.values[name].setAccessibleName(name)
            grid.addWidget(label(name, "muted", wrap=False), number, 0)
            grid.addWidget(self.values[name], number, 1)
        self.notes = label("", "muted")
        grid.addWidget(self.notes, len(FACTS), 0, 1, 2)
        grid.setRowStretch(len(FACTS) + 1, 1)
        self._place = QHBoxLayout(self)
        self._place.setContentsMargins(0, 0, 0, 0)
        self._place.setSpacing(12)
        self._place.addWidget(side)
        self._place.addStretch(1)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show how far a job is; nothing of the last one stays."""
        facts = facts_of(snapshot) if snapshot is not None else {}
        for name, value in self.values.items():
            value.setText(facts.get(name, "–"))
            value.setToolTip(facts.get(name, ""))
        notes = snapshot.notes if snapshot is not None else ()
        said = snapshot.text if snapshot is not None and snapshot.entry.active else ""
        last = notes[-1] if notes else ""
        self.notes.setText(said or last)
        self.notes.setToolTip("\n".join(notes))
        if self._charts is None:
            from app.tune.training_chart import TrainingCharts

            self._charts = TrainingCharts()
            self._place.takeAt(1)
            self._place.addWidget(self._charts, 1)
        self._charts.show_snapshot(snapshot)

    @property
    def charts(self) -> TrainingCharts | None:
        """The charts, once one was shown."""
        return self._charts

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        if self._charts is not None:
            self._charts.restyle()


def facts_of(snapshot: Snapshot) -> dict[str, str]:
    """Describe in words how far a job is; what is not known yet is left out."""
    facts: dict[str, str] = {}
    if snapshot.epochs:
        epoch = f"{snapshot.epoch} of {snapshot.epochs}"
        within = snapshot.batches and snapshot.entry.active
        batch = f", batch {snapshot.batch} of {snapshot.batches}" if within else ""
        step = f"{snapshot.step}/{snapshot.steps}: " if snapshot.steps else ""
        facts["Epoch"] = step + epoch + batch
    figures = [f"{v:.4f}" for v in (snapshot.before, snapshot.best) if v is not None]
    if figures:
        facts["Accuracy"] = f"{' → '.join(figures)} {snapshot.measure}"
    if snapshot.images_per_second is not None:
        facts["Images/s"] = f"{snapshot.images_per_second:.1f}"
    if snapshot.seconds_left is not None and snapshot.entry.active:
        facts["Time left"] = f"about {formats.duration(snapshot.seconds_left)}"
    names = {"process": "", "gpu": " on the GPU"}
    memory = [formats.size(v) + names.get(k, "") for k, v in snapshot.memory.items()]
    if memory:
        facts["Memory"] = ", ".join(memory)
    if snapshot.device:
        facts["Device"] = snapshot.device
    if snapshot.parameters:
        facts["Parameters"] = f"{snapshot.parameters:,}"
    return facts
