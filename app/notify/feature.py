"""Says on the desktop that something long has ended, while the window is not in front."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QApplication, QWidget

from app.context import Context
from app.feature import Feature, Features
from app.kit import formats
from app.kit.notifier import Notifier
from core.runs.listing import figures_of, lost_accuracy, unchanged_text
from core.runs.tail import RunEntry

LONG = 10.0
"""Seconds after which people look at something else."""


class NotifyFeature(Feature):
    """Notifies of engine tasks and jobs that took long; nothing while the window is in front."""

    name = "notify"

    def __init__(self, context: Context, window: QWidget, features: Features) -> None:
        super().__init__(context, window, features)
        self.notifier = Notifier(window)
        self.notifier.clicked.connect(self._raise)
        self._active: dict[str, float] = {}
        self._listed = False
        context.engine.finished.connect(self._task_ended)
        context.jobs.listChanged.connect(self._look_at_jobs)

    # ---- what ended ---------------------------------------------------------------------------

    def _task_ended(self, number: int, state: str) -> None:
        record = self.context.engine.record(number)
        if record is None or state == "cancelled" or record.seconds < LONG:
            return
        if state == "failed":
            self._say(f"{record.title}: failed", record.text)
        else:
            self._say(f"{record.title}: done", f"It took {formats.duration(record.seconds)}.")

    def _look_at_jobs(self) -> None:
        """Find the jobs that ended since the last look; those that ran before are long enough."""
        now, entries = time.monotonic(), self.context.jobs.entries
        for entry in entries:
            began = self._active.get(entry.folder)
            if began is not None and not entry.active and now - began >= LONG:
                self._job_ended(entry)
        began_now = now if self._listed else now - LONG
        running = [entry.folder for entry in entries if entry.active]
        self._active = {folder: self._active.get(folder, began_now) for folder in running}
        self._listed = True

    def _job_ended(self, entry: RunEntry) -> None:
        noun = entry.noun[:1].upper() + entry.noun[1:]
        figures = figures_of(entry)
        told = f"{entry.title}: {figures}" if figures else entry.title
        if entry.state == "done" and lost_accuracy(entry):
            self._say(f"{noun} done, but it lost accuracy", told)
        elif entry.state == "done" and unchanged_text(entry):
            self._say(f"{noun} done, but it did not help", told)
        elif entry.state == "done":
            self._say(f"{noun} done", told)
        elif entry.state == "failed":
            self._say(f"{noun} failed", f"{entry.title}: {entry.message}")
        elif entry.state == "interrupted":
            self._say(f"{noun} interrupted", f"{entry.title} can be resumed.")

    # ---- the desktop --------------------------------------------------------------------------

    def _say(self, title: str, text: str) -> None:
        in_front = QApplication.activeWindow() is not None
        if self.context.settings.notifications() and not in_front:
            self.notifier.show(title, text)

    def _raise(self) -> None:
        """Bring the window to the front, as large as it was."""
        window = self.window
        if window.isMinimized():
            window.showNormal()
        window.show()
        window.raise_()
        window.activateWindow()
