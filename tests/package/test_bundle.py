"""The packaged program itself: built, moved away, and run. Minutes; switched on by a variable."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("SECATEUR_BUNDLE_TEST") != "1",
    reason="builds the packaged program; set SECATEUR_BUNDLE_TEST=1",
)
def test_the_packaged_program_does_everything_elsewhere() -> None:
    subprocess.run(["make", "bundle-test"], cwd=ROOT, check=True)
