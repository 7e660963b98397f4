"""The program's own test, run from source, without what the packaged program leaves out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.startup import self_test
from scripts.bundle import contents
from tests.package import switch

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = """
import sys
for name in {names!r}:
    sys.modules[name] = None
"""


@pytest.mark.skipif(switch.WHY_NOT is None, reason="the packaged program walks the same steps")
def test_everything_runs_without_what_is_left_out(tmp_path: Path) -> None:
    """In every process it starts: Python runs ``sitecustomize`` first in each."""
    left_out = [name for name in contents.excluded() if name not in ("pip", "setuptools")]
    (tmp_path / "sitecustomize.py").write_text(BLOCKS.format(names=left_out))
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
        "QT_QPA_PLATFORM": "offscreen",
    }
    folder = tmp_path / "written"
    command = [sys.executable, "-m", "app", "--self-test", "-o", str(folder)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    for title, _ in self_test.STEPS:
        assert any(title in line for line in lines), title
    assert {"window.png", "project.png", "again.pt"} <= {path.name for path in folder.iterdir()}


def test_the_first_failure_ends_it_with_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    def fails(_test) -> str:
        raise self_test.FailureError("it did not come out")

    reached: list[str] = []
    steps = (
        ("first", lambda _test: "well"),
        ("second", fails),
        ("third", lambda _test: reached.append("third") or ""),
    )
    monkeypatch.setattr(self_test, "STEPS", steps)
    assert self_test.SelfTest(tmp_path).run() == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("ok     first")
    assert second.startswith("FAILED second") and second.endswith("it did not come out")
    assert not reached


def test_a_bug_is_a_failure_and_its_trace_is_shown(tmp_path: Path, monkeypatch, capsys) -> None:
    def broken(_test) -> str:
        raise KeyError("x")

    monkeypatch.setattr(self_test, "STEPS", (("only", broken),))
    assert self_test.SelfTest(tmp_path).run() == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("FAILED only")
    assert "KeyError" in printed.err


def test_a_file_the_demo_should_have_left_is_missed(tmp_path: Path) -> None:
    test = self_test.SelfTest(tmp_path)
    with pytest.raises(self_test.FailureError, match=r"no tuned\.onnx"):
        test.place("tuned.onnx")


def test_a_command_that_fails_is_a_failure_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(self_test.FailureError, match=r"missing\.pt does not exist"):
        self_test.SelfTest(tmp_path).secateur("inspect", "missing.pt")
