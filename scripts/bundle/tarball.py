"""Packs the program for Linux: ``python -m scripts.bundle.tarball FOLDER WHERE``."""

from __future__ import annotations

import platform
import sys
import tarfile
from pathlib import Path
from typing import BinaryIO

from core.system.files import write_atomically
from core.system.versions import SECATEUR
from scripts.bundle.sizes import edition


def name(folder: Path) -> str:
    """Return the archive's name without its suffix, which is also the folder's in it.

    Parameters
    ----------
    folder : Path
        The program's: whether it can use GPUs is in its name.
    """
    return f"secateur-{SECATEUR}-{sys.platform}-{platform.machine()}-{edition(folder)}"


def pack(folder: Path, where: Path) -> Path:
    """Pack a folder; return the archive, which is whole or absent.

    Parameters
    ----------
    folder : Path
        The program's.
    where : Path
        Gets the archive.
    """
    archive = where / f"{name(folder)}.tar.gz"

    def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    def pour(stream: BinaryIO) -> None:
        with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as tar:
            tar.add(folder, name(folder), filter=anonymous)

    write_atomically(archive, pour)
    return archive


def main(folder: str, where: str) -> int:
    """Pack, and say how large it became."""
    archive = pack(Path(folder), Path(where))
    print(f"{archive}: {archive.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
