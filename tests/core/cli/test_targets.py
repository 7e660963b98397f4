"""Files that cannot be written are refused before the work that would be lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.cli.main import main
from core.settle import Settler

PLAN = {"version": 1, "criterion": "l2", "target": {"macs": 0.7}}


@pytest.mark.parametrize(
    ("command", "name", "told"),
    [
        ("prune", "gone/small.pt", "does not exist"),
        ("prune", "small.onnx", "does not end in .pt"),
        ("prune", "folder.pt", "is a folder"),
        ("prune", "model.pt", "is not overwritten"),
        ("suggest", "gone/plan.json", "does not exist"),
        ("one_by_one", "gone/small.pt", "does not exist"),
    ],
)
def test_nothing_is_computed_for_it(
    command: str, name: str, told: str, trained: Path, scenes: Path, tmp_path: Path, monkeypatch,
    capsys,
) -> None:  # fmt: skip
    def work(*_args: object, **_options: object) -> None:
        raise AssertionError("it began to work")

    monkeypatch.setattr(Settler, "settle", work)
    monkeypatch.setattr("core.data.validation.Validation.measure", work)
    model, plan = tmp_path / "model.pt", tmp_path / "plan.json"
    shutil.copy(trained, model)
    (tmp_path / "folder.pt").mkdir()
    strategy = {"strategy": "one_by_one"} if command == "one_by_one" else {}
    plan.write_text(json.dumps({**PLAN, **strategy}))
    words = ["suggest" if command == "suggest" else "prune", str(model), "--plan", str(plan)]
    words += ["--data", str(scenes), "-o", str(tmp_path / name)]
    assert main(words) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert told in line and "Internal error" not in line
    assert model.read_bytes() == trained.read_bytes()
