"""Files on disk: hashed as a stream, written beside their place and then renamed."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from core.errors import UserError

_STALE = 3600.0
"""Seconds after which the part of a file that is still there was left by a process that died."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hexadecimal.

    A file is read once for as long as its inode, size and time of change stay the same.
    """
    facts = path.stat()
    return _sha256(path, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


@lru_cache(maxsize=16)
def _sha256(path: Path, *_unchanged: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file so that it is either whole or absent.

    Parts are written under a hidden name; those that a killed process left are removed here.

    Parameters
    ----------
    path : Path
        Where the file shall be. An existing file is replaced only when the new one is whole.
    write : callable
        Receives a binary stream and writes the contents.

    Raises
    ------
    UserError
        When the folder does not exist, is not writable, or the disk is full. No part is left.
    """
    remove_parts(path.parent, path.name, _STALE)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def remove_parts(folder: Path, name: str = "*", age: float = 0.0) -> None:
    """Remove parts of files that were never finished.

    Parameters
    ----------
    folder : Path
    name : str
        Of the file they were to become; any when ``*``.
    age : float
        Seconds since they were last written, at least.
    """
    pattern = f".{name if name == '*' else glob.escape(name)}.*.part"
    with contextlib.suppress(OSError):
        for part in folder.glob(pattern):
            if time.time() - part.stat().st_mtime >= age:
                part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError) -> UserError:
    reason = (error.strerror or str(error)).lower()
    return UserError(
        f"Could not write {path}: {reason}.",
        "Nothing was saved; choose another folder or free some space, then try again.",
    )
