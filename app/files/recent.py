"""Files opened lately, as choices of a menu."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.feature import Choice
from app.state.settings import Settings


def recent_choices(settings: Settings, open_path: Callable[[str], object]) -> list[Choice]:
    """Return the files opened lately, and how to forget them."""
    paths = settings.recent()
    if not paths:
        return [Choice("No recent files", lambda: None)]
    found = [
        Choice(f"&{number} {_written(path)}", partial(open_path, path))
        for number, path in enumerate(paths, 1)
    ]
    return [*found, Choice("&Clear list", lambda: settings.forget_recent())]


def _written(path: str) -> str:
    """Write a path for a menu: its name, and where it lies."""
    folder = str(Path(path).parent)
    shown = "" if folder == "." else f"   {folder.replace(str(Path.home()), '~', 1)}"
    return f"{Path(path).name}{shown}".replace("&", "&&")
