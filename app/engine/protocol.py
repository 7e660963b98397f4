"""The window's side of the line protocol: requests out, events in. No Qt here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.engine.hints import in_window
from core.system.budget import MESSAGE, parse_json

TERMINAL = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Request:
    """A task with all its inputs.

    Attributes
    ----------
    number : int
        Names the task in every event about it.
    task : str
        A name in the engine's table of tasks: ``open``, ``scores``, ``prune`` …
    args : dict
        Plain data.
    """

    number: int
    task: str
    args: Mapping[str, Any]

    def message(self) -> dict[str, Any]:
        """Return what goes over the line."""
        return {"id": self.number, "task": self.task, "args": dict(self.args)}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed; ``bug`` separates an internal error from what the user can fix.

    ``task`` is the kind of task, where one failed. ``untrusted`` says which module has to be
    trusted first: ``names`` of classes, and ``file`` and ``name`` of a module that has changed.
    """

    message: str
    hint: str = ""
    layers: tuple[str, ...] = ()
    bug: bool = False
    log: str = ""
    trace: str = ""
    task: str = ""
    untrusted: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Failure:
        """Read a ``failed`` event."""
        return cls(
            in_window(str(event.get("message") or "The task failed.")),
            in_window(str(event.get("hint") or "")),
            tuple(event.get("layers") or ()),
            bool(event.get("bug")),
            str(event.get("log") or ""),
            str(event.get("trace") or ""),
            untrusted=event.get("untrusted") or {},
        )


@dataclass(frozen=True, slots=True)
class EngineState:
    """Where the engine is.

    Attributes
    ----------
    phase : str
        ``off``, ``starting``, ``ready``, ``restarting`` or ``broken``.
    device : str
        What it computes on, once ready.
    facts : dict
        The whole ``ready`` event: versions of the libraries, and in ``untested`` what is to be said
        about those outside the tested range.
    """

    phase: str
    device: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def encode(message: Mapping[str, Any]) -> bytes:
    """Write one message as a line."""
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """Read one line; None for anything that is not a message."""
    try:
        message = parse_json(line, MESSAGE, finite=False)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
