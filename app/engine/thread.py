"""Short work off the window's thread that needs no engine: reading a cached table, a replay."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import UserError
from core.system.budget import is_small

Result = TypeVar("Result")
Failed = Callable[[Exception], object]
UNPAINTED_MS, PAINTED_MS = 100, 10
"""After an edit there is nothing to paint, and after it was painted no more."""
LONGEST_WAIT = 0.01
"""Seconds that work gives way at a time: it must end while a drag goes on and on."""


class Background(QObject):
    """Runs callables on a thread and hands their results back on this one.

    Results of work that was replaced by newer work under the same key are dropped.

    Python runs one thread at a time. Long work calls `give_way` every few milliseconds, so that
    an edit need not wait for it at every call of Qt, up to 5 ms each.
    """

    _finished = Signal(str, int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, "background")
        self._over = False
        self._tickets = itertools.count()
        self._newest: dict[str, tuple[int, Callable[[Any], object], Failed | None]] = {}
        self._finished.connect(self._receive)
        self._idle = threading.Event()
        self._idle.set()
        self._unpainted = QTimer(self, singleShot=True)
        self._unpainted.timeout.connect(self._idle.set)

    def hold(self) -> None:
        """Have long work wait until the window has painted what just happened."""
        self._idle.clear()
        self._unpainted.start(UNPAINTED_MS)

    def painted(self) -> None:
        """Let long work continue, unless the window paints again at once."""
        if self._unpainted.isActive():
            self._unpainted.start(PAINTED_MS)

    def give_way(self) -> None:
        """Wait, on the thread of the work, while the window is busy; not for ever."""
        self._idle.wait(LONGEST_WAIT)

    def run(
        self,
        key: str,
        work: Callable[[], Result],
        done: Callable[[Result], object],
        failed: Failed | None = None,
    ) -> None:
        """Run ``work``; call ``done`` with its result unless newer work came under the key."""
        if self._over:
            return
        ticket = next(self._tickets)
        self._newest[key] = (ticket, done, failed)
        self._pool.submit(self._work, key, ticket, work)

    def read(
        self,
        path: str,
        work: Callable[[], Result],
        done: Callable[[Result], object],
        refused: Callable[[UserError], object],
    ) -> None:
        """Read a file: at once where that takes a moment, and otherwise on the thread.

        Parameters
        ----------
        path : str
        work : callable
            Reads it.
        done, refused : callable
            Called with what was read, or with why it was not.
        """
        if not is_small(path):

            def failed(error: Exception | UserError) -> None:
                if not isinstance(error, UserError):
                    raise error
                refused(error)

            self.run(f"read {path}", work, done, failed)
            return
        try:
            found = work()
        except UserError as error:
            refused(error)
        else:
            done(found)

    def drop(self, key: str) -> None:
        """Forget work that is under way; its result goes nowhere."""
        self._newest.pop(key, None)

    def shutdown(self) -> None:
        """Wait for what runs; nothing is handed back any more."""
        self._over = True
        self._unpainted.stop()
        self._idle.set()
        self._newest.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, key: str, ticket: int, work: Callable[[], object]) -> None:
        if self._newest.get(key, (-1,))[0] != ticket:
            return
        try:
            self._finished.emit(key, ticket, work(), None)
        except Exception as error:
            self._finished.emit(key, ticket, None, error)

    @Slot(str, int, object, object)
    def _receive(self, key: str, ticket: int, result: object, error: Exception | None) -> None:
        newest = self._newest.get(key)
        if newest is None or newest[0] != ticket:
            return
        _, done, failed = self._newest.pop(key)
        if error is None:
            done(result)
        elif failed is not None:
            failed(error)
        else:
            raise error
