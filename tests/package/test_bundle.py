"""The packaged program itself: built, moved away, and run, as `make bundle-test` does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from scripts.bundle import check, contents
from tests.package import switch

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(switch.WHY_NOT is not None, reason=str(switch.WHY_NOT))
def test_the_packaged_program_does_everything_elsewhere(tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(ROOT)
    dist, work = tmp_path / "dist", tmp_path / "build"
    build = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    build += ["--distpath", str(dist), "--workpath", str(work), "build.spec"]
    look = [sys.executable, "-m", "scripts.bundle.check", str(dist / "secateur")]
    look += ["--version", contents.version()]
    try:
        for command in (build, look):
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
    finally:  # gigabytes: pytest keeps the folders of three runs
        subprocess.run(["rm", "-rf", str(dist), str(work)], check=True)


@pytest.mark.parametrize(
    ("asked", "runs"), [("1", True), ("0", False)], ids=["asked for", "switched off"]
)
def test_the_variable_decides(asked: str, runs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECATEUR_BUNDLE_TEST", asked)
    assert (switch.why_not() is None) == runs


@pytest.mark.parametrize(("minutes", "late"), [(switch.MINUTES - 1, False), (99, True)])
def test_it_is_left_out_where_the_tests_before_took_long(
    minutes: float, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECATEUR_BUNDLE_TEST", raising=False)
    monkeypatch.delenv(switch.BEGAN, raising=False)
    otherwise = switch.why_not()
    monkeypatch.setenv(switch.BEGAN, str(time.time() - 60 * minutes))
    assert ("99 minutes" in str(switch.why_not())) == (late and otherwise is None)
    assert late or switch.why_not() == otherwise


def test_what_make_does_is_what_is_tested() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "pyinstaller --noconfirm --log-level WARN build.spec" in makefile
    assert f"{switch.BEGAN}=$(BEGAN) " in makefile
    assert "-m scripts.bundle.check dist/secateur --version" in makefile


def test_what_keeps_it_apart_is_left_out_where_it_is_not_allowed() -> None:
    """A container may have the tool and forbid what it does."""
    assert check.where_allowed("sh", "-c", "exit 1") == []
    assert check.where_allowed("no-such-tool-anywhere") == []
    tool = shutil.which("env")
    assert check.where_allowed("env", "A=b") == [tool, "A=b"]


def test_a_virtual_environment_in_the_source_tree_is_hidden_with_it() -> None:
    tree, python = Path("/home/a/secateur"), Path("/opt/python")
    assert check.outermost([tree, tree / ".venv", python]) == [tree, python]
    assert check.outermost([tree, python, python]) == [tree, python]


@pytest.mark.skipif(not check.where_allowed("unshare", "-m"), reason="may not hide folders")
def test_hidden_places_are_empty_for_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, python = tmp_path / "tree", tmp_path / "python 3"
    for place in (tree / ".venv", python):
        place.mkdir(parents=True)
        (place / "there").touch()
    program = tmp_path / "program"
    program.mkdir()
    monkeypatch.setattr(check, "ROOT", tree)
    monkeypatch.setattr(sys, "prefix", str(tree / ".venv"))
    monkeypatch.setattr(sys, "base_prefix", str(python))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = check.Elsewhere(program)
    look = [*place.prefix, "ls", "-A", str(tree), str(python)]
    done = subprocess.run(look, capture_output=True, text=True, check=True)
    assert ".venv" not in done.stdout and "there" not in done.stdout
    assert (python / "there").is_file()
