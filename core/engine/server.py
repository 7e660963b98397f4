"""The engine process: tasks over a line protocol. No Qt; torch lives here and not in the window.

One JSON object per line. In: ``{"id": 1, "task": "open", "args": {...}}``, ``{"cancel": 1}``,
``{"quit": true}``. Out: ``{"event": "hello", ...}`` at once, ``{"event": "ready", ...}`` once the
libraries are imported, and for every task any number of ``progress`` events, any number of
``partial`` ones (``data``: what the task has found so far) and exactly one of ``done``, ``failed``
or ``cancelled``. When standard input closes, the process ends: an engine never outlives its window.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from pydantic import Field

from core.engine.models import ModelStore
from core.engine.tasks import find_task
from core.errors import CancelledError, UserError, ended_by_module, of_system
from core.system.budget import MESSAGE, parse_json
from core.system.logs import append_fault
from core.system.memory import is_out_of_memory, memory_short
from core.system.paths import own_folders
from core.system.records import Shape, checked
from core.system.scratch import sweep_beneath
from core.system.versions import SECATEUR, outside
from core.trust.find import untrusted_in

PROTOCOL = 1
_SHOWN = 500
"""Characters of what is no request that go to the log."""
PATIENCE = 0.7
"""Seconds a running task gets to leave nothing half done when the process is asked to end."""


class Channel:
    """The way out: one JSON object per line, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: Mapping[str, Any]) -> None:
        """Write one event; a reader that went away is not an error here."""
        line = json.dumps(event) + "\n"
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(line)
            self._stream.flush()


class _Request(Shape):
    """A line of the protocol: a task, or a word on one."""

    id: int | str | None = None
    task: str = ""
    args: dict[str, Any] = Field(default_factory=dict)
    cancel: int | str | None = None
    quit: bool = False


class _Arguments(dict[str, Any]):
    """Arguments of a task; one that is asked for and missing is said to be."""

    def __missing__(self, key: str) -> Any:
        raise UserError(f"The request has no “{key}”.", "Send what the task needs.")


