"""Keeps faults out of Qt: what it asks for while it paints or sorts must not raise."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
Instead = TypeVar("Instead")
_told: set[tuple[str, str]] = set()


def guarded(call: Callable[Parameters, Answer]) -> Callable[Parameters, Answer | None]:
    """Answer Qt with None where a call of Qt's own raises, and report the fault.

    PySide has no value for what raised, and may crash on it. A view asks for the same cell many
    times a second, so each kind of fault at a place is reported once.
    """
    return _guard(call, None)


def guarded_or(
    instead: Answer,
) -> Callable[[Callable[Parameters, Answer]], Callable[Parameters, Answer]]:
    """As ``guarded``, for calls that Qt wants a value of: what raises is answered with this one."""

    def guard(call: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        return _guard(call, instead)

    return guard


def _guard(
    call: Callable[Parameters, Answer], instead: Instead
) -> Callable[Parameters, Answer | Instead]:
    @functools.wraps(call)
    def safe(*args: Parameters.args, **more: Parameters.kwargs) -> Answer | Instead:
        try:
            return call(*args, **more)
        except Exception as error:
            _report(error)
            return instead

    return safe


def _report(error: Exception) -> None:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    fault = (type(error).__name__, where)
    if fault not in _told:
        _told.add(fault)
        sys.excepthook(type(error), error, error.__traceback__)
