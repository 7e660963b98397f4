"""Opens and saves model files without running anything in them.

Importing this package costs no torch: what needs it is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.checkpoint.environment import prepare
from core.checkpoint.facts import Facts, Loaded, record_head
from core.checkpoint.reader import load

if TYPE_CHECKING:
    from core.checkpoint.writer import save

__all__ = ["Facts", "Loaded", "load", "prepare", "record_head", "save"]


def __getattr__(name: str) -> Any:
    if name == "save":
        from core.checkpoint.writer import save

        return save
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
