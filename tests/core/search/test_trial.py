"""Trials on a trained network: pruned, repaired, tuned, measured, kept and remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli.main import main
from core.engine.models import ModelStore
from core.engine.tasks import find_task
from core.errors import UserError
from core.history.nodes import read_nodes
from core.pipeline import load
from core.plan.schema import Plan
from core.search import records
from core.search.settings import TrialRequest, parse_search
from core.search.trial import MARGIN, Workbench, behind


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path) -> None:
    """Two turns are enough here, and no test sees what another one kept."""
    monkeypatch.setattr("core.compare.bench.TURNS", 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def settings(trained: Path, scenes: Path, **given):
    told = {
        "model": str(trained),
        "data": str(scenes),
        "budget": {"macs": 0.8},
        "images": 4,
        "image_size": 96,
        "device": "cpu",
        "repair": ["bn"],
        "plan": Plan(criterion="l2").to_json(),
    }
    return parse_search({**told, **given})


def test_a_trial_is_plain_data_in_and_its_record_out(trained, scenes, tmp_path) -> None:
    asked = settings(trained, scenes)
    loaded = load(trained)
    usual = Workbench(loaded, asked).space.usual
    task, models = find_task("search_trial"), ModelStore()
    output = tmp_path / "trial-000.pt"

    def run(number: int, **given) -> dict:
        request = TrialRequest(number=number, settings=usual, output=str(output))
        request = request.model_copy(update=given)
        args = {
            "path": str(trained),
            "search": asked.model_dump(mode="json"),
            "trial": request.to_json(),
        }
        told = task(models, json.loads(json.dumps(args)), lambda share, text: None)
        records.check(json.loads(json.dumps(told)))
        return told

    first = run(0)
    assert first["state"] == "measured"
    assert first["report"]["verification"]["passed"]
    assert first["report"]["after"]["macs"] <= 0.82 * first["report"]["before"]["macs"]
    assert load(output).facts.sha256
    again = run(1, known={first["key"]: 0})
    assert (again["state"], again["same_as"]) == ("same", 0)
    smaller = run(2, settings={**usual, "image_size": 64})  # 44% of the cost: nothing is pruned
    assert (smaller["state"], smaller["report"]) == ("measured", {})
    assert (smaller["point"]["image_size"], smaller["file"]) == (64, str(trained))
    nothing = {**usual, "minimum_channels": 1 << 18}
    refused = run(3, settings=nothing)
    assert refused["state"] == "refused"
    assert "cannot be reached" in refused["message"]
    exact = run(4, plan=first["report"]["plan"])  # what a suggestion found
    assert exact["key"] == first["key"]
    assert exact["point"]["accuracy"] == pytest.approx(first["point"]["accuracy"], abs=1e-4)


def test_units_go_with_channels_and_a_promising_trial_is_tuned(trained, scenes, tmp_path) -> None:
    bench = Workbench(load(trained), settings(trained, scenes, tune_minutes=0.02))
    name = bench.space.names[0]
    told = {**bench.space.usual, "removed": 1, "removed_1": name}
    output = tmp_path / "trial-000.pt"
    record = bench.run(TrialRequest(number=0, settings=told, output=str(output)))
    assert record["state"] == "measured", record
    assert record["tuning"]["epochs"] >= 1
    assert record["repaired"]["latency_ms"] == record["point"]["latency_ms"]
    assert len(record["report"]["plan"]["selection"]) > 1
    assert load(output).facts.history[-1]
    front = ((0.0, 1.0),)  # a network that takes no time and is always right
    stopped = bench.run(TrialRequest(number=1, settings=told, output=str(output), front=front))
    assert stopped["state"] == "stopped"
    assert "tuning" not in stopped


def test_a_base_plan_that_does_not_fit_is_refused_at_once(trained, scenes) -> None:
    with pytest.raises(UserError, match="900"):
        Workbench(load(trained), settings(trained, scenes, plan=Plan(locked=(900,)).to_json()))


def test_locked_units_are_not_in_the_space(trained, scenes) -> None:
    loaded = load(trained)
    free = Workbench(loaded, settings(trained, scenes)).space.names
    plan = Plan(criterion="l2", locked=(2,)).to_json()
    locked = Workbench(loaded, settings(trained, scenes, plan=plan)).space.names
    assert set(locked) < set(free)
    assert not any(name.startswith("model.2.") for name in locked)


@pytest.mark.parametrize(
    ("point", "front", "late"),
    [
        ((5.0, 0.5), (), False),
        ((5.0, 0.5), ((5.0, 0.5),), False),
        ((5.0, 0.5), ((4.0, 0.5 + MARGIN / 2),), False),
        ((5.0, 0.5), ((4.0, 0.5 + 2 * MARGIN),), True),
        ((5.0, 0.5), ((5.1, 0.9),), False),
        ((5.0, 0.5), ((5.1, 0.9), (1.0, 0.9)), True),
    ],
)
def test_what_is_far_behind_is_not_tuned(point, front, late) -> None:
    assert behind(point, front) is late


def test_the_command_searches_and_continues(trained, scenes, tmp_path, capsys) -> None:
    words = [
        "search", str(trained), "--data", str(scenes), "--budget", "macs 0.8", "--images", "4",
        "--image-size", "64", "--device", "cpu", "--out", str(tmp_path / "found"),
        "--history", str(tmp_path / "history"),
    ]  # fmt: skip
    assert main([*words, "--trials", "2"]) == 0
    printed = capsys.readouterr().out
    assert "unpruned" in printed
    assert "2 trials" in printed
    assert main([*words, "--trials", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (len(told["trials"]), told["resumed"], told["stopped"]) == (3, 2, False)
    measured = [t for t in told["trials"] if t["state"] == "measured"]
    titles = [node.title for node in read_nodes(tmp_path / "history")]
    assert sum(title.startswith("Search, trial") for title in titles) == len(measured)
    assert main([*words, "--trials", "3", "--seed", "2"]) == 1
    assert "holds another search" in capsys.readouterr().err
