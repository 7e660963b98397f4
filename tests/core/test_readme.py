"""The README's first prune and Python lines do what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.pipeline import load
from core.plan.schema import parse_plan
from tests.core.documents import Example, run
from tests.core.images import make_dataset

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def block_with(text: str) -> list[str]:
    (found,) = (block for block in blocks(README, "sh") if text in block)
    return found.strip().splitlines()


def test_python_lines(warm, tmp_path: Path) -> None:
    (code,) = blocks(README, "python")
    parameters, error, passed = run(Example(code, (), python=True), tmp_path, warm).split()
    assert int(parameters) > 0
    assert float(error) <= 1e-5
    assert passed == "True"


@pytest.mark.parametrize("model", ["yolov8n.yaml", "trained"])
def test_first_prune(model: str, request, warm, tmp_path: Path) -> None:
    source = request.getfixturevalue("trained") if model == "trained" else model
    lines = block_with("secateur why")
    assert len(lines) == 5
    for line in lines:
        command = line.replace("yolov8n.pt", str(source))
        run(Example(command, ()), tmp_path, warm)
    assert (tmp_path / "small.pt").is_file()


def test_the_plans_of_the_documentation_are_valid() -> None:
    plans = [parse_plan(json.loads(plan)) for plan in blocks(COMMANDS, "json")]
    whole, together, several = plans
    assert len(whole.selection) == 4
    assert together.depth and together.target is not None
    assert several.rankings == 4 and several.target is not None


SMALLER: dict[str, str] = {
    "suggest": "--images 4 --image-size 64",
    "prune": "--images 4 --image-size 64 --repair-minutes 0.02",
    "finetune": "--epochs 1 --image-size 64 --batch 2",
    "compare": "--image-size 64",
}
"""What keeps the lines short here; everything else is as the README has it."""


def test_a_goal_suggested_pruned_tuned_and_compared(trained: Path, warm, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", load(trained).facts.classes)
    lines = block_with("secateur suggest")
    assert [line.split()[1] for line in lines[1:]] == list(SMALLER)
    for line in lines:
        command = line.replace("yolov8n.pt", str(trained)).replace("data.yaml", str(data))
        if command.startswith("secateur "):
            command = f"{command} {SMALLER[command.split()[1]]}"
        run(Example(command, ()), tmp_path, warm)
    pruned, tuned = load(tmp_path / "small.pt"), load(tmp_path / "tuned.pt")
    count = [sum(p.numel() for p in model.model.parameters()) for model in (pruned, tuned)]
    assert count[0] == count[1] < 3_000_000
