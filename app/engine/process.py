"""One engine process behind pipes, as signals."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from app.engine.protocol import decode, encode
from core.system.budget import MESSAGE
from core.system.logs import make_room
from core.system.program import own_command, own_environment


def engine_command() -> list[str]:
    """Return how this program starts itself as the engine."""
    return own_command("app", "engine")


class EngineProcess(QObject):
    """Starts an engine, sends it messages, relays its events.

    Lives on the thread it was made on; that thread needs an event loop.
    """

    received = Signal(dict)
    ended = Signal(str)

    def __init__(self, log: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self._rest = b""
        self._over = False
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error)

    @property
    def pid(self) -> int:
        """The process's number, 0 when there is none."""
        return int(self._process.processId() or 0)

    def start(self) -> None:
        """Start the process; what it prints in addition to the protocol goes to the log file."""
        program, *arguments = engine_command()
        environment = QProcessEnvironment()
        for name, value in {**own_environment(), "PYTHONUNBUFFERED": "1"}.items():
            environment.insert(name, value)
        self._process.setProcessEnvironment(environment)
        with contextlib.suppress(OSError):
            make_room(self._log)
            mode = QProcess.OpenModeFlag.Append
            self._process.setStandardErrorFile(str(self._log), mode)
        self._process.start(program, arguments)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; an engine that is gone has said so already."""
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.write(encode(message))

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()

    def stop(self, wait_ms: int = 1000) -> None:
        """Ask the process to quit, then end it; nothing is reported any more."""
        self._over = True
        if self._process.state() == QProcess.ProcessState.NotRunning:
            return
        self.send({"quit": True})
        self._process.closeWriteChannel()
        if not self._process.waitForFinished(wait_ms):
            self._process.kill()
            self._process.waitForFinished(1000)

    def _read(self) -> None:
        *lines, self._rest = (self._rest + self._process.readAllStandardOutput().data()).split(
            b"\n"
        )
        if len(self._rest) > MESSAGE.size:  # no message is so long
            self._rest = b""
        for line in lines:
            message = decode(line)
            if message is not None and not self._over:
                self.received.emit(message)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        crashed = status == QProcess.ExitStatus.CrashExit
        self._end(f"terminated by signal {code}" if crashed else f"exit code {code}")

    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._end(f"could not be started: {self._process.errorString()}")

    def _end(self, how: str) -> None:
        if not self._over:
            self._over = True
            self.ended.emit(how)
