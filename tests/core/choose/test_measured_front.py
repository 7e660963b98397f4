"""Alternatives measured: accuracy with its interval, time; points kept and found again."""

from __future__ import annotations

import json

import pytest

from core.choose.measured import MeasuredPoint, MeasuredStore, plan_facts
from core.cli.main import main
from core.compare.estimate import estimate_front
from core.compare.front import known_front, measure_front
from core.data.stream import DataSettings
from core.engine.models import ModelStore
from core.engine.tasks import find_task
from core.errors import CancelledError, UserError
from core.pipeline import load, suggest
from core.plan.schema import Entry, Plan, Target, parse_plan
from core.repair import RepairSettings

STATISTICS = RepairSettings(steps=("bn",), minutes=5.0)
SMALL = Plan(selection=(Entry(layer="model.5.conv", channels=(0, 1, 2, 3)),), round_to=1)
LARGE = Plan(selection=(Entry(layer="model.5.conv", channels=tuple(range(96))),), round_to=1)


class Heard(list):
    """Collects points; cancels after as many of them as it is told to."""

    def __init__(self, until: int | None = None) -> None:
        self.until, self.shares = until, []

    def __call__(self, fraction: float, text: str) -> None:
        self.shares.append(fraction)
        if self.until is not None and len(self) >= self.until:
            raise CancelledError

    def partial(self, data: dict) -> None:
        self.append(data)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path) -> None:
    """Two turns are enough here, and no test sees what another one kept."""
    monkeypatch.setattr("core.compare.bench.TURNS", 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def loaded(trained):
    return load(trained)


@pytest.fixture
def data(scenes) -> DataSettings:
    return DataSettings(scenes, images=16, image_size=160, device="cpu", split="val")


def test_points_are_measured_kept_and_found_again(loaded, data) -> None:
    heard = Heard()
    found = measure_front(loaded, [SMALL, LARGE], data, STATISTICS, progress=heard)
    small, large = found.points
    base = found.base
    assert base.low == base.accuracy == base.high
    assert [point["plan"] for point in heard] == [None, 0, 1]
    assert heard[1]["accuracy"] == small.accuracy
    assert heard[1]["share"] == pytest.approx(small.accuracy / base.accuracy)
    for point in (small, large):
        assert point.low <= point.accuracy <= point.high
        assert point.latency_low <= point.latency_ms <= point.latency_high
        assert (point.images, point.image_size, point.metric) == (16, 160, "map50_95")
        assert point.repair == "bn"
    assert large.accuracy < small.accuracy
    assert large.high - large.low > 0
    assert heard.shares == sorted(heard.shares)
    again = Heard()
    assert measure_front(loaded, [SMALL, LARGE], data, STATISTICS, progress=again) == found
    assert again == heard
    assert known_front(loaded, [LARGE], data, STATISTICS).points == [large]
    other = DataSettings(data.path, images=8, image_size=160, device="cpu", split="val")
    assert known_front(loaded, [LARGE], other, STATISTICS).points == [None]
    assert known_front(loaded, [LARGE], data, None).points == [None]


def test_a_cancelled_front_continues_where_it_was(loaded, data) -> None:
    with pytest.raises(CancelledError):
        measure_front(loaded, [SMALL, LARGE], data, None, progress=Heard(until=2))
    known = known_front(loaded, [SMALL, LARGE], data, None)
    assert known.base is not None
    assert [point is not None for point in known.points] == [True, False]
    rest = measure_front(loaded, [SMALL, LARGE], data, None)
    assert rest.points[0] == known.points[0]
    assert rest.points[1] is not None


def test_a_plan_that_cannot_be_pruned_does_not_stop_the_others(loaded, data) -> None:
    heard = Heard()
    nothing = Plan(selection=(Entry(block=5, ratio=0.0),))
    found = measure_front(loaded, [nothing, SMALL], data, None, progress=heard)
    assert found.points[0] is None
    assert "removes nothing" in found.refused[0]
    assert found.points[1] is not None
    assert "removes nothing" in found.to_json()["refused"][0]["message"]
    assert [point["plan"] for point in heard] == [None, 0, 1]


def test_structure_is_measured_and_fewer_classes_are_refused(loaded, data) -> None:
    plan = parse_plan({"version": 1, "selection": [{"block": 6, "units": [1]}]})
    (point,) = measure_front(loaded, [plan], data, None).points
    assert point is not None
    fewer = parse_plan({"version": 1, "selection": [], "classes": [0, 1]})
    with pytest.raises(UserError, match="fewer classes"):
        measure_front(loaded, [fewer], data, None)


def test_the_estimate_counts_what_is_left(loaded, data) -> None:
    before = estimate_front(loaded, [SMALL, LARGE], data, STATISTICS)
    assert before["seconds"] > 0
    assert (before["networks"], before["known"], before["images"]) == (2, 0, 16)
    repaired = estimate_front(loaded, [SMALL, LARGE], data)["seconds"]
    assert repaired > estimate_front(loaded, [SMALL, LARGE], data, None)["seconds"]
    measure_front(loaded, [SMALL, LARGE], data, None)
    after = estimate_front(loaded, [SMALL, LARGE], data, None)
    assert (after["seconds"], after["networks"], after["known"]) == (0.0, 0, 2)


def test_exact_channels_are_one_network_however_they_were_found() -> None:
    same = SMALL.model_copy(update={"criterion": "fisher", "round_to": 8, "model_sha256": "a"})
    assert plan_facts(same) == plan_facts(SMALL)
    assert plan_facts(LARGE) != plan_facts(SMALL)
    ratio = Plan(selection=(Entry(block=5, ratio=0.5),))
    assert plan_facts(ratio) != plan_facts(ratio.model_copy(update={"criterion": "fisher"}))
    aimed = SMALL.model_copy(update={"target": Target(macs=0.5)})
    assert plan_facts(aimed) != plan_facts(SMALL)


def test_a_damaged_point_counts_as_absent(tmp_path) -> None:
    store = MeasuredStore({"model": "a"})
    point = MeasuredPoint(0.5, 0.4, 0.6, 9.0, 8.0, 10.0, "map50_95", 16, 160, "onnx", 3.0)
    store.add(SMALL, point)
    assert store.get(SMALL) == point
    assert MeasuredStore({"model": "b"}).get(SMALL) is None
    (file,) = (tmp_path / "cache").rglob("*.json")
    file.write_text('{"accuracy": 1')
    assert store.get(SMALL) is None


def test_the_engine_measures_and_a_later_suggestion_knows(trained, loaded, data) -> None:
    wish = Plan(round_to=8, target=Target(macs=0.8))
    images = {"path": str(data.path), "images": 16, "image_size": 160, "device": "cpu"}
    asked = {"path": str(trained), "data": {**images, "split": "val"}, "repair": ["bn"]}
    plans = [a.plan for a in suggest(loaded, wish).front][:1]
    heard, models = Heard(), ModelStore()
    request = {**asked, "plans": [plan.to_json() for plan in plans]}
    assert find_task("estimate_front")(models, request, Heard())["networks"] == 1
    measured = find_task("measure_front")(models, request, heard)
    assert measured["points"][0]["accuracy"] == heard[1]["accuracy"]
    assert measured["unpruned"]["share"] == 1.0
    request["repair"] = []
    assert find_task("estimate_front")(models, request, Heard())["known"] == 0
    quick = {key: value for key, value in request.items() if key != "repair"}
    measure_front(loaded, plans, data)
    assert find_task("estimate_front")(models, quick, Heard())["known"] == 1
    again = {"path": str(trained), "plan": wish.to_json(), "val": asked["data"]}
    found = find_task("suggest")(models, again, Heard())["measured"]
    assert [point is not None for point in found["points"]].count(True) == 1
    assert found["unpruned"]["accuracy"] > 0


def test_the_command_prints_what_was_measured(trained, data, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("core.choose.suggest.STEPS", 2)
    monkeypatch.setattr("core.choose.suggest.BEYOND", ())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "goal.json").write_text('{"version": 1, "target": {"macs": 0.8}}')
    command = [
        "suggest",
        str(trained),
        "--plan",
        "goal.json",
        "--data",
        str(data.path),
        "--measure",
    ]
    command += ["--images", "16", "--image-size", "160", "--device", "cpu", "--repair", "bn"]
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unpruned"]["accuracy"] > 0
    assert told["front"]
    for one in told["front"]:
        assert one["low"] <= one["accuracy"] <= one["high"]
        assert one["latency_ms"] > 0
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "mAP50-95" in text
    assert "95% interval" in text
    assert "unpruned" in text


def test_measuring_needs_labelled_images(trained, tmp_path, capsys) -> None:
    (tmp_path / "goal.json").write_text('{"version": 1, "target": {"macs": 0.8}}')
    plan = str(tmp_path / "goal.json")
    assert main(["suggest", str(trained), "--plan", plan, "--measure"]) == 1
    assert "needs labelled images" in capsys.readouterr().err
