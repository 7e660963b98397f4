"""Zip archives from elsewhere: what they would unpack to, from their directory, before they do."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from typing import BinaryIO

from core.system.budget import INFLATED, INFLATED_ROOM, MOST_MEMBERS, over

_ENTRY = 128
"""Bytes of a directory for a file in it."""
_SIZE_OF_DIRECTORY = 5
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError)
"""What reading an archive raises that is damaged, encrypted, or packed by what is not known
(`NotImplementedError` is a `RuntimeError`), besides `OSError`."""


def check_directory(stream: BinaryIO, label: object) -> None:
    """Refuse an archive with a directory of too many files, before it is read.

    Parameters
    ----------
    stream : binary stream
        Left where it was.
    label : object
        How messages name it.

    Raises
    ------
    OverBudgetError
    """
    place = stream.tell()
    end = zipfile._EndRecData(stream)  # type: ignore[attr-defined]
    stream.seek(place)
    if end is not None and end[_SIZE_OF_DIRECTORY] > MOST_MEMBERS * _ENTRY:
        raise over(label, f"is an archive of more than {MOST_MEMBERS:,} files")


def check_unpacked(archive: zipfile.ZipFile, size: int, label: object) -> None:
    """Refuse an archive that would unpack to far more than a file of its size can contain.

    Parameters
    ----------
    archive : ZipFile
    size : int
        Bytes of its file.
    label : object

    Raises
    ------
    OverBudgetError
    """
    entries = archive.infolist()
    if len(entries) > MOST_MEMBERS:
        raise over(label, f"is an archive of more than {MOST_MEMBERS:,} files")
    if sum(entry.file_size for entry in entries) > INFLATED * size + INFLATED_ROOM:
        raise over(label, "would unpack to far more data than a file of its size can contain")
