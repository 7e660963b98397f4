"""A context entered early ends with its block, whatever happened in either."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.cluster.early import Early
from core.errors import UserError

Log = list[str]


@contextmanager
def opened(log: Log, wait: threading.Event | None = None, fails: bool = False) -> Iterator[str]:
    if wait is not None:
        assert wait.wait(10)
    if fails:
        raise UserError("It does not open.")
    log.append("open")
    try:
        yield "it"
    finally:
        log.append("closed")


def test_it_opens_while_something_else_is_done() -> None:
    log: Log = []
    wait = threading.Event()
    with Early(opened(log, wait)) as early:
        assert log == []
        wait.set()
        assert early.get() == early.get() == "it" and log == ["open"]
    assert log == ["open", "closed"]


def test_what_fails_is_raised_where_it_is_asked_for() -> None:
    log: Log = []
    with pytest.raises(UserError, match="does not open"), Early(opened(log, fails=True)) as early:
        log.append("meanwhile")
        early.get()
    assert log == ["meanwhile"]


@pytest.mark.parametrize("fails", [False, True])
def test_an_error_meanwhile_is_the_one_raised_and_nothing_stays_open(fails: bool) -> None:
    log: Log = []
    with pytest.raises(KeyError), Early(opened(log, fails=fails)):
        raise KeyError
    assert log == ([] if fails else ["open", "closed"])


def test_one_that_is_never_asked_for_is_closed() -> None:
    log: Log = []
    with Early(opened(log)):
        pass
    assert log == ["open", "closed"]
