"""Channel tables on disk: one versioned file per model, kept in the user's cache folder."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.graph.modules import digest_of_added
from core.graph.table import ChannelTable
from core.system.cache import DAMAGED, cache_folder, read_arrays, write_arrays

FORMAT = 3
"""Version of the file; a file of another version is not read but made again."""


def cache_path(sha256: str) -> Path:
    """Return the file of a model's table.

    The trace follows the code of Ultralytics and the rules for modules that were added, so both
    are part of the name.
    """
    made_by = "-".join(filter(None, (metadata.version("ultralytics"), digest_of_added())))
    return cache_folder("tables") / f"{sha256}-{made_by}-{FORMAT}.npz"


def parts_path(sha256: str) -> Path:
    """Return the file that lists what can go from a model besides channels."""
    return cache_path(f"{sha256}-parts").with_suffix(".json")


def write_table(path: Path, table: ChannelTable, extra: dict[str, Any]) -> None:
    """Write a table, with plain data of the caller, as one file.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    plain, arrays = table.to_arrays()
    write_arrays(path, FORMAT, {"table": plain, "extra": extra}, arrays)


def read_table(path: Path) -> tuple[ChannelTable, dict[str, Any]]:
    """Read what ``write_table`` wrote.

    Raises
    ------
    UserError
        When the file is missing, damaged, or of another version.
    """
    try:
        header, arrays = read_arrays(path, FORMAT)
        return ChannelTable.from_arrays(header["table"], arrays), header["extra"]
    except DAMAGED as error:
        raise UserError(
            f"The cached analysis {path.name} cannot be read.", "Open the model again."
        ) from error
