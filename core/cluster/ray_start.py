"""Ray started on this computer, or connected to; nothing of it outlives the session.

Ray reports usage over the network and opens a dashboard unless told otherwise. Its ports run code
for whoever reaches them, so what is started here asks for a token that only this process knows.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from core.cluster.guard import Guard
from core.cluster.place import Place
from core.errors import UserError, one_line
from core.system.program import to_install
from core.system.scratch import Scratch

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}
"""Variables that keep Ray to itself, and its workers from waiting for all other programs."""
STORE_BYTES = 1 << 28
"""Memory for what travels between processes on this computer: checkpoints."""
LONGEST = 40
"""Characters of a folder that Ray can put its sockets in: their paths may have 107."""
_TOKEN = secrets.token_hex(32)


class Session:
    """A connection to Ray.

    Parameters
    ----------
    end : callable
        Ends it, and what was started for it. May be called again.
    """

    def __init__(self, end: Callable[[], Any]) -> None:
        self._end: Callable[[], Any] | None = end

    def end(self) -> None:
        """End the session."""
        end, self._end = self._end, None
        if end is not None:
            end()


def start(place: Place) -> Session:
    """Start Ray on this computer, or connect to a cluster.

    Raises
    ------
    UserError
        When Ray is not installed, does not start, or does not answer.
    """
    os.environ.update(QUIET)
    ray = _library()
    if ray.is_initialized():
        return Session(lambda: None)
    with contextlib.ExitStack() as stack:
        if place.address:
            _connect(ray, place)
        else:
            _start_here(ray, stack)
        stack.callback(ray.shutdown)
        return Session(stack.pop_all().close)


def _library() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError("Ray is not installed.", to_install("'secateur[cluster]'")) from error
    return ray


def _start_here(ray: Any, stack: contextlib.ExitStack) -> None:
    place = stack.enter_context(Scratch("ray"))
    stack.enter_context(_token())
    stack.callback(Guard().close)
    folder = {"_temp_dir": place} if os.name == "nt" or len(place) <= LONGEST else {}
    try:
        with _own_signals():
            ray.init(
                address="local",  # whatever RAY_ADDRESS names
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                object_store_memory=STORE_BYTES,
                **folder,
            )
    except Exception as error:  # many kinds, of its processes and of the system
        ray.shutdown()
        raise UserError(
            f"Ray did not start on this computer: {_reason(error)}.",
            "Run the work in this process, without Ray.",
        ) from error


def _connect(ray: Any, place: Place) -> None:
    try:
        with _own_signals(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says is in the error
            ray.init(place.text, log_to_driver=False, logging_level=logging.CRITICAL)
    except ImportError as error:
        raise UserError(
            "Ray's client is not installed.", to_install("'secateur[cluster]'")
        ) from error
    except Exception as error:
        ray.shutdown()
        raise UserError(
            f"The Ray cluster at {place.text} did not answer: {_reason(error)}.",
            "Check the address: it is that of the Ray client server, with port 10001 as a rule. "
            "Ray and Python must have the same versions there.",
        ) from error


def _reason(error: Exception) -> str:
    return one_line(error).rstrip(".")


@contextlib.contextmanager
def _token() -> Iterator[None]:
    """Have Ray ask for this process's token, unless the user decided on tokens."""
    names = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN}
    if any(name in os.environ for name in (*names, "RAY_AUTH_TOKEN_PATH")):
        yield
        return
    os.environ.update(names)
    _read_again()
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        _read_again()


def _read_again() -> None:
    """Have Ray read the variables again: it reads them once per process, when it is imported."""
    from ray import _raylet

    library: Any = _raylet
    with contextlib.suppress(AttributeError):
        library.AuthenticationTokenLoader.instance().reset_cache()
        library.Config.initialize("")


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this program's answer to SIGTERM, which Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
