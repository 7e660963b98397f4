"""A fine-tuning as it runs: figures and charts; a part of the panel “Fine-tune”."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QStackedWidget, QWidget

from app.kit import formats
from app.kit.tick_list import TickList
from app.kit.widgets import label
from core.progress import about
from core.runs.tail import RunEntry, Snapshot

if TYPE_CHECKING:
    from app.tune.charts.overlay_chart import OverlayChart
    from app.tune.charts.training_chart import TrainingCharts

FACTS = ("Epoch", "Accuracy", "Images/s", "Time left", "Memory", "Device", "Parameters")
SIDE = 264
OTHERS = 5
"""Jobs that can be shown together with the watched one: as many as a chart has colours for."""
TOGETHER = "Tick other fine-tunings to show their curves in one chart with this one"


class WatchPart(QWidget):
    """Figures at the left, charts at the right.

    Signals
    -------
    overlayRequested(list of str)
        Folders of the jobs to show together with the watched one.
    """

    overlayRequested = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self._charts: TrainingCharts | None = None
        self._overlay: OverlayChart | None = None
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
        self.together = label("Show together with", "muted", wrap=False)
        self.others = TickList("Fine-tunings to show together with this one", most=OTHERS)
        self.others.setToolTip(TOGETHER)
        self.others.setMinimumHeight(48)
        self.others.ticked.connect(lambda: self.overlayRequested.emit(self.others.chosen))
        grid.addWidget(self.together, len(FACTS) + 1, 0, 1, 2)
        grid.addWidget(self.others, len(FACTS) + 2, 0, 1, 2)
        grid.setRowStretch(len(FACTS) + 2, 1)
        grid.setRowStretch(len(FACTS) + 3, 1)
        self._pages = QStackedWidget()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(side)
        layout.addWidget(self._pages, 1)
        self.offer(())

    def offer(self, entries: Sequence[RunEntry]) -> None:
        """Offer jobs to show together with the watched one."""
        names = {entry.folder: f"{entry.name}: {entry.word}" for entry in entries}
        self.others.offer(list(names), (), names)
        for part in (self.together, self.others):
            part.setVisible(bool(names))

    def show_together(self, shots: Sequence[Snapshot]) -> None:
        """Show several jobs in one chart; the charts of one where there is no other."""
        if len(shots) > 1:
            if self._overlay is None:
                from app.tune.charts.overlay_chart import OverlayChart

                self._overlay = OverlayChart()
                self._pages.addWidget(self._overlay)
            self._pages.setCurrentWidget(self._overlay)
            self._overlay.show_snapshots(shots)
        elif self._charts is not None:
            self._pages.setCurrentWidget(self._charts)

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
            from app.tune.charts.training_chart import TrainingCharts

            self._charts = TrainingCharts()
            self._pages.insertWidget(0, self._charts)
        self._charts.show_snapshot(snapshot)

    @property
    def charts(self) -> TrainingCharts | None:
        """The charts, once one was shown."""
        return self._charts

    @property
    def overlay(self) -> OverlayChart | None:
        """The chart of several jobs, once it was shown."""
        return self._overlay

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        for chart in (self._charts, self._overlay):
            if chart is not None:
                chart.restyle()


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
        facts["Time left"] = about(snapshot.seconds_left)
    names = {"process": "", "gpu": " on the GPU"}
    memory = [formats.size(v) + names.get(k, "") for k, v in snapshot.memory.items()]
    if memory:
        facts["Memory"] = ", ".join(memory)
    if snapshot.device:
        facts["Device"] = snapshot.device
    if snapshot.parameters:
        facts["Parameters"] = f"{snapshot.parameters:,}"
    return facts
