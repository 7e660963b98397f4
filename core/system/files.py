"""Files on disk: hashed as a stream, written next to their place and then renamed.

Whatever is kept is written by `write_json`, `write_text`, `write_bytes` or `write_atomically`: one
that is killed meanwhile leaves the file as it was.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import io
import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import UserError, reason_of
from core.system.locks import hold_file

_STALE = 86400.0
"""Seconds after which a part of version 0.1, which held no lock, counts as left by a kill."""
_SIGN = "secateur-"
_RANDOM = "[a-z0-9_]{8}"
_NAME_BYTES = 180
"""Of a file's name in that of its part, which must not be too long for a name."""
_TRIES = 10
_PART = re.compile(rf"\..+\.{_SIGN}{_RANDOM}\.part", re.DOTALL)


def open_regular(path: str | Path) -> io.BufferedReader:
    """Open a file to read, without waiting for what is no file: a pipe, a socket or a device.

    Raises
    ------
    OSError
        When it cannot be opened, is no regular file, or its name is one that no file can have.
    """
    try:
        facts = os.stat(path)  # noqa: PTH116
        if stat.S_ISREG(facts.st_mode):
            # Nobody has to write to a pipe that took the file's place meanwhile.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            handle = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return os.fdopen(handle, "rb")
            os.close(handle)
    except ValueError as error:  # a null character, or half of a surrogate pair
        raise OSError(errno.EINVAL, "No file can have this name", str(path)) from error
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, "It is a folder", str(path))
    raise OSError(errno.EINVAL, "It is not a regular file", str(path))


def check_regular(path: str | Path) -> None:
    """Refuse what `open_regular` refuses, for a library that opens files itself."""
    open_regular(path).close()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hexadecimal.

    A file is read once for as long as its inode, size and time of change stay the same.
    """
    facts = _facts_of(path)
    if _hashes.get(str(path), ("", ()))[1] != facts:
        with open_regular(path) as stream:
            _remember(path, hashlib.file_digest(stream, "sha256").hexdigest(), facts)
    return _hashes[str(path)][0]


def known_hash(path: Path) -> dict[str, Any] | None:
    """Return a file's hash with what it holds for, for another process to `believe`.

    None where the file was not hashed, or has changed since.
    """
    try:
        facts = _facts_of(path)
    except OSError:
        return None
    digest, known = _hashes.get(str(path), ("", ()))
    return {"sha256": digest, "facts": list(facts)} if known == facts else None


def believe(path: Path, told: dict[str, Any]) -> None:
    """Take a file's hash from another process of this program, where the file is unchanged."""
    facts = _facts_of(path)
    if list(facts) == told["facts"]:
        _remember(path, str(told["sha256"]), facts)


_hashes: dict[str, tuple[str, tuple[int, ...]]] = {}
_MOST_HASHES = 16


def _facts_of(path: Path) -> tuple[int, ...]:
    facts = path.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _remember(path: Path, digest: str, facts: tuple[int, ...]) -> None:
    _hashes.pop(str(path), None)
    _hashes[str(path)] = digest, facts
    while len(_hashes) > _MOST_HASHES:
        del _hashes[next(iter(_hashes))]


def write_atomically(
    path: Path, write: Callable[[BinaryIO], None], *, private: bool = False
) -> None:
    """Write a file so that it is either whole or absent.

    Parts are written under a hidden name, and locked while they are; those that a killed process
    left in the folder are removed here.

    Parameters
    ----------
    path : Path
        Where the file should be. An existing file is replaced only when the new one is whole.
    write : callable
        Receives a binary stream and writes the contents.
    private : bool
        Whether nobody but the user may read it.

    Raises
    ------
    UserError
        When the folder does not exist, is not writable, or the disk is full, or what is there is
        no file. No part is left.
    """
    _check_is_file(path)
    remove_parts(path.parent)
    remove_old_parts(path, _STALE)
    try:
        stream, part = _open_part(path)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
            if not private:  # which it is by itself
                part.chmod(0o666 & ~_umask())
            if sys.platform != "win32":  # there, an open file keeps its name
                part.replace(path)
        if sys.platform == "win32":
            part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _open_part(path: Path) -> tuple[BinaryIO, Path]:
    """Open a new part of a file, and lock it before anybody may sweep it."""
    name = os.fsdecode(os.fsencode(path.name)[:_NAME_BYTES])
    for _ in range(_TRIES):
        handle, made = tempfile.mkstemp(prefix=f".{name}.{_SIGN}", suffix=".part", dir=path.parent)
        stream, part = os.fdopen(handle, "wb"), Path(made)
        with contextlib.suppress(OSError):
            if hold_file(stream) is not False and os.fstat(handle).st_nlink:
                return stream, part
        stream.close()
    raise OSError("new files vanish there")


