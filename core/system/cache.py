"""The user's cache: where its files are, and how arrays are written to them."""

from __future__ import annotations

import io
import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import platformdirs
from numpy.typing import NDArray

from core.errors import UserError
from core.system.archives import check_directory, check_unpacked
from core.system.budget import CACHED, SCORES, TABLE, Budget, over, parse_json
from core.system.files import open_regular, write_bytes
from core.system.scratch import own_folder

DAMAGED = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, SyntaxError),
    *(MemoryError, tokenize.TokenError),
)
"""What reading a cached file raises if it is missing, damaged or of another version: by the system,
by an archive, and by what is made of plain data that is not what it should be."""


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def cache_folder(kind: str) -> Path:
    """Return where files of a kind are kept, such as ``tables``."""
    return Path(platformdirs.user_cache_dir("secateur")) / kind


def stored(path: Path, write: Callable[[Path], None]) -> Path:
    """Write a file to the cache, or to a temporary folder where the cache cannot be written.

    Returns
    -------
    Path
        Where it is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except (OSError, UserError):
        path = own_folder() / path.name
        write(path)
    return path


def write_arrays(
    path: Path, version: int, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write arrays and plain data as one file of a version.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    text = json.dumps({"format": version, **header}).encode()
    buffer = io.BytesIO()
    contents: dict[str, Any] = {"header": np.frombuffer(text, np.uint8), **arrays}
    np.savez(buffer, allow_pickle=False, **contents)
    write_bytes(path, buffer.getbuffer())


def read_arrays(path: Path, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what `write_arrays` wrote; what is missing, damaged or else raises one of `DAMAGED`."""
    with open_regular(path) as stream:
        size = _size_of(path, stream, TABLE)
        check_directory(stream, path)
        with zipfile.ZipFile(stream) as archive:
            check_unpacked(archive, size, path)
            for entry in archive.infolist():
                with archive.open(entry) as member:
                    _check_shape(member, entry.file_size)
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    header: dict[str, Any] = parse_json(bytes(arrays.pop("header")), CACHED, path, finite=False)
    if header["format"] != version:
        raise ValueError(f"format {header['format']}")
    return header, arrays


def read_array(path: str | Path, budget: Budget = SCORES) -> NDArray[Any]:
    """Read one array from an ``.npy`` file.

    Raises
    ------
    OSError
        When it is missing, or no regular file.
    ValueError
        When it is damaged, too large, or says that it holds more than it does.
    """
    with open_regular(path) as stream:
        _check_shape(stream, _size_of(path, stream, budget))
        stream.seek(0)
        found: NDArray[Any] = np.load(stream, allow_pickle=False)
        return found


def _size_of(path: str | Path, stream: BinaryIO, budget: Budget) -> int:
    size = os.fstat(stream.fileno()).st_size
    if size > budget.size:
        raise over(path, f"is too large for {budget.what}")
    return size


def _check_shape(stream: IO[bytes], size: int) -> None:
    """Refuse an array whose header claims more than follows it, for which room would be made."""
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"arrays of version {version}")
    shape, _, dtype = read[version](stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize > size or min(shape, default=0) < 0:
        raise ValueError(f"an array of shape {shape} in {size} bytes")
