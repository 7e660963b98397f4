"""From a model's file to milliseconds: jobs, targets and predictions. Nothing is timed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import core
from core.checkpoint import save
from core.engine.tasks import find_task
from core.errors import UserError
from core.plan.latency.clock import Clock
from core.plan.latency.files import read_latency, usual_latency
from core.plan.schema import Plan, Target
from core.ship.latency import check
from core.ship.latency import table as building
from core.ship.latency.layers import TIMERS
from core.system.machine import default_threads
from tests.core.networks import network
from tests.core.ship.tables import Machine, made_up, silent


class Models:
    def get(self, path, expected=None):
        return core.load(path)


def make_up_times(monkeypatch, cache):
    """Layers and networks take the time that a formula says."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name in TIMERS:
        monkeypatch.setitem(TIMERS, name, made_up)

    def time_networks(models, *_):
        sizes = [sum(p.numel() for p in model.parameters()) for model in models]
        return 5.0 + 1e-5 * np.array(sizes)

    monkeypatch.setattr(building, "time_networks", time_networks)
    monkeypatch.setattr(check, "measured_times", Machine())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A model's file, a cache with its table, and what the job said; not to be changed."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("built")
    path = folder / "model.pt"
    save(network("yolov8n"), path, train_args={})
    with pytest.MonkeyPatch.context() as monkeypatch:
        make_up_times(monkeypatch, folder / "cache")
        args = {"path": str(path), "threads": default_threads()}
        return folder, find_task("latency_table")(Models(), args, silent)


@pytest.fixture
def path(built, tmp_path, monkeypatch):
    """A model's file, without a table."""
    make_up_times(monkeypatch, tmp_path / "cache")
    return shutil.copy(built[0] / "model.pt", tmp_path / "model.pt")


@pytest.fixture
def timed(built, path, tmp_path):
    """A function that puts the table of the same model into the cache."""
    return lambda: shutil.copytree(built[0] / "cache", tmp_path / "cache", dirs_exist_ok=True)


def test_the_table_job_leaves_a_file_the_window_reads(built, path, timed):
    result = built[1]
    timed()
    json.dumps(result, allow_nan=False)
    loaded = core.load(path)
    latency = read_latency(result["table"])
    assert latency.about["runtime"] == "onnx" and latency.about["image_size"] == 640
    table = core.analyse(loaded).table
    whole = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
    assert whole == pytest.approx(result["predicted_ms"])
    assert usual_latency(loaded.facts.sha256, 640) is not None
    with pytest.raises(UserError, match="not openvino"):
        find_task("latency_table")(Models(), {"path": str(path), "runtime": "openvino"}, silent)


def test_the_latency_job_times_models_in_turns(path):
    args = {
        "path": str(path),
        "others": [],
        "runtimes": ["torch"],
        "image_size": 64,
        "repeats": 1,
        "threads": 1,
        "device": "cpu",
    }
    result = find_task("latency")(Models(), args, silent)
    assert [t["model"] for t in result["timings"]] == [str(path)]


def test_measured_times_stand_beside_those_that_the_table_predicts(path, tmp_path):
    settings = {"image_size": 64, "threads": 1, "device": "cpu"}
    pruned, tuned = tmp_path / "small.pt", tmp_path / "tuned.pt"
    loaded = core.load(path)
    core.prune(loaded, Plan(selection=({"block": 8, "ratio": 0.5},)), pruned)
    small = core.load(pruned)
    save(small.model, tuned, train_args={}, history=[*small.facts.history, {"kind": "finetune"}])
    stranger = tmp_path / "other.pt"
    save(network("yolov8n"), stranger, train_args={"imgsz": 320})
    args = {"path": str(path), "runtimes": ["torch"], "repeats": 1, **settings}
    args["others"] = list(map(str, (pruned, tuned, stranger)))
    without = find_task("latency")(Models(), args, silent)
    assert [timing["predicted_ms"] for timing in without["timings"]] == [None] * 4
    assert without["models"][str(pruned)] == small.facts.sha256
    find_task("latency_table")(
        Models(), {"path": str(path), "runtime": "torch", **settings}, silent
    )
    result = find_task("latency")(Models(), args, silent)
    json.dumps(result, allow_nan=False)
    whole, less, same, unknown = (timing["predicted_ms"] for timing in result["timings"])
    assert less < whole and same == less and unknown is None


def test_the_runtimes_are_listed_with_what_is_missing():
    result = find_task("runtimes")(Models(), {}, silent)
    json.dumps(result)
    by_name = {runtime["name"]: runtime for runtime in result["runtimes"]}
    assert by_name["torch"]["missing"] is None
    assert by_name["tensorrt"]["missing"] is None or "TensorRT" in by_name["tensorrt"]["missing"]
    assert result["threads"] >= 1


def test_a_target_in_milliseconds_makes_its_table(path):
    loaded = core.load(path)
    plan = Plan(selection=({"block": 4, "ratio": 0.5},))
    assert core.predict(loaded, plan).latency_ms is None
    told = []
    by_time = Plan(target=Target(latency_ms=22.0), criterion="l1", allocation="cost")
    prediction = core.predict(loaded, by_time, progress=lambda _, text: told.append(text))
    assert any("Latency table" in text for text in told)
    before, after = prediction.latency_ms
    assert after == pytest.approx(22.0, rel=0.0101)
    figures = prediction.to_json()
    assert (figures["before"]["latency_ms"], figures["after"]["latency_ms"]) == (before, after)
    told.clear()
    again = core.predict(loaded, by_time, progress=lambda _, text: told.append(text))
    assert again.latency_ms == prediction.latency_ms
    assert not any("Latency table" in text for text in told)
    assert core.predict(loaded, plan).latency_ms is not None


def test_a_target_out_of_reach_names_the_nearest(path, timed):
    timed()
    loaded = core.load(path)
    plan = Plan(target=Target(latency_ms=1.0), criterion="l1", allocation="cost")
    with pytest.raises(UserError, match="cannot be reached"):
        core.predict(loaded, plan)


def test_rounding_left_open_takes_the_step(path, timed):
    loaded = core.load(path)
    plan = Plan(selection=({"block": 8, "ratio": 0.3},), round_to="auto")
    usual = {c.outputs_after % 8 for c in core.predict(loaded, plan).layers}
    timed()
    changes = core.predict(loaded, plan).layers
    assert usual == {0} and {c.outputs_after % 16 for c in changes} == {0}