def write_bytes(path: Path, data: bytes | memoryview, *, private: bool = False) -> None:
    """Write bytes as a file, as `write_atomically` does."""

    def pour(stream: BinaryIO) -> None:
        stream.write(data)

    write_atomically(path, pour, private=private)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write text as a file, in UTF-8, as `write_atomically` does."""
    write_bytes(path, text.encode("utf-8"), private=private)


def write_json(path: Path, data: Any, *, compact: bool = False, private: bool = False) -> None:
    """Write plain data as a file, as `write_atomically` does.

    Parameters
    ----------
    path : Path
    data : plain data
    compact : bool
        All on one line, for programs alone; indented, for people as well, by default.
    private : bool
        Whether nobody but the user may read it.
    """
    if compact:
        write_text(path, json.dumps(data, separators=(",", ":")), private=private)
    else:
        write_text(path, json.dumps(data, indent=1) + "\n", private=private)


def remove_parts(folder: Path) -> None:
    """Remove the parts in a folder that killed processes left; those being written are locked.

    On a file system without locks they stay.
    """
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_part(Path(entry.path))


def _remove_part(part: Path) -> None:
    with part.open("r+b") as stream:
        free = hold_file(stream) is True
        if free and sys.platform != "win32":
            part.unlink(missing_ok=True)
    if free and sys.platform == "win32":
        part.unlink(missing_ok=True)


def remove_old_parts(path: Path, age: float = 0.0) -> None:
    """Remove parts of a file that version 0.1 never finished; it held no locks.

    Parameters
    ----------
    path : Path
        The file they were to become.
    age : float
        Seconds since they were last written, at least.
    """
    name = re.compile(rf"\.{re.escape(path.name)}\.{_RANDOM}\.part")
    with contextlib.suppress(OSError):
        for part in list(path.parent.glob(f".{glob.escape(path.name)}.*.part")):
            if name.fullmatch(part.name) and time.time() - part.stat().st_mtime >= age:
                part.unlink(missing_ok=True)


def _check_is_file(path: Path) -> None:
    """Refuse to put a file in the place of a device, a pipe, a socket or a folder."""
    try:
        found = path.stat().st_mode
    except (OSError, ValueError):  # nothing there, or nothing can be: whoever writes will hear
        return
    if not stat.S_ISREG(found):
        kind = "a folder" if stat.S_ISDIR(found) else "a device, a pipe or a socket"
        raise UserError(
            f"Could not write {path}: it is {kind}, not a file.", "Choose another name."
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_folder(path: Path, *, is_folder: bool = False) -> None:
    """Refuse a file that cannot be written, before work begins that would be lost.

    Parameters
    ----------
    path : Path
    is_folder : bool
        Whether a folder is to be written, in whose place there may be one.

    Raises
    ------
    UserError
        When its folder does not exist or is not writable, or what is there is no file.
    """
    if not (is_folder and path.is_dir()):
        _check_is_file(path)
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UserError(
            f"Could not write {path}: the folder {folder} does not exist.",
            "Create it, or choose another.",
        )
    if not os.access(folder, os.W_OK):
        raise UserError(
            f"Could not write {path}: the folder {folder} is not writable.",
            "Choose another folder.",
        )


def unwritable(path: Path, error: OSError) -> UserError:
    """Return the error for a file, or folder, that could not be saved."""
    return UserError(
        f"Could not write {path}: {reason_of(error)}.",
        "Nothing was saved. Choose another folder, or free disk space, and try again.",
    )
