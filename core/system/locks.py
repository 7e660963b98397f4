"""Locks for a process's life: the system lets go of them when it dies, whatever the clock says.

A lock is a file that a process holds open. Nothing is read from it, no time is compared, and a copy
of it in another folder says nothing. Whoever is killed lets go at once; processes made by a fork,
such as those that read images, hold nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

import filelock

if sys.platform != "win32":
    import fcntl

PATIENCE = 1.0
"""Seconds to try for a lock: whoever only looks whether it is taken holds it for an instant."""
_PAUSE = 0.02
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Lock:
    """A lock that this process holds until it is closed, or the process is no more.

    Parameters
    ----------
    handle : int
        The open file.
    sure : bool
        Whether others see it: not on a file system without locks.
    fresh : bool
        Whether its file was made for it.
    """

    def __init__(self, handle: int, *, sure: bool, fresh: bool) -> None:
        self._handle = handle
        self.sure, self.fresh = sure, fresh
        _held.add(self)

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; its file stays."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with contextlib.suppress(OSError):
                os.close(handle)


class _Closable(Protocol):
    def close(self) -> None: ...


_held: weakref.WeakSet[_Closable] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """Close what a fork copied: a child that outlives its parent must not keep its locks."""
    for held in list(_held):
        with contextlib.suppress(OSError):
            held.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def take(path: Path, patience: float = PATIENCE) -> Lock | None:
    """Take a lock; None where another process, or another part of this one, has it.

    Parameters
    ----------
    path : Path
        Its file, made where it is missing; its folder must exist.
    patience : float
        Seconds to try.

    Raises
    ------
    OSError
        When the file cannot be made, or is no plain file.
    """
    until = time.monotonic() + patience
    while True:
        handle, fresh = _open(path)
        try:
            taken = _locked(handle)
            if taken is not False and _is_at(handle, path):
                lock = Lock(handle, sure=taken is True, fresh=fresh)
                handle = -1
                return lock
        finally:
            if handle >= 0:
                os.close(handle)
        if taken is False and time.monotonic() >= until:
            return None
        time.sleep(_PAUSE)


def is_taken(path: Path) -> bool | None:
    """Return whether somebody holds a lock; None where its file or file system cannot tell."""
    try:
        handle = os.open(path, _FLAGS | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        return _is_held(handle) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    finally:
        os.close(handle)


def hold_file(file: IO[bytes]) -> bool | None:
    """Lock an open file itself; False where another has it, None on a file system without locks.

    The lock ends when the file is closed.
    """
    taken = _locked(file.fileno())
    if taken:
        _held.add(file)
    return taken


def _open(path: Path) -> tuple[int, bool]:
    """Open a lock's file, and say whether it was made."""
    try:
        return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        handle = os.open(path, _FLAGS | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path} is not a plain file")
    return handle, False


def _locked(handle: int) -> bool | None:
    try:
        return filelock.lock_descriptor(handle, blocking=False)
    except OSError:  # the file system has no locks
        return None


def _is_at(handle: int, path: Path) -> bool:
    """Return whether a file is still the one of that name: it may have been swept meanwhile."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except OSError:
        return False


if sys.platform == "win32":

    def _is_held(handle: int) -> bool | None:
        taken = _locked(handle)
        return None if taken is None else not taken

else:

    def _is_held(handle: int) -> bool | None:
        """Ask with a shared lock, so that those who ask never see one another."""
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
        return False
