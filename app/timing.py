"""Milliseconds of a plan in the window: reads the table of layer times, or has one measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.context import Context

if TYPE_CHECKING:
    from core.plan.latency import Clock


class Timing(QObject):
    """The window's side of the job ``latency_table``.

    Signals
    -------
    failed(Failure)
    """

    failed = Signal(object)

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._jobs = context.session, context.jobs
        self._session.modelChanged.connect(self.look_up)
        self._jobs.finished.connect(self._ended)

    def look_up(self) -> None:
        """Take in the table of the open model that is known on this machine, if there is one."""
        model = self._session.model
        self._session.measured.set_clock(
            None if model is None else known_clock(model.facts, model.table)
        )

    def measure(self) -> None:
        """Measure the layers of the open model on this machine."""
        model = self._session.model
        if model is None or self._jobs.running("latency_table"):
            return
        self._jobs.submit(
            "latency_table",
            f"Time the layers of {Path(model.path).name}",
            {"path": model.path, "sha256": model.facts.sha256},
            failed=self.failed.emit,
        )

    def _ended(self, number: int, state: str) -> None:
        """A suggestion towards a time makes its table too."""
        record = self._jobs.record(number)
        if state == "done" and record is not None and record.job in ("latency_table", "suggest"):
            self.look_up()


def known_clock(facts: Any, table: Any) -> Clock | None:
    """Return what tells a plan's milliseconds on this machine, when a table of it is cached."""
    from core.plan.latency import Clock
    from core.plan.latency_files import usual_latency

    known = usual_latency(facts.sha256, facts.image_size)
    if known is None or len(known.layer_grid) != len(table.layers):
        return None
    return Clock(known, table)
