"""A second start hands its files to the window that is open already."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import socket as sockets
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.state.settings import config_folder
from core.system.budget import SETTINGS, parse_json
from core.system.locks import Lock, take
from core.system.paths import runtime_folder

WAIT_MS = 1000
LONGEST = 100
"""Bytes of a socket's path; the least of the systems' limits is 104."""


def server_name() -> str | None:
    """Return what this user's window listens on; settings elsewhere are another window.

    A socket in a folder that is the user's alone; None where there is no such folder.
    """
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    text = f"{user}:{config_folder()}"
    name = f"secateur-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if sys.platform == "win32":  # a pipe, which the user alone may open
        return name
    folder = runtime_folder()
    if folder is None or len(os.fsencode(folder / name)) > LONGEST:
        return None
    return str(folder / name)


def is_own(socket: QLocalSocket) -> bool:
    """Return whether the process at the other end is the same user's, where the system says."""
    if sys.platform != "linux":
        return True
    size = struct.calcsize("3i")
    try:
        with sockets.socket(fileno=os.dup(int(socket.socketDescriptor()))) as end:
            told = end.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, size)
    except (OSError, ValueError):
        return False
    return bool(struct.unpack("3i", told)[1] == os.getuid())


def hand_over(paths: Sequence[str]) -> bool:
    """Give files to a window that is open; False when there is none that answers."""
    name = server_name()
    if name is None:
        return False
    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(WAIT_MS // 4) or not is_own(socket):
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
        self._lock: Lock | None = None

    def listen(self) -> bool:
        """Begin to listen; what a crashed window left is cleared away, never a living one's."""
        name = server_name()
        if name is None or not self._claim(name):
            return False
        if self._server.listen(name):
            return True
        QLocalServer.removeServer(name)
        return self._server.listen(name)

    def _claim(self, name: str) -> bool:
        """Lock the name for as long as this window lives."""
        if sys.platform == "win32":  # a pipe goes with its process
            return True
        with contextlib.suppress(OSError):
            self._lock = take(Path(f"{name}.lock"))
        return self._lock is not None

    def close(self) -> None:
        """Stop listening."""
        self._server.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _connected(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            if not is_own(socket):
                socket.abort()
                socket.deleteLater()
                continue
            socket.readyRead.connect(lambda s=socket: self._read(s))
            socket.disconnected.connect(socket.deleteLater)
            if socket.canReadLine():
                self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        try:
            message = parse_json(bytes(socket.readLine().data()), SETTINGS)
            paths = [str(path) for path in message["open"]]
        except (ValueError, KeyError, TypeError):
            return
        socket.write(b"ok\n")
        socket.flush()
        self.received.emit(paths)
