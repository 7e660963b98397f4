"""What of PyInstaller's entries stays in the packaged program, where, and how large."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

Entry = tuple[str, str, str]
"""PyInstaller's: place in the folder, source, kind."""

LEFT_OUT_FILES = {
    "*/libQt6Qml*": "no QML",
    "*/libQt6Quick*": "no QML",
    "*/libQt6VirtualKeyboard*": "needs QML",
    "*/platforminputcontexts/*virtualkeyboard*": "needs QML",
    "*/plugins/qmltooling/*": "no QML",
    "*/PySide6/Qt/qml/*": "no QML",
    "*/PySide6/Qt/translations/*": "the window speaks English",
    "*/plugins/egldeviceintegrations/*": "for devices without a desktop",
    "*/plugins/generic/*": "for devices without a desktop",
    "*/plugins/platforms/*eglfs*": "for devices without a desktop",
    "*/plugins/platforms/*linuxfb*": "for devices without a desktop",
    "*/plugins/platforms/*minimalegl*": "for devices without a desktop",
    "*/plugins/platforms/*vkkhrdisplay*": "for devices without a desktop",
    "*/plugins/platforms/*vnc*": "for devices without a desktop",
    "*/plugins/platformthemes/*gtk3*": "brings GTK along; Fusion is drawn with our own colours",
    "*/plugins/networkinformation/*": "the program stays off the network",
    "*/plugins/sqldrivers/*": "no databases",
    "torch/bin/protoc*": "a tool for building extensions",
    "torch/include/*": "headers",
    "torch/share/*": "for building extensions",
    "torch/test/*": "tests",
    "torch/lib/*.a": "for building extensions",
    "ultralytics/assets/*": "example photographs",
    "*/tests/*": "tests",
}
"""Places of files that are not needed, each with the reason."""

_STRIPPED = ("torch/lib/libtorch_", "libpython", f"python3.{sys.version_info[1]}/lib-dynload/")


def kept(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries without those the program does without."""
    return [
        entry
        for entry in entries
        if not any(fnmatch.fnmatch(f"/{entry[0]}", _anywhere(p)) for p in LEFT_OUT_FILES)
    ]


def _anywhere(pattern: str) -> str:
    return pattern if pattern.startswith("*") else f"/{pattern}"


def needed(entries: Iterable[Entry], packages: Path) -> list[Entry]:
    """Return the entries without the system's libraries that nothing kept asks for any more.

    Parameters
    ----------
    entries : iterable of Entry
        After what is not needed was left out; its dependencies are still among them.
    packages : Path
        Where wheels are installed: what comes from there stays.
    """
    if sys.platform != "linux":
        return list(entries)
    from PyInstaller.depend.bindepend import get_imports

    entries = list(entries)
    inside = (str(packages), sys.base_prefix)
    system = {
        Path(place).name: (place, source, kind)
        for place, source, kind in entries
        if kind == "BINARY" and "/" not in place and not source.startswith(inside)
    }
    asked: set[str] = set()
    todo = [entry for entry in entries if Path(entry[0]).name not in system]
    while todo:
        _, source, kind = todo.pop()
        if kind not in ("BINARY", "EXTENSION"):
            continue
        for name, _path in get_imports(source):
            if name in system and name not in asked:
                asked.add(name)
                todo.append(system[name])
    return [entry for entry in entries if entry[0] not in system or entry[0] in asked]


def at_home(entries: Iterable[Entry], opencv: Iterable[str]) -> list[Entry]:
    """Return the entries with the libraries of a separate OpenCV where it looks for them.

    Its module names them relative to itself; PyInstaller keeps such places only for what is
    among the installed packages.
    """
    folders = [Path(folder) for folder in opencv]
    found = []
    for place, source, kind in entries:
        for folder in folders:
            if "/" not in place and Path(source).is_relative_to(folder):
                place = Path(source).relative_to(folder).as_posix()
        found.append((place, source, kind))
    return found


def stripped(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """Return the entries with torch's and Python's libraries freed of what only debuggers read.

    That is 190 MB. Where there is no ``strip``, they stay as they are. Other wheels' libraries are
    left alone: some of them do not survive it.
    """
    tool = shutil.which("strip")
    if sys.platform != "linux" or tool is None:
        return list(entries)
    found = []
    for place, source, kind in entries:
        if kind in ("BINARY", "EXTENSION") and place.startswith(_STRIPPED):
            lean = folder / place
            lean.parent.mkdir(parents=True, exist_ok=True)
            command = [tool, "--strip-unneeded", "-o", str(lean), str(Path(source).resolve())]
            subprocess.run(command, check=True)
            source = str(lean)
        found.append((place, source, kind))
    return found
