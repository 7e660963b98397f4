"""Whether the packaged program is built and run by the tests.

``SECATEUR_BUNDLE_TEST=1`` says so, ``0`` says not; without it, where the system has what building
takes. The frozen program really lacks what the self-test from source is kept from: either runs.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

ROOM_GB = 14.0
"""Disk that building with CUDA's libraries takes for a while."""


def why_not() -> str | None:
    """Return why the packaged program is not built here, or None."""
    asked = os.environ.get("SECATEUR_BUNDLE_TEST", "")
    if asked == "1":
        return None
    if asked == "0":
        return "SECATEUR_BUNDLE_TEST=0"
    if sys.platform != "linux":
        return "is looked at on Linux; SECATEUR_BUNDLE_TEST=1 builds it here too"
    from PyInstaller.depend import bindepend
    from PyInstaller.exceptions import PythonLibraryNotFoundError

    try:
        bindepend.get_python_library_path()
    except PythonLibraryNotFoundError:
        return "needs a Python with a shared library"
    if shutil.which("objdump") is None:
        return "needs binutils"
    if shutil.disk_usage(tempfile.gettempdir()).free < ROOM_GB * 1e9:
        return f"needs {ROOM_GB:.0f} GB of disk for temporary files"
    return None


WHY_NOT = why_not()
