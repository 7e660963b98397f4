"""A history that cannot be written takes no result away: it is said, and the result is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli.main import main

PLAN = {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}


@pytest.fixture(params=["no folder", "a file", "damaged"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "no folder":
        return "/proc/nope"
    place = tmp_path / "history"
    if request.param == "a file":
        place.write_text("no folder")
    else:
        (place / "nodes").mkdir(parents=True)
        (place / "nodes").rmdir()
        (place / "nodes").write_text("no folder")
    return str(place)


@pytest.mark.parametrize("command", ["evaluate", "prune", "compare"])
def test_the_result_is_given(
    command: str, history: str, trained: Path, scenes: Path, tmp_path: Path, capsys
) -> None:
    out, plan = tmp_path / "small.pt", tmp_path / "plan.json"
    plan.write_text(json.dumps(PLAN))
    data = ["--data", str(scenes), "--image-size", "64"]
    words = {
        "evaluate": ["evaluate", str(trained), *data],
        "prune": ["prune", str(trained), "--plan", str(plan), "-o", str(out)],
        "compare": ["compare", str(trained), str(trained), *data, "--turns", "1"],
    }[command]
    assert main([*words, "--history", history, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    wanted = {"evaluate": "figures", "prune": "output", "compare": "models"}[command]
    assert told.get(wanted) or told.get("map50_95") is not None
    if "history_failed" not in told:  # this history could be written all the same
        assert told.get("node") or command == "compare"
        return
    assert told["history_failed"].endswith(".") and "node" not in told
    assert main([*words, "--history", history]) == 0
    assert "Not added to the history: " in capsys.readouterr().out
    assert command != "prune" or out.is_file()


def test_prune_says_so_where_nothing_can_be_written(trained: Path, tmp_path: Path, capsys) -> None:
    out, plan = tmp_path / "small.pt", tmp_path / "plan.json"
    plan.write_text(json.dumps(PLAN))
    words = ["prune", str(trained), "--plan", str(plan), "-o", str(out)]
    assert main([*words, "--history", "/proc/nope"]) == 0
    assert "Not added to the history: " in capsys.readouterr().out
    assert out.is_file()


def test_a_bug_in_a_history_costs_no_result(
    trained: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    def broken(*_args: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("core.history.remember.attach", broken)
    out, plan = tmp_path / "small.pt", tmp_path / "plan.json"
    plan.write_text(json.dumps(PLAN))
    words = ["prune", str(trained), "--plan", str(plan), "-o", str(out)]
    assert main([*words, "--history", str(tmp_path / "history"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "Internal error (KeyError)" in told["history_failed"] and out.is_file()
