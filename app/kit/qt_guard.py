"""Keeps faults out of Qt: what it asks for while it paints or sorts must not raise."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

Call = TypeVar("Call", bound=Callable[..., Any])
_told: set[tuple[str, str]] = set()


def guarded(call: Call) -> Call:
    """Answer Qt with None where a call of Qt's own raises, and report the fault.

    PySide has no value for what raised, and may crash on it. A view asks for the same cell many
    times a second, so each kind of fault at a place is reported once.
    """

    @functools.wraps(call)
    def safe(*args: Any, **more: Any) -> Any:
        try:
            return call(*args, **more)
        except Exception as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
            fault = (type(error).__name__, where)
            if fault not in _told:
                _told.add(fault)
                sys.excepthook(type(error), error, error.__traceback__)
            return None

    return cast("Call", safe)
