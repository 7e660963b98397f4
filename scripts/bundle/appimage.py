"""Packs the program as an AppImage: ``python -m scripts.bundle.appimage FOLDER WHERE --runtime F``.

An AppImage is the runtime of the AppImage project, a small program, and after it a compressed file
system with the program's folder, which the runtime mounts: nothing is unpacked, nothing installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from core.system.files import write_atomically
from scripts.bundle.platforms import DESKTOP
from scripts.bundle.tarball import name

_ELF, _MARK = b"\x7fELF", b"AI\x02"
"""How a runtime begins, and what is at its eighth byte."""
_ICON = 256
_START = """\
#!/bin/sh
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
exec "$here/usr/lib/secateur/secateur" "$@"
"""
RUNTIME_HINT = (
    "Download the runtime for this processor from the releases of the AppImage project's "
    "type2-runtime, and name it: make appimage APPIMAGE_RUNTIME=FILE."
)


def lay_out(folder: Path, root: Path) -> None:
    """Make the root of the file system: the program, its desktop entry, its icon, its start.

    Parameters
    ----------
    folder : Path
        The program's, as built.
    root : Path
        Made. Files are linked where they are on the same disk, as they are gigabytes.
    """
    shutil.copytree(folder, root / "usr/lib/secateur", symlinks=True, copy_function=_linked)
    shutil.copy(DESKTOP / "secateur.desktop", root / "secateur.desktop")
    icon = folder / "share" / f"secateur-{_ICON}.png"
    shutil.copy(icon, root / "secateur.png")
    (root / ".DirIcon").symlink_to("secateur.png")
    start = root / "AppRun"
    start.write_text(_START, "utf-8")
    start.chmod(0o755)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def checked(runtime: Path) -> bytes:
    """Return a runtime's content.

    Raises
    ------
    SystemExit
        When the file is not there, or is none.
    """
    try:
        content = runtime.read_bytes()
    except OSError as error:
        raise SystemExit(f"{runtime}: {error.strerror}. {RUNTIME_HINT}") from error
    if content[:4] != _ELF or content[8:11] != _MARK:
        raise SystemExit(f"{runtime} is not a runtime of AppImages of type 2. {RUNTIME_HINT}")
    return content


def pack(folder: Path, where: Path, runtime: Path) -> Path:
    """Pack a folder; return the AppImage, which is whole or absent.

    Parameters
    ----------
    folder : Path
        The program's.
    where : Path
        Gets the AppImage.
    runtime : Path
        Of the AppImage project.

    Raises
    ------
    SystemExit
        When the runtime, or ``mksquashfs``, is missing.
    """
    start = checked(runtime)
    tool = shutil.which("mksquashfs")
    if tool is None:
        raise SystemExit("mksquashfs is missing: install Debian's squashfs-tools.")
    where.mkdir(parents=True, exist_ok=True)
    image = where / f"{name(folder)}.AppImage"
    with tempfile.TemporaryDirectory(dir=where, prefix=".appimage-") as room:
        lay_out(folder, Path(room) / "root")
        system = Path(room) / "system"
        options = ["-root-owned", "-noappend", "-comp", "zstd", "-b", "256K", "-quiet"]
        subprocess.run([tool, str(Path(room) / "root"), str(system), *options], check=True)

        def pour(stream: BinaryIO) -> None:
            stream.write(start)
            with system.open("rb") as content:
                shutil.copyfileobj(content, stream, 1 << 20)

        write_atomically(image, pour)
    image.chmod(0o755)
    return image


def main() -> int:
    """Pack, and say how large it became."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("where", type=Path)
    parser.add_argument("--runtime", type=Path, required=True)
    options = parser.parse_args()
    image = pack(options.folder, options.where, options.runtime)
    print(f"{image}: {image.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
