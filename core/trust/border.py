"""What is inside a folder, and what only seems to be: links are followed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LONGEST = 4096
"""Characters of a path."""


class Border:
    """What is inside a folder; links are followed."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)

    def outside(self, name: str, start: str | None = None) -> str | None:
        """Return where a name leads, from the folder or ``start``, if that is outside."""
        if not name or len(name) > LONGEST or "\0" in name or "\n" in name:
            return None
        path = os.path.join(start or self._root, name)  # noqa: PTH118  (may be no path at all)
        try:
            found = os.path.realpath(path)
        except (OSError, ValueError):
            return None
        inside = found == self._root or found.startswith(self._root.rstrip(os.sep) + os.sep)
        return None if inside else found

    def outside_of(self, content: Any) -> tuple[str, ...]:
        """Return where texts of plain data lead outside."""
        found = {self.outside(text) for text in set(_texts(content)) if _may_lead_out(text)}
        return tuple(sorted(path for path in found if path is not None))


def _texts(content: Any) -> Iterator[str]:
    waiting = [content]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)


def _may_lead_out(text: str) -> bool:
    """Return whether a text can be a path of another folder: a bare word is only by a link."""
    return ("/" in text or "\\" in text or ".." in text or "." in text) and "://" not in text
