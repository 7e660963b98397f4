"""The worker: lives on a QThread, owns one engine process, runs one task after the other."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.engine.process import EngineProcess
from app.engine.protocol import EngineState, Failure, Request
from core.system.files import remove_parts
from core.system.scratch import sweep

CANCEL_PATIENCE_MS = 700
"""How long a task may take to hear that it is cancelled before its process is ended."""
DEATHS = 3
WITHIN_S = 60.0
"""An engine that dies this often in this time without ever getting ready is not started again
automatically; the next task tries once more."""

DIED = "The engine stopped unexpectedly ({how})."
DIED_HINT = (
    "It was restarted, and your plan is unchanged. If this happens again, the computer "
    "may not have enough memory for this model."
)


class EngineWorker(QObject):
    """Runs tasks in the engine and reports each of them to its one end.

    Every submitted task ends in exactly one of ``done``, ``failed`` and ``cancelled``, whatever
    happens to the engine.
    """

    started = Signal(int)
    progressed = Signal(int, float, str)
    partial = Signal(int, dict)
    done = Signal(int, dict)
    failed = Signal(int, object)
    cancelled = Signal(int)
    engine_changed = Signal(object)
    engine_died = Signal(str, bool)
    stopped = Signal()

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log
        self._engine: EngineProcess | None = None
        self._waiting: deque[Request] = deque()
        self._running: Request | None = None
        self._cancelling = False
        self._ready = False
        self._deaths: list[float] = []
        self._closing = False
        self._patience: QTimer | None = None

    # ---- from the window ----------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        """Start the engine in the background."""
        if self._engine is None and not self._closing:
            self._launch("starting")

    @Slot(object)
    def submit(self, request: Request) -> None:
        """Run a task as soon as the ones before it are over."""
        self._waiting.append(request)
        if self._engine is None:
            self._launch("starting")
        self._next()

    @Slot(int)
    def cancel(self, number: int) -> None:
        """Cancel a task: by leaving it out, by asking, and then by ending the engine."""
        for request in self._waiting:
            if request.number == number:
                self._waiting.remove(request)
                self.cancelled.emit(number)
                return
        if self._running is None or self._running.number != number or self._cancelling:
            return
        self._cancelling = True
        if self._engine is not None:
            self._engine.send({"cancel": number})
        if self._patience is None:
            self._patience = QTimer(self, singleShot=True, interval=CANCEL_PATIENCE_MS)
            self._patience.timeout.connect(self._lose_patience)
        self._patience.start()

    @Slot()
    def stop(self) -> None:
        """End the engine and every task; nothing starts again."""
        self._closing = True
        if self._patience is not None:  # it can be stopped on this thread alone
            self._patience.stop()
        if self._engine is not None:
            self._engine.stop()
            self._engine = None
        open_tasks = [*([self._running] if self._running else []), *self._waiting]
        self._running = None
        self._waiting.clear()
        for request in open_tasks:
            self._remove_parts(request)
            self.cancelled.emit(request.number)
        self.stopped.emit()

    # ---- the engine ---------------------------------------------------------------------------

    def _launch(self, phase: str) -> None:
        self._ready = False
        self._engine = EngineProcess(self._log, self)
        self._engine.received.connect(self._receive)
        self._engine.ended.connect(self._ended)
        self.engine_changed.emit(EngineState(phase))
        self._engine.start()

    def _next(self) -> None:
        if self._running is not None or not self._waiting or self._engine is None:
            return
        self._running = self._waiting.popleft()
        self._cancelling = False
        self.started.emit(self._running.number)
        if not self._ready:
            self.progressed.emit(self._running.number, 0.0, "Waiting for the engine")
        self._engine.send(self._running.message())

    def _receive(self, event: dict[str, Any]) -> None:
        if event.get("event") == "ready":
            self._ready = True
            self.engine_changed.emit(EngineState("ready", str(event.get("device", "")), event))
        elif event.get("event") == "hello":
            self.engine_changed.emit(EngineState("starting", facts=event))
        elif event.get("event") == "broken":
            self._broken(event)
        elif self._running is not None and event.get("id") == self._running.number:
            self._report(self._running, event)

    def _report(self, request: Request, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "progress":
            text = str(event.get("text", ""))
            self.progressed.emit(request.number, float(event.get("fraction", 0)), text)
            return
        if kind == "partial":
            self.partial.emit(request.number, event.get("data") or {})
            return
        self._finish()
        if kind == "done":
            self.done.emit(request.number, event.get("result") or {})
        elif kind == "cancelled":
            self.cancelled.emit(request.number)
        else:
            self.failed.emit(request.number, Failure.from_event(event))
        self._next()

    def _finish(self) -> None:
        self._running = None
        self._cancelling = False
        if self._patience is not None:
            self._patience.stop()

    def _lose_patience(self) -> None:
        if self._running is not None and self._cancelling and self._engine is not None:
            self._engine.kill()

    def _ended(self, how: str) -> None:
        """The process is gone: close the running task, start another engine."""
        request, asked = self._running, self._cancelling
        was_ready = self._ready
        self._engine = None
        self._ready = False
        self._finish()
        if self._closing:
            return
        now = time.monotonic()
        self._deaths = [t for t in self._deaths if now - t < WITHIN_S]
        if not was_ready and not asked:
            self._deaths.append(now)
        hopeless = len(self._deaths) >= DEATHS
        if not hopeless:
            self._launch("restarting")
        else:
            self.engine_changed.emit(EngineState("broken"))
        if request is not None:
            self._remove_parts(request)
            if asked:
                self.cancelled.emit(request.number)
            else:
                self.failed.emit(request.number, Failure(DIED.format(how=how), DIED_HINT))
        elif not asked:
            self.engine_died.emit(how, hopeless)
        if hopeless:
            self._deaths.clear()
            self._fail_waiting(how)
        self._next()

    def _fail_waiting(self, how: str) -> None:
        text = f"The engine cannot be started ({how})."
        while self._waiting:
            failure = Failure(text, f"Its output is in {self._log}.", log=str(self._log))
            self.failed.emit(self._waiting.popleft().number, failure)

    def _broken(self, event: dict[str, Any]) -> None:
        """The engine runs but its libraries do not import: say so for every task."""
        text = f"PyTorch or Ultralytics cannot be loaded: {event.get('message', '')}"
        self.engine_changed.emit(EngineState("broken", facts=event))
        waiting = [*([self._running] if self._running else []), *self._waiting]
        self._waiting.clear()
        self._finish()
        if self._engine is not None:
            self._engine.stop()
            self._engine = None
        for request in waiting:
            hint = "Reinstall Secateur, or check the log."
            self.failed.emit(request.number, Failure(text, hint, log=str(event.get("log", ""))))

    @staticmethod
    def _remove_parts(request: Request) -> None:
        """Remove what a killed engine may have left of the file it was writing."""
        output = request.args.get("output")
        if output:
            folder = Path(str(output)).parent
            remove_parts(folder)
            sweep(folder)
