"""What a person can do about a module that is not trusted, wherever a task or a job met it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

UNTRUSTED = (
    "Trust a module…",
    "No code from it was executed. If the classes are yours, trust the module that defines them. "
    "Otherwise ask the author for a file with stock Ultralytics classes.",
)
CHANGED = ("Look at it again…", "Look at it, and trust it again if the change is yours.")


def offer(
    asked: Mapping[str, Any], wanted: Callable[[dict[str, Any]], object]
) -> tuple[str, tuple[str, Callable[[], object]]]:
    """Return what to do about it, and the button that does.

    Parameters
    ----------
    asked : mapping
        ``names`` of classes, or ``file`` and ``name`` of a module that has changed; what is to
        happen once it is trusted.
    wanted : callable
        Takes that: ``trustWanted``.
    """
    text, hint = CHANGED if asked.get("file") else UNTRUSTED
    return hint, (text, lambda: wanted(dict(asked)))
