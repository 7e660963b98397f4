"""Channel tables on disk: one versioned file per model, kept in the user's cache folder."""

from __future__ import annotations

import io
import json
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from core.errors import UserError
from core.graph.table import ChannelTable
from core.system.files import write_bytes

FORMAT = 1
"""Version of the file; a file of another version is not read but made anew."""


def cache_folder() -> Path:
    """Return where tables are kept."""
    return Path(platformdirs.user_cache_dir("secateur")) / "tables"


def cache_path(sha256: str) -> Path:
    """Return the file of a model's table.

    The trace follows the code of Ultralytics, so its version is part of the name.
    """
    return cache_folder() / f"{sha256}-{metadata.version('ultralytics')}-{FORMAT}.npz"


def write_table(path: Path, table: ChannelTable, extra: dict[str, Any]) -> None:
    """Write a table, with plain data of the caller, as one file.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    plain, arrays = table.to_arrays()
    header = json.dumps({"format": FORMAT, "table": plain, "extra": extra}).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, header=np.frombuffer(header, np.uint8), **arrays)
    write_bytes(path, buffer.getbuffer())


def read_table(path: Path) -> tuple[ChannelTable, dict[str, Any]]:
    """Read what ``write_table`` wrote.

    Raises
    ------
    UserError
        When the file is missing, damaged, or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header = json.loads(bytes(arrays.pop("header")).decode())
        if header["format"] != FORMAT:
            raise ValueError(f"format {header['format']}")
        return ChannelTable.from_arrays(header["table"], arrays), header["extra"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"The stored analysis {path.name} cannot be read.", "Open the model again."
        ) from error
