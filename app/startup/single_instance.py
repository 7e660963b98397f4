"""A second start hands its files to the window that is open already."""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.state.settings import config_folder

WAIT_MS = 1000


def server_name() -> str:
    """Return the name this person's window listens on; settings elsewhere are another window."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    text = f"{user}:{config_folder()}"
    return f"secateur-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def hand_over(paths: Sequence[str]) -> bool:
    """Give files to a window that is open; False when there is none that answers."""
    socket = QLocalSocket()
    socket.connectToServer(server_name())
    if not socket.waitForConnected(WAIT_MS // 4):
        return False
    absolute = [str(Path(p).absolute()) if Path(p).exists() else p for p in paths]
    socket.write(json.dumps({"open": absolute}).encode() + b"\n")
    socket.flush()
    answered = bool(socket.waitForReadyRead(WAIT_MS)) and socket.readAll().data() == b"ok\n"
    socket.disconnectFromServer()
    return answered


class InstanceServer(QObject):
    """Listens for second starts.

    Signals
    -------
    received(list of str)
        Paths to open; empty to only raise the window.
    """

    received = Signal(list)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._connected)

    def listen(self) -> bool:
        """Begin to listen; what a crashed window left is cleared away."""
        if self._server.listen(server_name()):
            return True
        QLocalServer.removeServer(server_name())
        return self._server.listen(server_name())

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _connected(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(lambda s=socket: self._read(s))
            socket.disconnected.connect(socket.deleteLater)
            if socket.canReadLine():
                self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        try:
            message = json.loads(bytes(socket.readLine().data()))
            paths = [str(path) for path in message["open"]]
        except (ValueError, KeyError, TypeError):
            return
        socket.write(b"ok\n")
        socket.flush()
        self.received.emit(paths)
