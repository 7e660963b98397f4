"""What `make` runs: lint as before a commit, and the system's libraries."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def recipe(target: str) -> list[str]:
    """Return the commands of a target of the Makefile."""
    (body,) = re.findall(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", MAKEFILE, re.MULTILINE)
    return [line.strip() for line in body.splitlines()]


def hooks() -> list[dict]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return [hook for repository in config["repos"] for hook in repository["hooks"]]


def test_before_a_commit_the_same_is_run_as_by_make_lint() -> None:
    """Tools that take files get the staged ones; `--force-exclude` is what they need for it."""
    lint = [re.sub(r"^\$\(BIN\)/| \.$", "", command) for command in recipe("lint")]
    assert len(lint) >= 4
    asked = [
        hook["entry"].removeprefix(".venv/bin/").replace(" --force-exclude", "") for hook in hooks()
    ]
    assert asked == lint
    for hook, command in zip(hooks(), recipe("lint"), strict=True):
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
        assert hook.get("pass_filenames", True) == command.endswith(" .")


def test_every_target_that_is_named_does_something() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    named = {
        target
        for path in documents
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {"run", "test", "docs", "dist", "test-scripts"} <= named <= set(phony.split())
    silent = [target for target in phony.split() if target != "setup" and not recipe(target)]
    assert silent == []


LIBRARY = "libegl1"


@pytest.fixture
def system(tmp_path: Path) -> dict[str, str]:
    """A Debian whose user is not root, with all packages but those named in MISSING."""
    for name, lines in {
        "dpkg-query": 'case " $MISSING " in *" $4 "*) exit 1;; esac; echo "install ok installed"',
        "id": "echo 1000",
        "apt-get": "echo apt-get was run; exit 1",
    }.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "MISSING": ""}


@pytest.mark.parametrize("words", [[], ["bundle"]])
def test_no_library_is_asked_for_where_all_are_there(system, words) -> None:
    command = ["sh", "scripts/system-libs.sh", *words]
    done = subprocess.run(command, cwd=ROOT, env=system, capture_output=True, text=True, check=True)
    assert done.stdout == ""


@pytest.mark.parametrize(("words", "missing"), [([], LIBRARY), (["bundle"], "binutils")])
def test_libraries_that_are_missing_are_named_with_the_command(system, words, missing) -> None:
    command = ["sh", "scripts/system-libs.sh", *words]
    system["MISSING"] = missing
    done = subprocess.run(command, cwd=ROOT, env=system, capture_output=True, text=True, check=True)
    assert f"sudo apt-get install --no-install-recommends {missing}\n" in done.stdout
    assert "apt-get was run" not in done.stdout
