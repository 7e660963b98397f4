"""scripts/compat.py without the network: which versions it runs, and what it leaves behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.system.versions import TESTED, numbers
from scripts import compat

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_ends_are_those_that_the_program_names() -> None:
    first, end = TESTED["ultralytics"]
    assert compat.ENDS[0] == first and numbers(compat.ENDS[-1]) < numbers(end)
    for name, version in zip(("torch", "torchvision"), compat.TORCH, strict=True):
        assert numbers(version)[:2] == numbers(TESTED[name][0])


@pytest.mark.parametrize("version", [*compat.ENDS, *compat.OPENS, compat.TORCH[0][:3]])
def test_the_readme_states_every_one(version) -> None:
    assert re.search(rf"\b{re.escape(version)}\b", README)


def test_packages_of_a_folder_come_first(tmp_path: Path) -> None:
    (tmp_path / "ultralytics.py").write_text("__version__ = 'mine'\n")
    asked = [sys.executable, "-c", "import ultralytics; print(ultralytics.__version__)"]
    place = compat.environment(tmp_path, ROOT)
    found = subprocess.run(asked, env=place, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "mine"
    assert place["PIP_NO_INDEX"] == "1" and set(os.environ) <= set(place)


@pytest.mark.parametrize("only", [None, *compat.ALONE])
@pytest.mark.parametrize("passed", [True, False])
def test_what_was_asked_for_is_run_and_nothing_is_left(
    only, passed, tmp_path: Path, monkeypatch, capsys
) -> None:
    ran: list[str] = []

    def part(name: str):
        def run() -> dict[str, bool]:
            (tmp_path / "place").mkdir(exist_ok=True)
            ran.append(name)
            return {f"runs {name}": passed}

        return run

    monkeypatch.setattr(compat, "PLACE", tmp_path / "place")
    monkeypatch.setattr(compat, "ALONE", {name: part(name) for name in compat.ALONE})
    monkeypatch.setattr(sys, "argv", ["compat.py", *(["--only", only] if only else [])])
    assert compat.main() == int(not passed)
    assert ran == ([only] if only else list(compat.PARTS))
    assert ("FAILED" in capsys.readouterr().out) == (not passed)
    assert not (tmp_path / "place").exists()


def test_what_it_installs_is_no_part_of_the_repository() -> None:
    assert f"{compat.PLACE.name}/" in (ROOT / ".gitignore").read_text().split()
