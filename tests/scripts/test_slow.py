"""The list of slow tests: what it names is there, and what is left looks at every part."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import conftest

ROOT = Path(__file__).resolve().parents[2]
SLOW = set(conftest.read_slow())
PARTS = sorted(
    {
        folder.relative_to(ROOT).as_posix()
        for side in ("core", "app")
        for folder in (ROOT / "tests" / side).iterdir()
        if folder.is_dir() and list(folder.rglob("test_*.py"))
    }
)


def functions(path: Path) -> Iterator[str]:
    """Return the names of a module's tests."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{path.relative_to(ROOT).as_posix()}::{node.name}"


def test_every_line_names_a_test_that_is_there() -> None:
    known = {name for path in (ROOT / "tests").rglob("test_*.py") for name in functions(path)}
    assert len(known) > 500
    assert {name.partition("[")[0] for name in SLOW} <= known


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