class Reporter:
    """A task's progress over the line.

    Parameters
    ----------
    send : callable
        Takes an event.
    stopped : callable
        Whether the task should end.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], stopped: Callable[[], bool]) -> None:
        self._send, self._stopped = send, stopped

    def __call__(self, fraction: float, text: str) -> None:
        """Report a share of the work done; raises ``CancelledError`` once the task should end."""
        if self._stopped():
            raise CancelledError
        self._send({"event": "progress", "fraction": round(fraction, 4), "text": text})

    def partial(self, data: dict[str, Any]) -> None:
        """Hand on what was found so far."""
        self._send({"event": "partial", "data": data})


class Engine:
    """Runs tasks one after the other on a thread of its own.

    Parameters
    ----------
    channel : Channel
        Where events go.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._stopping = False
        self._models = ModelStore()
        self._thread = threading.Thread(target=self._work, name="tasks", daemon=True)

    def start(self) -> None:
        """Send the greeting and begin to import the libraries."""
        self._channel.send(
            {
                "event": "hello",
                "protocol": PROTOCOL,
                "secateur": SECATEUR,
                "process": os.getpid(),
            }
        )
        self._thread.start()

    def serve(self, lines: TextIO) -> None:
        """Read requests until there are no more, or one says to quit."""
        while line := lines.readline(MESSAGE.size):
            try:
                request = checked(_Request, parse_json(line, MESSAGE, finite=False))
            except ValueError as error:
                print(f"not a request ({error}): {line[:_SHOWN]!r}", file=sys.stderr)
                continue
            if request.get("quit"):
                break
            if "cancel" in request:
                self._cancelled.add(str(request["cancel"]))
            else:
                self._queue.put(request)

    def stop(self) -> None:
        """Let a running task end at its next step, for a moment."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join(PATIENCE)

    def _work(self) -> None:
        try:
            self._channel.send({"event": "ready", **_libraries()})
        except Exception as error:
            where = append_fault(error)
            self._channel.send({"event": "broken", "message": str(error), "log": str(where)})
            return
        if self._queue.empty():  # the first task would need the same, and somebody waits for it
            _trace_one()
        if self._queue.empty():
            for place in own_folders():
                sweep_beneath(place)
        while (request := self._queue.get()) is not None:
            self._run(request)

    def _run(self, request: dict[str, Any]) -> None:
        number = request.get("id")
        try:
            event: dict[str, Any] = {"event": "done", "result": self._call(request)}
        except CancelledError:
            event = {"event": "cancelled"}
        except UserError as error:
            event = {**_failed(error.message, error.hint, error.layers), **untrusted_in(error)}
        except SystemExit:
            ended = ended_by_module()
            event = _failed(ended.message, ended.hint)
        except OSError as error:
            refused = of_system(error)
            event = {**_failed(refused.message, refused.hint), "log": str(append_fault(error))}
        except BaseException as error:  # whatever a trusted module raises, the engine goes on
            event = _memory_or_bug(error)
        self._channel.send({"id": number, **event})

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        number, name = request.get("id"), str(request.get("task"))
        progress = Reporter(
            lambda event: self._channel.send({"id": number, **event}),
            lambda: str(number) in self._cancelled or self._stopping,
        )
        task = find_task(name)
        progress(0.0, "Starting")
        return task(self._models, _Arguments(request.get("args", {})), progress)


def _memory_or_bug(error: BaseException) -> dict[str, Any]:
    """Log the error whole; return the event for it."""
    log = str(append_fault(error))
    if is_out_of_memory(error):
        short = memory_short(error)
        return {**_failed(short.message, short.hint), "log": log}
    trace = "".join(traceback.format_exception(error))
    return {**_failed(f"{type(error).__name__}: {error}"), "bug": True, "log": log, "trace": trace}


def _failed(message: str, hint: str = "", layers: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "event": "failed",
        "message": message,
        "hint": hint,
        "layers": list(layers),
        "bug": False,
        "log": "",
    }


def _libraries() -> dict[str, Any]:
    """Import what takes seconds, and say what was found."""
    from core.checkpoint import prepare

    prepare()
    import torch
    import ultralytics
    import ultralytics.nn.tasks

    # What every task needs is imported now, while nobody waits for it.
    for name in (
        "core.checkpoint.unpickle",
        "core.choose.ranking",
        "core.graph.builder",
        "core.graph.cache",
        "core.pipeline",
        "core.pruning.surgery",
        "core.pruning.verify",
    ):
        importlib.import_module(name)

    cuda = torch.cuda.is_available()
    return {
        "secateur": SECATEUR,
        "process": os.getpid(),
        "torch": str(torch.__version__),
        "ultralytics": str(ultralytics.__version__),
        "device": torch.cuda.get_device_name(0) if cuda else "CPU",
        "threads": torch.get_num_threads(),
        "untested": outside(),
    }


def _trace_one() -> None:
    """Trace a small network: the first trace of a process takes PyTorch more than a second."""
    from core.graph.analysis import analyse, load

    try:
        analyse(load("yolov8n.yaml"), cache=False)
    except Exception as error:  # nobody asked for it; tasks must still be served
        append_fault(error)


def _own_channel() -> Channel:
    """Keep the real standard output for the protocol; whatever else prints goes to the log.

    Done on the level of file descriptors, since C libraries print too.
    """
    handle = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Channel(os.fdopen(handle, "w", encoding="utf-8", newline="\n"))


def main(arguments: list[str] | None = None) -> int:
    """Serve tasks until standard input closes."""
    if arguments:
        print("secateur engine takes no arguments; it speaks JSON lines.", file=sys.stderr)
        return 2
    if sys.stdin is None or sys.stdout is None:
        return 2
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    engine = Engine(_own_channel())
    engine.start()
    with contextlib.suppress(KeyboardInterrupt):
        engine.serve(sys.stdin)
    engine.stop()
    sys.stderr.flush()
    os._exit(0)  # a task that hears nothing any more must not keep the process
