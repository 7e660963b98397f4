"""The user's cache: where its files are, and how arrays are written to them."""

from __future__ import annotations

import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from core.errors import UserError
from core.system.files import write_bytes
from core.system.plain import parse_json
from core.system.scratch import own_folder

DAMAGED = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, SyntaxError),
    *(MemoryError, tokenize.TokenError),
)
"""What reading a cached file raises if it is missing, damaged or of another version: by the system,
by an archive, and by what is made of plain data that is not what it should be."""


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
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    header: dict[str, Any] = parse_json(bytes(arrays.pop("header")), finite=False)
    if header["format"] != version:
        raise ValueError(f"format {header['format']}")
    return header, arrays
