"""What of PyInstaller's entries stays, and what libraries are freed of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bundle import contents, entries


def test_files_are_left_out_by_their_place() -> None:
    def entry(place: str) -> tuple[str, str, str]:
        return place, f"/somewhere/{place}", "BINARY"

    stay = [
        "torch/bin/torch_shm_manager",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqwayland.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/Qt/lib/libQt6Core.so.6",
        "numpy/testing/__init__.py",
    ]
    go = [
        "torch/bin/protoc-3.21.12.0",
        "PySide6/Qt/plugins/platforms/libqvnc.so",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "PySide6/Qt/qml/QtQuick/qmldir",
        "sympy/core/tests/test_arit.py",
    ]
    kept = [place for place, _, _ in entries.kept([entry(place) for place in (*stay, *go)])]
    assert kept == stay


@pytest.mark.skipif(sys.platform != "linux", reason="strips ELF files")
def test_libraries_nobody_asks_for_any_more_are_left_out() -> None:
    import PySide6

    core = Path(PySide6.__file__).parent / "Qt" / "lib" / "libQt6Core.so.6"
    asked = subprocess.run(["ldd", str(core)], capture_output=True, text=True, check=True).stdout
    (zlib,) = re.findall(r"libglib-2.0.so.0 => (\S+)", asked)[:1] or [""]
    system = "/usr/lib/x86_64-linux-gnu/libnobody.so.1"
    given = [
        ("PySide6/Qt/lib/libQt6Core.so.6", str(core), "BINARY"),
        ("libnobody.so.1", system, "BINARY"),
        *([("libglib-2.0.so.0", zlib, "BINARY")] if zlib else []),
    ]
    kept = {place for place, _, _ in entries.needed(given, contents.packages())}
    assert "libnobody.so.1" not in kept
    assert "PySide6/Qt/lib/libQt6Core.so.6" in kept
    assert not zlib or "libglib-2.0.so.0" in kept


@pytest.mark.skipif(shutil.which("strip") is None, reason="needs binutils")
@pytest.mark.skipif(sys.platform != "linux", reason="strips ELF files")
def test_stripped_libraries_still_load(tmp_path: Path) -> None:
    import torch

    path = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    given = [
        ("torch/lib/libtorch_cpu.so", str(path), "BINARY"),
        ("numpy/x.so", "/x.so", "BINARY"),
    ]
    lean, other = entries.stripped(given, tmp_path)
    assert other == given[1]
    assert Path(lean[1]).stat().st_size < path.stat().st_size
    # The loader takes a library that is there already by its name: torch then runs on this one.
    code = (
        f"import ctypes; ctypes.CDLL({lean[1]!r}, ctypes.RTLD_GLOBAL)\n"
        "import torch; assert torch.ones(3, 3).mm(torch.ones(3, 3)).sum() == 27\n"
        f"used = open('/proc/self/maps').read()\n"
        f"assert {lean[1]!r} in used and {str(path)!r} not in used"
    )
    folders = [path.parent, *contents.packages().glob("nvidia/*/lib")]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_separate_opencv_keeps_its_libraries_beside_it() -> None:
    given = [
        ("liba-1.so", "/work/opencv/opencv.libs/liba-1.so", "BINARY"),
        ("cv2/cv2.so", "/work/opencv/cv2/cv2.so", "EXTENSION"),
        ("libz.so.1", "/usr/lib/libz.so.1", "BINARY"),
    ]
    places = [place for place, _, _ in entries.at_home(given, ["/work/opencv"])]
    assert places == ["opencv.libs/liba-1.so", "cv2/cv2.so", "libz.so.1"]
