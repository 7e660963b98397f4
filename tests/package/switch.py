"""Whether the packaged program is built and run by the tests.

``SECATEUR_BUNDLE_TEST=1`` always builds, ``0`` never; without it, where the system has what
building takes and the tests before it left the time. The frozen program
really lacks what the self-test from source is kept from: either runs.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time

ROOM_GB = 14.0
"""Disk that building with CUDA's libraries takes for a while."""
BEGAN = "SECATEUR_TESTS_BEGAN"
"""Variable in which `make test` says when it began, in seconds as `time.time` counts them."""
MINUTES = 20.0
"""What may have passed since: with the build, which takes four to six, all stays under thirty."""


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
    passed = (time.time() - float(os.environ.get(BEGAN, "inf"))) / 60
    if passed > MINUTES:
        return f"tests before took {passed:.0f} minutes; SECATEUR_BUNDLE_TEST=1 builds it anyway"
    return None


WHY_NOT = why_not()
