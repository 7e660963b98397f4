"""What there is to ship the open model with: formats and runtimes.

A part of the session. Views subscribe; whatever runs the jobs writes through the methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal


@dataclass(frozen=True, slots=True)
class Format:
    """A format as the engine's job ``formats`` tells it.

    Attributes
    ----------
    missing : str
        What is in the way here; empty when nothing does.
    missing_for : mapping of str to str
        The same by precision, for those that need more.
    nms : bool
        Whether NMS can be exported with a network.
    """

    name: str
    title: str
    suffix: str
    precisions: tuple[str, ...]
    calibrates: bool
    tasks: tuple[str, ...]
    missing: str
    missing_for: Mapping[str, str]
    nms: bool = False

    def problem(self, precision: str, task: str) -> str:
        """Describe why a network of a task cannot be exported so; empty when it can."""
        if task not in self.tasks:
            return f"{self.title} does not support the task “{task}”."
        if precision not in self.precisions:
            return f"{self.title} does not support {precision.upper()}."
        return self.missing or self.missing_for.get(precision, "")


def format_of(data: Mapping[str, Any]) -> Format:
    """Read a format from the engine."""
    return Format(
        str(data["name"]),
        str(data["title"]),
        str(data["suffix"]),
        tuple(data["precisions"]),
        bool(data["calibrates"]),
        tuple(data["tasks"]),
        str(data["missing"] or ""),
        dict(data.get("missing_for") or {}),
        bool(data.get("nms")),
    )


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that networks can be timed in.

    Attributes
    ----------
    missing : str
        What is in the way here; empty when nothing is.
    elsewhere : str
        What is missing here to send networks to other devices; empty when nothing is.
    """

    name: str
    title: str
    missing: str
    elsewhere: str = ""


class Shipped(QObject):
    """Formats and runtimes.

    Attributes
    ----------
    formats : dict of str to Format
        Empty until they were looked up; they do not depend on the model.
    runtimes : tuple of Runtime
        The same.
    gpu : bool
        Whether the engine computes on one.
    threads : int
        That a runtime gets unless told otherwise; 0 while unknown.

    Signals
    -------
    formatsChanged, runtimesChanged
    """

    formatsChanged = Signal()
    runtimesChanged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.formats: dict[str, Format] = {}
        self.runtimes: tuple[Runtime, ...] = ()
        self.gpu, self.threads = False, 0

    def set_formats(self, formats: Iterable[Format]) -> None:
        """Take in which formats there are here."""
        self.formats = {form.name: form for form in formats}
        self.formatsChanged.emit()

    def set_runtimes(self, found: Mapping[str, Any]) -> None:
        """Take in which runtimes there are here, as the engine's job ``runtimes`` has them."""
        self.runtimes = tuple(
            Runtime(
                *(str(r[key]) for key in ("name", "title")),
                *(str(r.get(key) or "") for key in ("missing", "elsewhere")),
            )
            for r in found["runtimes"]
        )
        self.gpu, self.threads = bool(found.get("gpu")), int(found.get("threads") or 0)
        self.runtimesChanged.emit()
