"""The window's handle on tasks: submits them, remembers them, relays their ends."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal

from app.engine.protocol import EngineState, Failure, Request
from app.engine.worker import EngineWorker
from core.progress import TimeLeft, with_left

Done = Callable[[Any], object]
"""Takes what a task answers: JSON, whose shape the task documents and the caller declares."""
Failed = Callable[[Failure], object]
Nothing = Callable[[], object]
Partial = Callable[[Any], object]
TICK_MS = 1000
"""Between two looks at the time left of what runs."""


@dataclass
class TaskRecord:
    """One task, for the list of tasks."""

    number: int
    task: str
    title: str
    state: str = "waiting"
    fraction: float = 0.0
    text: str = ""
    started: float = 0.0
    seconds: float = 0.0
    estimate: TimeLeft = field(default_factory=TimeLeft)

    @property
    def left(self) -> str:
        """The time left in words; empty while it is unknown, and once it is over."""
        return self.estimate.words if self.state == "running" else ""

    @property
    def words(self) -> str:
        """What it is doing, and the time left."""
        return with_left(self.text, self.left)

    @property
    def over(self) -> bool:
        """Whether it reached its end."""
        return self.state in ("done", "failed", "cancelled")


class EngineClient(QObject):
    """Owns the worker's thread. Everything here happens on the window's thread.

    Parameters
    ----------
    log : Path
        Where the engine's own output goes.
    """

    changed = Signal(int)
    partial = Signal(int, dict)
    finished = Signal(int, str)
    engine_changed = Signal(object)
    engine_died = Signal(str, bool)
    failed = Signal(object)
    _submit = Signal(object)
    _cancel = Signal(int)
    _start = Signal()
    _stop = Signal()

    def __init__(self, log: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.log = log
        self.records: list[TaskRecord] = []
        self.state = EngineState("off")
        self._numbers = itertools.count(1)
        self._ends: dict[int, tuple[Done | None, Failed | None, Nothing | None]] = {}
        self._partials: dict[int, Partial] = {}
        self._thread = QThread(self)
        self._thread.setObjectName("engine")
        self._worker = EngineWorker(log)
        self._worker.moveToThread(self._thread)
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self._connect()
        self._thread.start()

    def _connect(self) -> None:
        worker = self._worker
        self._submit.connect(worker.submit)
        self._cancel.connect(worker.cancel)
        self._start.connect(worker.start)
        self._stop.connect(worker.stop)
        worker.started.connect(self._on_started)
        worker.progressed.connect(self._on_progress)
        worker.partial.connect(self._on_partial)
        worker.done.connect(self._on_done)
        worker.failed.connect(self._on_failed)
        worker.cancelled.connect(self._on_cancelled)
        worker.engine_changed.connect(self._on_engine)
        worker.engine_died.connect(self.engine_died)
        # Straight from the worker's thread: the window's own is waiting for it then.
        worker.stopped.connect(self._thread.quit, Qt.ConnectionType.DirectConnection)

    # ---- asking -------------------------------------------------------------------------------

    def start_engine(self) -> None:
        """Start the engine before it is needed."""
        self._start.emit()

    def submit(
        self,
        task: str,
        title: str,
        args: Mapping[str, Any],
        *,
        done: Done | None = None,
        failed: Failed | None = None,
        cancelled: Nothing | None = None,
        partial: Partial | None = None,
    ) -> int:
        """Hand in a task; exactly one of ``done``, ``failed`` and ``cancelled`` is called, later.

        Without ``failed``, a failure is announced by the signal of that name.

        ``partial`` is called before, as often as the task hands on what it has found so far.
        """
        number = next(self._numbers)
        if partial is not None:
            self._partials[number] = partial
        self.records.append(TaskRecord(number, task, title))
        self._ends[number] = (done, failed, cancelled)
        self.changed.emit(number)
        self._submit.emit(Request(number, task, dict(args)))
        return number

    def cancel(self, number: int) -> None:
        """Ask for a task to end; it does within a second."""
        self._cancel.emit(number)

    def running(self, *kinds: str) -> list[TaskRecord]:
        """Return the tasks that are not over, of these kinds (all kinds when none is named)."""
        return [r for r in self.records if not r.over and (not kinds or r.task in kinds)]

    def record(self, number: int) -> TaskRecord | None:
        """Find a task."""
        return next((r for r in self.records if r.number == number), None)

    def shutdown(self) -> None:
        """End the engine and the thread; waits for both."""
        if not self._thread.isRunning():
            return
        self._stop.emit()
        if not self._thread.wait(5000):
            self._thread.terminate()
            self._thread.wait()

    # ---- hearing ------------------------------------------------------------------------------

    def _on_engine(self, state: EngineState) -> None:
        self.state = state
        self.engine_changed.emit(state)

    def _on_started(self, number: int) -> None:
        record = self.record(number)
        if record is not None:
            record.state, record.started = "running", time.monotonic()
            self._tick.start()
            self.changed.emit(number)

    def _on_progress(self, number: int, fraction: float, text: str) -> None:
        record = self.record(number)
        if record is not None:
            record.fraction, record.text = fraction, text
            record.estimate.step(fraction)
            record.seconds = time.monotonic() - record.started
            self.changed.emit(number)

    def _on_tick(self) -> None:
        """Let the time left count down while no step is reported."""
        running = [record for record in self.records if record.state == "running"]
        for record in running:
            record.seconds = time.monotonic() - record.started
            self.changed.emit(record.number)
        if not running:
            self._tick.stop()

    def _on_partial(self, number: int, data: dict[str, Any]) -> None:
        if number in self._partials:
            self._partials[number](data)
        self.partial.emit(number, data)

    def _on_done(self, number: int, result: dict[str, Any]) -> None:
        done, _, _ = self._close(number, "done", "Done")
        if done is not None:
            done(result)

    def _on_failed(self, number: int, failure: Failure) -> None:
        _, failed, _ = self._close(number, "failed", failure.message)
        record = self.record(number)
        if record is not None:
            failure = replace(failure, task=record.task)
        if failed is not None:
            failed(failure)
        else:
            self.failed.emit(failure)

    def _on_cancelled(self, number: int) -> None:
        _, _, cancelled = self._close(number, "cancelled", "Cancelled")
        if cancelled is not None:
            cancelled()

    def _close(
        self, number: int, state: str, text: str
    ) -> tuple[Done | None, Failed | None, Nothing | None]:
        record = self.record(number)
        ends = self._ends.pop(number, (None, None, None))
        self._partials.pop(number, None)
        if record is not None:
            record.state, record.text = state, text
            record.fraction = 1.0 if state == "done" else record.fraction
            record.seconds = time.monotonic() - record.started if record.started else 0.0
            self.changed.emit(number)
            self.finished.emit(number, state)
        return ends
