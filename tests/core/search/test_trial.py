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
from core.progress import silent
from core.search import records
from core.search.batch import MARGIN, Batch, behind
from core.search.reference import int8_reference
from core.search.settings import TrialRequest, parse_search
from core.search.trial import Workbench
from core.ship.export import format as format_module


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path) -> None:
    """Two turns are enough here, no test sees what another one kept, and one looks at INT8."""
    monkeypatch.setattr("core.compare.bench.TURNS", 2)
    told = {"format": "openvino", "missing": "Not asked."}
    monkeypatch.setattr(Workbench, "int8", lambda *_: told)
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


def records_of(bench: Workbench, *requests: TrialRequest, before=(), tune=False) -> list[dict]:
    """Carry out trials at once."""
    found = Batch(bench, {}, None, tune=tune).run(requests, before, lambda share, text: None)
    for record in found:
        records.check(json.loads(json.dumps(record)))
    return found


def test_a_network_is_made_from_plain_data_to_plain_data(trained, scenes, tmp_path) -> None:
    asked = settings(trained, scenes)
    bench = Workbench(load(trained), asked)
    usual = bench.space.usual
    task, models = find_task("search_trial"), ModelStore()
    output = tmp_path / "trial-000.pt"

    def make(number: int, **given) -> dict:
        request = TrialRequest(number=number, settings=usual, output="")
        args = {
            "path": str(trained),
            "search": asked.model_dump(mode="json"),
            "trial": request.model_copy(update=given).to_json(),
            "output": str(output),
        }
        told = task(models, json.loads(json.dumps(args)), lambda share, text: None)
        return json.loads(json.dumps(told))

    first = make(0)
    assert first["state"] == "made"
    assert first["report"]["verification"]["passed"]
    assert first["report"]["after"]["macs"] <= 0.82 * first["report"]["before"]["macs"]
    assert load(output).facts.sha256
    again = make(1, known={first["key"]: 0})
    assert (again["state"], again["same_as"]) == ("same", 0)
    smaller = make(2, settings={**usual, "image_size": 64})  # 44% of the cost: nothing is pruned
    assert (smaller["state"], smaller["report"]) == ("made", {})
    nothing = {**usual, "minimum_channels": 1 << 18}
    refused = make(3, settings=nothing)
    assert refused["state"] == "refused"
    assert "cannot be reached" in refused["message"]
    exact = make(4, plan=first["report"]["plan"])  # what a suggestion found
    assert (exact["key"], exact["judged"]["figures"]) == (first["key"], first["judged"]["figures"])

    def request(number: int, **given) -> TrialRequest:
        output = str(tmp_path / f"trial-00{number}.pt")
        return TrialRequest(number=number, settings={**usual, **given}, output=output)

    one, two, same, odd = records_of(
        bench, request(5), request(6, image_size=64), request(7), request(8, **nothing)
    )
    assert one["key"] == first["key"]
    assert one["figures"] == first["judged"]["figures"]
    assert (two["point"]["image_size"], two["file"], two["report"]) == (64, str(trained), {})
    assert (same["state"], same["same_as"]) == ("same", 5)
    assert (odd["state"], odd["message"]) == ("refused", refused["message"])


def test_units_go_with_channels_and_a_promising_trial_is_tuned(trained, scenes, tmp_path) -> None:
    bench = Workbench(load(trained), settings(trained, scenes, tune_minutes=0.02))
    name = bench.space.names[0]
    told = {**bench.space.usual, "removed": 1, "removed_1": name}
    output = tmp_path / "trial-000.pt"
    request = TrialRequest(number=0, settings=told, output=str(output))
    (record,) = records_of(bench, request, tune=True)
    assert record["state"] == "measured", record
    assert record["tuning"]["epochs"] >= 1
    assert record["repaired"]["latency_ms"] == record["point"]["latency_ms"]
    assert len(record["report"]["plan"]["selection"]) > 1
    assert load(output).facts.history[-1]
    best = {**record["point"], "latency_ms": 0.001, "accuracy": 1.0}  # no other one comes near
    front = [{**record, "trial": 0, "point": best, "repaired": best}]
    (stopped,) = records_of(bench, request, before=front, tune=True)
    assert stopped["state"] == "stopped"
    assert "tuning" not in stopped


def test_the_unpruned_network_as_int8(trained, scenes, monkeypatch) -> None:
    pytest.importorskip("nncf", reason="needs the extra export, with nncf")
    pytest.importorskip("openvino", reason="needs the extra export")
    monkeypatch.setattr("core.search.reference.TURNS", 2)
    bench = Workbench(load(trained), settings(trained, scenes))
    told = json.loads(json.dumps(int8_reference(bench.begun(), bench.train(), silent)))
    records.check({"int8": told})
    base, found = bench.begun().base, told["point"]
    assert (found["runtime"], found["images"]) == ("openvino", base.images)
    assert found["low"] <= found["accuracy"] <= found["high"]
    assert 0.5 * base.accuracy < found["accuracy"] < 1.1 * base.accuracy
    assert found["accuracy"] == told["figures"][found["metric"]]


@pytest.mark.parametrize("absent", ["nncf", "openvino"])
def test_what_int8_needs_is_said(trained, scenes, monkeypatch, absent: str) -> None:
    there = format_module.installed
    monkeypatch.setattr(format_module, "installed", lambda name: name != absent and there(name))
    bench = Workbench(load(trained), settings(trained, scenes))
    told = int8_reference(bench.bench(), bench.train(), silent)
    records.check({"int8": told})
    assert absent in told["missing"] and "pip install" in told["missing"]


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
    assert "The unpruned network was not measured as INT8: Not asked." in printed
    assert main([*words, "--trials", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (len(told["trials"]), told["resumed"], told["stopped"]) == (3, 2, False)
    assert told["int8"]["missing"]
    measured = [t for t in told["trials"] if t["state"] == "measured"]
    titles = [node.title for node in read_nodes(tmp_path / "history")]
    assert sum(title.startswith("Search, trial") for title in titles) == len(measured)
    assert main([*words, "--trials", "3", "--seed", "2"]) == 1
    assert "holds another search" in capsys.readouterr().err
