"""Images outside a folder that a dataset inside it leads to: by its YAML, a list, or links."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from core.data.description import read_description
from core.data.source import find_description, roots_of
from core.errors import UserError
from core.trust.border import Border

LARGEST_LIST = 64 * 2**20
"""Bytes of a list of images that is read to see where they are."""


def images_outside(data: Path, border: Border) -> tuple[str, ...]:
    """Return folders outside that a dataset leads to; nothing for one that is outside itself."""
    if border.outside(str(data)) is not None:
        return ()
    found: set[str] = set()
    with contextlib.suppress(UserError, OSError, ValueError):
        whole = find_description(data)
        for place in [whole] if whole.is_dir() else _places(whole):
            found.update(_images(place, border))
    return tuple(sorted(found))


def _places(path: Path) -> list[Path]:
    description = read_description(path)
    wanted: list[str] = []
    for names in description.places.values():
        wanted += [names] if isinstance(names, str) else names
    return [root / name for root in roots_of(description) for name in wanted]


def _images(place: Path, border: Border) -> Iterator[str]:
    outside = border.outside(str(place))
    if outside is not None:
        if Path(outside).exists():
            yield outside
    elif place.is_dir():
        yield from _links(str(place), border)
    elif place.is_file() and place.stat().st_size <= LARGEST_LIST:
        for line in place.read_text(encoding="utf-8", errors="replace").splitlines():
            start = str(place.parent) if line.startswith("./") else None
            if line.strip() and (led := border.outside(line.strip(), start)):
                yield str(Path(led).parent)


def _links(folder: str, border: Border) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if led := border.outside(entry.path):
                        yield led if Path(led).is_dir() else str(Path(led).parent)
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
