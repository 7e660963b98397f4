"""The README's first prune and Python lines do what they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.plan.schema import parse_plan

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_python_lines(tmp_path: Path) -> None:
    (code,) = blocks(README, "python")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    parameters, error, passed = done.stdout.split()
    assert int(parameters) > 0
    assert float(error) <= 1e-5
    assert passed == "True"


@pytest.mark.parametrize("model", ["yolov8n.yaml", "trained"])
def test_first_prune(model: str, request, tmp_path: Path) -> None:
    source = request.getfixturevalue("trained") if model == "trained" else model
    lines = blocks(README, "sh")[1].strip().splitlines()
    program = f"{sys.executable} -m app"
    assert len(lines) == 5
    for line in lines:
        command = line.replace(".venv/bin/secateur", program).replace("yolov8n.pt", str(source))
        subprocess.run(command, shell=True, cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "small.pt").is_file()


def test_the_plan_of_the_documentation_is_valid() -> None:
    (example,) = blocks(COMMANDS, "json")
    plan = parse_plan(json.loads(example))
    assert len(plan.selection) == 4
