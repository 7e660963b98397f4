"""Signals that end a program, answered as Ctrl+C is: work is undone, and a line says so."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Set
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What a service manager, a cluster or a closed terminal sends."""


_AGAIN_S = 0.05
"""Seconds until a signal is answered again whose error was lost."""


class EndedError(KeyboardInterrupt):
    """A signal asks the program to end.

    Whatever cleans up after Ctrl+C does so after this.

    Attributes
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Raise `EndedError` where a signal asks this process to end; once, the second ends it."""
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    own = os.getpid()

    def answer(number: int, _frame: FrameType | None) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_DFL)
        if os.getpid() == own:
            raise EndedError(number)
        os.kill(os.getpid(), number)  # a process made of this one ends as it would have

    before = {number: signal.getsignal(number) for number in ENDING}
    ignored = {number for number, way in before.items() if way is signal.SIG_IGN}  # nohup
    report = sys.unraisablehook
    again: list[threading.Timer] = []

    def lost(what: sys.UnraisableHookArgs) -> None:
        """Answer again: an error raised while Python finalises an object goes nowhere else."""
        if not isinstance(what.exc_value, EndedError) or os.getpid() != own:
            report(what)
            return
        _answer_by(answer, ignored)
        timer = threading.Timer(_AGAIN_S, os.kill, (own, what.exc_value.number))
        timer.daemon = True
        again.append(timer)
        timer.start()

    _answer_by(answer, ignored)
    sys.unraisablehook = lost
    try:
        yield
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = report
        for number, way in before.items():
            signal.signal(number, way if way is not None else signal.SIG_DFL)


def _answer_by(answer: Callable[[int, FrameType | None], None], ignored: Set[int]) -> None:
    for number in set(ENDING) - ignored:
        signal.signal(number, answer)
