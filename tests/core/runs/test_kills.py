"""Windows that tune a project, killed at random: a short version of scripts/kill_runs.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.tune.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "kill_runs.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_nothing_is_lost(settings: Settings) -> None:
    command = [sys.executable, SCRIPT, settings.model, settings.data, "--runs", "1", "--kills", "3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 runs equal the one that was left alone" in done.stdout
