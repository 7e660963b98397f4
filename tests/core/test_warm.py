"""What is run by the process with the libraries ends as it would automatically."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest


def shell(line: str, folder: Path, warm, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=warm.environment() | {"WORD": "given"},
        capture_output=True, text=True, check=False, timeout=60, **options,
    )  # fmt: skip


def test_streams_folder_and_environment_are_the_line_s(warm, tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text(
        "import os, sys\nprint(sys.stdin.read(), os.environ['WORD'], os.listdir(), sys.argv)\n"
    )
    done = shell("echo read | python says.py 1 2 > out; cat out", tmp_path, warm)
    assert done.stdout == "read\n given ['says.py', 'out'] ['says.py', '1', '2']\n" or (
        done.stdout == "read\n given ['out', 'says.py'] ['says.py', '1', '2']\n"
    )


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("secateur inspect missing.pt", 1),
        ("secateur inspect --no-such-option", 2),
        ("secateur --version", 0),
        ("python -c 'import sys; sys.exit(3)'", 3),
        ("python -c '1 / 0'", 1),
        ("python -c 'import os; os.kill(os.getpid(), 9)'", 70),
    ],
)
def test_the_status_is_that_of_what_was_run(line: str, status: int, warm, tmp_path: Path) -> None:
    done = shell(line, tmp_path, warm)
    assert done.returncode == status
    assert ("Traceback" in done.stderr) == ("1 / 0" in line)


def test_no_command_knows_of_another(warm, tmp_path: Path) -> None:
    shell("python -c 'import core; core.left = 1'", tmp_path, warm)
    done = shell("python -c 'import core; print(hasattr(core, \"left\"))'", tmp_path, warm)
    assert done.stdout == "False\n"


def test_stock_knows_nothing_of_this_project(stock, tmp_path: Path) -> None:
    code = "import sys; print(sorted(n for n in sys.modules if n.split('.')[0] in {names}))"
    ours = code.format(names=("core", "app", "resources", "tests"))
    done = shell(f'python -c "{ours}"; python -c "import tests.core"', tmp_path, stock)
    assert done.stdout == "[]\n"
    assert "No module named 'tests" in done.stderr


def test_what_is_run_ends_with_the_program_that_stands_for_it(warm, tmp_path: Path) -> None:
    """As a killed engine would: at once, whatever it is doing."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    command = [str(warm.folder / "python"), "-c", code]
    with subprocess.Popen(command, env=warm.environment(), stdout=subprocess.PIPE) as stands:
        assert stands.stdout is not None
        number = int(stands.stdout.readline())
        stands.kill()
        assert stands.stdout.read() == b""  # until the last one that could write is gone
    until = time.monotonic() + 60
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < until:
            os.kill(number, 0)
            time.sleep(0.01)
