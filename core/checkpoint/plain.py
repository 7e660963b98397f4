"""Plain data: what JSON can hold, and nothing that runs. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

_DEEPEST = 32


def as_plain(value: object, depth: int = 0) -> Any:
    """Return a copy of a value made of dict, list, str, int, float, bool and None only.

    Raises
    ------
    TypeError
        When something in it is none of these, a path, a tuple, a namespace or a numpy scalar,
        or when it is nested more than 32 deep.
    """
    if depth > _DEEPEST:
        raise TypeError("too deeply nested")
    if value is None or isinstance(value, bool):
        return value
    # int(), float() and str() strip subclasses, such as an enumeration or torch's version string.
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, SimpleNamespace):
        value = vars(value)
    if isinstance(value, Mapping):
        return {_key(key): as_plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(item, depth + 1) for item in value]
    if type(value).__module__ == "numpy" and hasattr(value, "item") and hasattr(value, "dtype"):
        item = value.item()
        if isinstance(item, bool | int | float | str):
            return item
    raise TypeError(f"{type(value).__name__} is not plain data")


def plain_items(values: object) -> dict[str, Any]:
    """Return the entries of a mapping or namespace that are plain data; drop the others."""
    if isinstance(values, SimpleNamespace):
        values = vars(values)
    if not isinstance(values, Mapping):
        return {}
    kept: dict[str, Any] = {}
    for key, value in values.items():
        try:
            kept[str(key)] = as_plain(value)
        except TypeError:
            continue
    return kept


def _key(key: object) -> str | int:
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise TypeError(f"{type(key).__name__} is not a plain key")
    return int(key) if isinstance(key, int) else str(key)
