"""Reads messages of an ONNX file without ONNX, and without its weights. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.system.budget import Budget, over, too_many
from core.system.files import open_regular

_PROPERTIES = 14
"""The number of ``ModelProto.metadata_props``."""
_KEY, _VALUE = 1, 2
_FIXED = {1: 8, 5: 4}
"""Bytes of values of a fixed width, by their kind."""
_MOST = 10_000
"""Fields of a message that has properties: a network's nodes and weights are in one of them."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message.

    Attributes
    ----------
    number : int
    value : int
        Of a whole number; 0 for a text or message.
    start, length : int
        Where a text or message is, and its bytes; 0 and -1 for a whole number.
    """

    number: int
    value: int = 0
    start: int = 0
    length: int = -1

    @property
    def is_message(self) -> bool:
        """Whether it is a text or message."""
        return self.length >= 0


class Fields:
    """Reads the fields of messages.

    Parameters
    ----------
    stream : binary file
    budget : Budget
        Its entries are the fields of all messages that are read, its size the bytes of a text.
    label : object
        How messages name the file.
    """

    def __init__(self, stream: BinaryIO, budget: Budget, label: object) -> None:
        self._stream, self._budget, self._label = stream, budget, label
        self._entries = 0

    def of(self, start: int, length: int) -> Iterator[Field]:
        """Yield the fields of a message; those of a fixed width are left out.

        Raises
        ------
        ValueError
            When it is no message; `OverBudgetError` where there are too many.
        """
        at, end = start, start + length
        while at < end:
            self._count()
            tag, at = self._varint(at, end)
            kind = tag & 7
            if kind == 0:
                value, at = self._varint(at, end)
                yield Field(tag >> 3, value)
            elif kind == 2:
                size, at = self._varint(at, end)
                if at + size > end:
                    raise ValueError("it ends too early")
                yield Field(tag >> 3, 0, at, size)
                at += size
            elif kind in _FIXED:
                at += _FIXED[kind]
            else:
                raise ValueError("it is no ONNX file")

    def text(self, field: Field) -> str:
        """Return a field that is a text.

        Raises
        ------
        ValueError
            When it is none; `OverBudgetError` where it is too large.
        """
        if not field.is_message:
            raise ValueError("a text is missing")
        if field.length > self._budget.size:
            raise over(self._label, f"is too large for {self._budget.what}")
        self._stream.seek(field.start)
        return self._stream.read(field.length).decode("utf-8")

    def numbers(self, field: Field) -> Iterator[int]:
        """Yield the whole numbers of a field: one, or several that are packed."""
        if not field.is_message:
            yield field.value
            return
        at, end = field.start, field.start + field.length
        while at < end:
            self._count()
            value, at = self._varint(at, end)
            yield value

    def _count(self) -> None:
        self._entries += 1
        if self._entries > self._budget.entries:
            raise too_many(self._label, self._budget)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        self._stream.seek(at)
        value = 0
        for place, byte in enumerate(self._stream.read(min(10, end - at))):
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value, at + place + 1
        raise ValueError("it is no ONNX file")


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
        whole = Budget(budget.what, budget.size, _MOST, budget.depth)
        reader = Fields(stream, whole, path)
        for field in reader.of(0, end):
            if field.number != _PROPERTIES or not field.is_message:
                continue
            if field.length > budget.size:
                raise over(path, f"is too large for {budget.what}")
            inner = Fields(stream, whole, path)
            parts = {one.number: inner.text(one) for one in inner.of(field.start, field.length)}
            found[parts.get(_KEY, "")] = parts.get(_VALUE, "")
    return found
