"""The list of slow tests: what it names is there, and what is left looks at every part."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import conftest

ROOT = Path(__file__).resolve().parents[2]
SLOW = set(conftest.read_slow())
FIXTURES = {name for name in SLOW if name.startswith(conftest.FIXTURE)}
PARTS = sorted(
    {
        folder.relative_to(ROOT).as_posix()
        for side in ("core", "app")
        for folder in (ROOT / "tests" / side).iterdir()
        if folder.is_dir() and list(folder.rglob("test_*.py"))
    }
)


def functions(path: Path, start: str = "test_") -> Iterator[str]:
    """Return the names of a module's tests."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith(start):
            yield f"{path.relative_to(ROOT).as_posix()}::{node.name}"


def test_every_line_names_a_test_that_is_there() -> None:
    known = {name for path in (ROOT / "tests").rglob("test_*.py") for name in functions(path)}
    assert len(known) > 500
    assert {name.partition("[")[0] for name in SLOW - FIXTURES} <= known


def test_every_shared_fixture_is_there() -> None:
    for line in FIXTURES:
        place, _, name = line.removeprefix(conftest.FIXTURE).partition("::")
        path = ROOT / place if place.endswith(".py") else ROOT / place / "conftest.py"
        assert name in {one.rpartition("::")[2] for one in functions(path, "")}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_tests_that_are_quick(part: str) -> None:
    """At least one of which no case at all is slow."""
    tests = {name for path in (ROOT / part).rglob("test_*.py") for name in functions(path)}
    assert tests - {name.partition("[")[0] for name in SLOW}


@pytest.mark.parametrize("whole", [True, False])
def test_what_a_run_measures_is_written(whole, tmp_path, monkeypatch) -> None:
    """A run of chosen tests says nothing about the others of their files."""
    monkeypatch.setattr(conftest, "SLOW", tmp_path / "slow.txt")
    known = {"a.py::test_other": 9.0, "a.py::test_now_quick": 2.0, "b.py::test_x[1 2]": 3.0}
    conftest.write_slow(known)
    measured = conftest.Measured(whole)
    measured.seconds |= {"a.py::test_now_quick": 0.2, "a.py::test_new": 4.5}
    measured.pytest_sessionfinish()
    left = {} if whole else {"a.py::test_other": 9.0}
    assert conftest.read_slow() == left | {"a.py::test_new": 4.5, "b.py::test_x[1 2]": 3.0}


def test_a_skipped_test_stays_as_slow_as_it_was(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(conftest, "SLOW", tmp_path / "slow.txt")
    conftest.write_slow({"a.py::test_program": 300.0})
    measured = conftest.Measured(whole=True)
    measured.seconds["a.py::test_program"] = 0.01
    measured.skipped.add("a.py::test_program")
    measured.pytest_sessionfinish()
    assert conftest.read_slow() == {"a.py::test_program": 300.0}


MODULE = """
import time
import pytest

@pytest.fixture(scope="module")
def network():
    time.sleep(0.2)

@pytest.mark.parametrize("number", range(3))
def test_needs_it(network, number):
    pass

def test_needs_nothing():
    pass
"""


def test_all_that_need_a_slow_fixture_are_slow(tmp_path, monkeypatch) -> None:
    """Else the next test pays for it, once the first one is left out."""
    own = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    own = own.replace("LONGEST_SHARED = 3.0", "LONGEST_SHARED = 0.1").replace(
        "LONGEST_WINDOW = 0.2,", "LONGEST_WINDOW = 0.1,"
    )
    (tmp_path / "conftest.py").write_text(own)
    (tmp_path / "slow.txt").touch()
    (tmp_path / "test_it.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    pytest_of = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:pytest-qt",
        "-p",
        "no:cacheprovider",
    ]
    for more, says in (("--measure", "4 passed"), ("-mnot slow", "1 passed, 3 deselected")):
        done = subprocess.run([*pytest_of, more], cwd=tmp_path, capture_output=True, text=True)
        assert says in done.stdout, done.stdout + done.stderr


def test_the_slowest_begin_first_and_the_others_keep_their_order(tmp_path, monkeypatch) -> None:
    """But for one whose shared fixture is slow: others of its file would make that again."""
    own = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    (tmp_path / "conftest.py").write_text(own)
    slow = {f"test_it.py::test_needs_it[{n}]": 99.0 for n in range(2)}
    slow |= {
        "test_it.py::test_long": 31.0,
        "test_it.py::test_longer": 90.0,
        "test_it.py::test_d": 9.0,
    }
    lines = [f"{seconds} {name}" for name, seconds in slow.items()]
    (tmp_path / "slow.txt").write_text("\n".join([*lines, "9.0 fixture test_it.py::network"]))
    tests = "".join(f"def test_{name}():\n    pass\n\n" for name in ("a", "long", "d", "longer"))
    (tmp_path / "test_it.py").write_text(MODULE + tests)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:pytest-qt", "--collect-only"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    names = [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]
    needs = [f"test_needs_it[{n}]" for n in range(3)]
    assert names == ["test_long", "test_longer", *needs, "test_needs_nothing", "test_a", "test_d"]
