"""Tensors in what modules take and return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def tensors_in(value: Any) -> list[Tensor]:
    """Return all tensors in nested dictionaries, lists and tuples, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [t for part in value for t in tensors_in(part)]
    return []


def replaced(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a nested value of the same form with its tensors changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: replaced(part, change) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(part, change) for part in value)
    return value
