"""A file of JSON lines that is only ever appended to, and survives being cut off anywhere."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import UserError, reason_of
from core.system.budget import JOURNAL, MESSAGE, parse_json, read_bytes
from core.system.locks import hold_file
from core.system.records import leave_out

VERSION = 1
Check = Callable[[dict[str, Any]], object]
"""Raises ``ValueError`` for a record that those who read it could not use."""


def _anything(_record: dict[str, Any]) -> None:
    return None


class Journal:
    """An append-only file of records, locked against other processes while it is open.

    Every record is one line, written whole and flushed to the disk. A last line that was cut off
    is dropped when the file is opened again.

    Parameters
    ----------
    path : Path
        Made when it does not exist; its folder must.
    kind : str
        What the file is (``sensitivity``, ``steps``), stored in its first line.
    check : callable
        A record that it refuses is left out, and named; it stays in the file.

    Raises
    ------
    UserError
        When the file is something else, from a newer version, in use, or cannot be written.
    """

    def __init__(self, path: Path, kind: str, check: Check = _anything) -> None:
        self.path = path
        self._kind, self._check_record = kind, check
        try:
            self._file = _open(path)
        except OSError as error:
            raise _unwritable(path, error) from error
        self.records: list[dict[str, Any]] = []
        try:
            self._lock()
            self.records += self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others write it."""
        self._file.close()

    def append(self, record: dict[str, Any]) -> None:
        """Write one record.

        Raises
        ------
        UserError
            When it cannot be written, for example on a full disk; the file stays whole.
        """
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        end = self._file.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file.fileno(), line[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise _unwritable(self.path, error) from error
        self.records.append(record)

    def _lock(self) -> None:
        """Hold the file itself, so that nothing is next to it, until it is closed."""
        # On a file system without locks, the user's work is not harmed by continuing.
        if hold_file(self._file) is False:
            raise UserError(
                f"{self.path} is being written by another Secateur process.",
                "Wait for it, or choose another file.",
            )

    def _read(self) -> list[dict[str, Any]]:
        self._file.seek(0)
        content = self._file.read()
        header = {"secateur": self._kind, "version": VERSION}
        first = json.dumps(header).encode() + b"\n"
        whole = content.rfind(b"\n") + 1
        lines = content[:whole].splitlines()
        if not lines and not first.startswith(content):
            raise self._foreign()
        if lines:
            self._check_header(_header(lines[0]))
        if whole < len(content):
            self._file.truncate(whole)
        if not lines:
            self.append(header)
        return _records(self.path, lines, self._check_record)

    def _check_header(self, header: dict[str, Any] | None) -> None:
        if header is None or header.get("secateur") != self._kind:
            raise self._foreign()
        if header.get("version") != VERSION:
            raise UserError(
                f"{self.path} was written by a newer Secateur.",
                "Update Secateur, or choose another file.",
            )

    def _foreign(self) -> UserError:
        return UserError(
            f"{self.path} already exists and is not a file of this kind ({self._kind}); "
            "it was not changed.",
            "Choose another file.",
        )


def read_journal(path: Path, kind: str, check: Check = _anything) -> list[dict[str, Any]]:
    """Return the records of a journal without locking or mending it, its first line included.

    Records that are damaged, or that ``check`` refuses, are left out, and named.

    Raises
    ------
    UserError
        When it is missing or something else.
    """
    try:
        content = read_bytes(path, JOURNAL)
    except OSError as error:
        raise UserError(f"Could not read {path}: {reason_of(error)}.", "Check the path.") from error
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    header = _header(lines[0]) if lines else None
    if header is None or header.get("secateur") != kind:
        raise UserError(f"{path} is not a file of this kind ({kind}).", "Check the path.")
    return _records(path, lines, check)


def _open(path: Path) -> BinaryIO:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    return os.fdopen(handle, "r+b", buffering=0)


def _header(line: bytes) -> dict[str, Any] | None:
    try:
        header = parse_json(line, MESSAGE)
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def _records(path: Path, lines: list[bytes], check: Check) -> list[dict[str, Any]]:
    """Return the records of lines, of which the first one has no shape to be checked."""
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = parse_json(line, MESSAGE)
            if not isinstance(record, dict):
                raise ValueError("it is not a JSON object")
            if number > 1:
                check(record)
        except ValueError as error:
            leave_out(f"line {number} of {path}", error)
            continue
        records.append(record)
    return records


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"Could not write {path}: {reason_of(error)}.",
        "Its content is kept. Fix the problem and start again: it continues where it stopped.",
    )
