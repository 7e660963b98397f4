"""TorchScript files looked through before torch opens them.

A TorchScript file is no pickle: torch builds its own objects of it, and runs its code in an
interpreter that knows operations alone. Some of them read and write files (``aten::save``,
``aten::from_file``), and code in ``__setstate__`` runs while a file is opened. Ultralytics' exports
have none of that, so a file that has is refused before it is opened.
"""

from __future__ import annotations

import re
import zipfile
from functools import lru_cache
from pathlib import Path

from core.errors import UserError
from core.system.archives import DAMAGED, check_directory, check_unpacked
from core.system.budget import MB, over
from core.system.files import open_regular

_SOURCE = 64 * MB
"""Bytes of all code in a file; a YOLO network has less than one megabyte."""
_NAMESPACES = frozenset({"aten", "prim", "torchvision"})
_WORD = re.compile(r"[A-Za-z_]\w*")
_OPS = re.compile(r"\bops\s*\.\s*(\w+)")
_AT_ONCE = frozenset({"__setstate__", "__getstate__"})
_FOREIGN = re.compile(r"\btorch\s*\.\s*classes\b|__torch__\s*\.\s*torch\s*\.\s*classes\b")


def check_script(path: Path) -> None:
    """Refuse a TorchScript file that would do more than compute.

    Raises
    ------
    UserError
        For a damaged archive, or code that reads or writes files or runs while it is opened.
    """
    try:
        with open_regular(path) as stream:
            check_directory(stream, path)
            with zipfile.ZipFile(stream) as archive:
                check_unpacked(archive, path.stat().st_size, path)
                _check_code(archive, path)
    except (*DAMAGED, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is damaged, or no TorchScript file.", "Export the network again."
        ) from error


def _check_code(archive: zipfile.ZipFile, path: Path) -> None:
    room = _SOURCE
    for entry in archive.infolist():
        inside = entry.filename.partition("/")[2]
        if not inside.startswith("code/") and not inside.endswith(".pkl"):
            continue
        room -= entry.file_size
        if room < 0:
            raise over(path, "holds more code than any network")
        text = archive.read(entry).decode("ascii" if inside.endswith(".py") else "latin-1")
        if inside.endswith(".py"):
            _check_source(text, path)
        elif _FOREIGN.search(text):
            raise _refused(path, "an object of torch's C++ classes")


def _check_source(text: str, path: Path) -> None:
    if foreign := set(_OPS.findall(text)) - _NAMESPACES:
        raise _refused(path, f"the operations “{min(foreign)}”")
    words = set(_WORD.findall(text))
    if found := words & (_reaching() | _AT_ONCE):
        raise _refused(path, f"“{min(found)}”")
    if _FOREIGN.search(text):
        raise _refused(path, "an object of torch's C++ classes")


def _refused(path: Path, what: str) -> UserError:
    return UserError(
        f"{path} uses {what}, which no exported YOLO network needs; it is not opened.",
        "Export the checkpoint again, for example to ONNX.",
    )


@lru_cache(maxsize=1)
def _reaching() -> frozenset[str]:
    """Return the names of all operations of this torch that take the name of a file."""
    import torch

    found = set()
    for schema in torch._C._jit_get_all_schemas():
        if any("file" in a.name or "path" in a.name for a in schema.arguments):
            found.add(schema.name.partition("::")[2])
    return frozenset(found | {"save", "from_file"})
