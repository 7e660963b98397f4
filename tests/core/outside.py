"""Packages from outside: written by a test, installed for a process or imported into this one."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest


def write_module(folder: Path, name: str, text: str) -> Path:
    """Write a module."""
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(text), "utf-8")
    return path


def install(folder: Path, package: str, points: dict[str, dict[str, str]]) -> None:
    """Declare entry points, as pip does for an installed package whose modules are in a folder.

    ``points`` are by group and name.
    """
    about = folder / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = []
    for group, rows in points.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in rows.items()), ""]
    (about / "entry_points.txt").write_text("\n".join(lines), "utf-8")


def import_module(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module of a folder as it is now, until the test ends."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # its time is no finer than a second
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    del sys.modules[name]
    monkeypatch.setitem(sys.modules, name, module)  # the test's end takes it away again
    return module
