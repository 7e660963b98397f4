"""Names out of files, in every field that a command prints: none reaches a terminal as it is."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
import torch
import yaml

from core.cli.main import main
from core.system.visible import KEPT
from resources.scenes import write_dataset
from tests.core.networks import network

EVIL = "\x1b[2J\x1b]0;owned\x07\u202e\u2066\x9b31m\x7f\r evil"


@pytest.fixture
def evil(tmp_path: Path) -> dict[str, Path]:
    """A network, a dataset and a plan with such a name wherever one can be."""
    import copy

    folder = tmp_path / f"a{EVIL.replace('/', '')}"
    folder.mkdir()
    model = copy.deepcopy(network("yolov8n"))
    model.names = {number: f"{EVIL} {number}" for number in range(80)}
    model.yaml = {**model.yaml, "yaml_file": f"{EVIL}.yaml"}
    for block in model.model:
        block.type = f"{EVIL}.{block.type}"
    path = folder / f"m{EVIL}.pt"
    told = {"model": model, "train_args": {"data": EVIL, "name": EVIL}, "date": EVIL,
            "version": EVIL, "license": EVIL}  # fmt: skip
    torch.save(told, path)
    data = write_dataset(folder / "d", train=2, val=2)
    said = yaml.safe_load(data.read_text("utf-8"))
    said["names"] = {number: f"{EVIL} {number}" for number in range(len(said["names"]))}
    data.write_text(yaml.safe_dump(said), "utf-8")
    plan = folder / "plan.json"
    plan.write_text(json.dumps({"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}))
    wrong = folder / "wrong.json"
    wrong.write_text(
        json.dumps({"version": 1, "criterion": EVIL, "selection": [{"layer": EVIL, "ratio": 0.5}]})
    )
    locked = folder / "locked.json"
    locked.write_text(
        json.dumps({"version": 1, "locked": [EVIL], "selection": [{"block": 5, "ratio": 0.5}]})
    )
    return {"model": path, "data": data, "plan": plan, "wrong": wrong, "locked": locked,
            "out": folder / "out.pt"}  # fmt: skip


COMMANDS = [
    "inspect MODEL",
    "inspect MODEL --structure",
    "inspect MODEL --layers",
    "predict MODEL --plan PLAN",
    "predict MODEL --plan WRONG",
    "predict MODEL --plan LOCKED",
    "prune MODEL --plan PLAN -o OUT",
    "prune MODEL --plan WRONG -o OUT",
    "suggest MODEL --plan WRONG",
    "data DATA",
    "data DATA --model MODEL",
    "evaluate MODEL --data DATA",
    "retarget MODEL --data DATA -o OUT",
    "history MODEL",
    "inspect DATA",
    "inspect OUT",
    f"inspect {EVIL.split()[0]}",
    f"arguments {EVIL.split()[0]}",
    f"{EVIL.split()[0]}",
    f"jobs {EVIL.split()[0]}",
    f"prune MODEL --criterion {EVIL.split()[0]}",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_what_steers_a_terminal(
    command: str, evil: dict[str, Path], capfd: pytest.CaptureFixture[str], monkeypatch
) -> None:
    words = [str(evil[w.lower()]) if w.isupper() else w for w in command.split()]
    for arguments in (words, [*words, "--json"]):
        try:
            main(arguments)
        except SystemExit as left:  # wrong usage
            assert left.code == 2
        for text in capfd.readouterr():
            bad = {c for c in text if c not in KEPT and unicodedata.category(c) in {"Cc", "Cf"}}
            assert not bad, (arguments[0], text[:300])
            assert "Internal error" not in text
