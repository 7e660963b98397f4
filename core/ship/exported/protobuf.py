"""Reads the properties of an ONNX file without ONNX, and without its weights. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.system.budget import Budget, over
from core.system.files import open_regular

_PROPERTIES = 14
"""The number of ``ModelProto.metadata_props``."""
_KEY, _VALUE = 1, 2
_FIXED = {1: 8, 5: 4}
"""Bytes of values of a fixed width, by their kind."""
_MOST = 10_000
"""Fields of a message: a network's nodes and weights are in one of them."""


def onnx_properties(path: Path, budget: Budget) -> dict[str, str]:
    """Return the texts that an ONNX file has as metadata.

    Raises
    ------
    OSError
        When it cannot be read.
    ValueError
        When it is not such a file; `OverBudgetError` where it holds too much.
    """
    found: dict[str, str] = {}
    with open_regular(path) as stream:
        end = os.fstat(stream.fileno()).st_size
        if not end:
            raise ValueError("it is empty")
        for number, start, length in _fields(stream, 0, end):
            if number != _PROPERTIES:
                continue
            if length > budget.size:
                raise over(path, f"is too large for {budget.what}")
            parts = {part: _text(stream, *place) for part, *place in _fields(stream, start, length)}
            found[parts.get(_KEY, "")] = parts.get(_VALUE, "")
    return found


def _text(stream: BinaryIO, start: int, length: int) -> str:
    stream.seek(start)
    return stream.read(length).decode("utf-8")


def _fields(stream: BinaryIO, start: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, place and bytes of every text or message in a message."""
    at, end = start, start + length
    for _ in range(_MOST):
        if at >= end:
            return
        tag, at = _varint(stream, at, end)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(stream, at, end)
        elif kind == 2:
            size, at = _varint(stream, at, end)
            if at + size > end:
                raise ValueError("it ends too early")
            yield tag >> 3, at, size
            at += size
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise ValueError("it is no ONNX file")
    raise ValueError("it has too many fields")


def _varint(stream: BinaryIO, at: int, end: int) -> tuple[int, int]:
    stream.seek(at)
    value = 0
    for place, byte in enumerate(stream.read(min(10, end - at))):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("it is no ONNX file")
