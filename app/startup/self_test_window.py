"""The window of the self-test: shown, drawn and asked as the user would, and waited for."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from PySide6.QtCore import (
    QEvent,
    QEventLoop,
    QMessageLogContext,
    QObject,
    QTimer,
    QtMsgType,
    SignalInstance,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

from app.engine.protocol import EngineState, Failure
from app.startup.application import make_application
from app.window.main_window import MainWindow

PAINT_S = 60.0
OFFSCREEN = "This plugin does not support"
"""What Qt says at every turn where there is no screen."""


def _tell(_kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    if not text.startswith(OFFSCREEN):
        print(text, file=sys.stderr)


def _born() -> float:
    """Return when this process was started, in seconds as `time.time` counts them.

    psutil adds the process's age to the second in which the system came up, which is rounded.
    """
    process, stat = psutil.Process(), Path("/proc/self/stat")
    if not stat.is_file():
        return float(process.create_time())
    ticks = float(stat.read_text("utf-8").rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - age


class _Painted(QObject):
    """Notes when the window's widgets are first painted."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.at = 0.0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at every event of the application; none is kept from its widget."""
        if event.type() == QEvent.Type.Paint and not self.at:
            inside = getattr(watched, "window", None)
            if inside is not None and inside() is self._window:
                self.at = time.time()
        return False


class Stage:
    """A window, and ways to wait for what happens in it."""

    def __init__(self) -> None:
        qInstallMessageHandler(_tell)
        self.application = QApplication.instance() or make_application()
        self.window = MainWindow()

    def show(self) -> float:
        """Show the window; return the seconds from the process's start to its first painting."""
        painted = _Painted(self.window)
        self.application.installEventFilter(painted)
        self.window.show()
        until = time.monotonic() + PAINT_S
        while not painted.at:
            self.application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
            if time.monotonic() > until:
                raise TimeoutError("the window was not painted")
        self.application.removeEventFilter(painted)
        return painted.at - _born()

    def picture(self, path: Path) -> None:
        """Keep a picture of the window; one that shows nothing is a failure."""
        image = self.window.grab().toImage()
        width, height = image.width(), image.height()
        places = ((x, y) for x in range(0, width, 7) for y in range(0, height, 7))
        colours = {image.pixel(x, y) for x, y in places}
        if len(colours) < 8:
            raise RuntimeError(f"the window shows {len(colours)} colours only")
        if not image.save(str(path)):
            raise OSError(f"could not write {path}")

    def start_engine(self, seconds: float) -> tuple[dict[str, Any], float]:
        """Start the engine; return what it says of itself, and the seconds it took."""
        engine, begun = self.window.engine, time.monotonic()
        engine.start_engine()
        self._wait(
            engine.engine_changed, lambda: engine.state.phase in ("ready", "broken"), seconds
        )
        state: EngineState = engine.state
        if state.phase != "ready":
            raise RuntimeError(str(state.facts.get("message") or "the engine is broken"))
        return dict(state.facts), time.monotonic() - begun

    def run_job(
        self,
        job: str,
        title: str,
        args: dict[str, Any],
        seconds: float,
        partial: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        """Let the engine run a job; return its result."""
        engine = self.window.engine
        results: list[dict[str, Any]] = []
        failures: list[Failure] = []
        number = engine.submit(
            job, title, args, done=results.append, failed=failures.append, partial=partial
        )
        ended: list[str] = []
        engine.finished.connect(lambda n, state: ended.append(state) if n == number else None)
        self._wait(engine.finished, lambda: bool(ended or results or failures), seconds)
        if results:
            return results[0]
        if failures:
            raise RuntimeError(failures[0].trace or failures[0].message)
        raise RuntimeError(f"the job ended {ended}")

    def open_project(self, path: Path, seconds: float) -> tuple[str, int]:
        """Open a project as the user does; return the family and the number of blocks drawn."""
        session = self.window.session
        said: list[str] = []
        session.messageRaised.connect(lambda message: said.append(message.text))
        self.window.open_paths([str(path)])
        self._wait(session.scoresChanged, lambda: session.scores is not None, seconds)
        session.flush()
        self.application.processEvents()
        model = session.model
        if model is None:
            raise RuntimeError("; ".join(said) or "no model is open")
        return str(model.facts.family), len(model.table.blocks)

    def close(self) -> None:
        """Close the window and end its engine; nothing is asked."""
        self.window.session.close_model()  # nothing unsaved, nothing to ask
        self.window.close()
        self.application.processEvents()

    def _wait(self, signal: SignalInstance, reached: Callable[[], bool], seconds: float) -> None:
        """Let the window live until something is reached, looked at whenever a signal comes."""
        if reached():
            return
        loop = QEventLoop()

        def look(*_values: object) -> None:
            if reached():
                loop.quit()

        signal.connect(look)
        QTimer.singleShot(int(seconds * 1000), loop, loop.quit)
        loop.exec()
        signal.disconnect(look)
        if not reached():
            raise TimeoutError(f"nothing came within {seconds:.0f} s")
