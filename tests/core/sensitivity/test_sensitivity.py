"""A scan's figures are those of evaluating each point from scratch, however it was interrupted."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import save
from core.data.evaluate import evaluate
from core.data.stream import ALL, DataSettings
from core.data.validation import Validation
from core.errors import CancelledError, UserError
from core.measure import sensitivity
from core.pipeline import analyse, load
from core.plan.resolve import Resolver
from core.plan.schema import Plan
from core.pruning.surgery import cut_network
from core.sensitivity.cuts import CutEvaluator
from core.sensitivity.spread import shares
from core.sensitivity.trunk import first_change
from tests.core.images import make_dataset
from tests.core.networks import enliven, network, table_of
from tests.core.ship.tables import latency_of

ROOT = Path(__file__).resolve().parents[3]
TASKS = {"-seg": "segment", "-pose": "pose", "-obb": "obb"}
RANDOM = Plan(criterion="random", round_to=1)


def settings(path, **others):
    return DataSettings(path, **{"images": ALL, "split": "val", "image_size": 64, **others})


def cuts_of(table, ratio=0.5):
    resolver, scores = Resolver(table), np.random.default_rng(0).random(table.atom_count)
    plans = [Plan(selection=[{"block": b.index, "ratio": ratio}], round_to=1) for b in table.blocks]
    removed = [resolver.resolve(plan, scores).removed for plan in plans]
    return [cut for cut in removed if cut.any()]


def task_of(family):
    return next((task for end, task in TASKS.items() if family.endswith(end)), "detect")


@pytest.mark.parametrize(
    "family",
    ["yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov9t", "yolov10n", "yolo12n",
     "yolo26n", "rtdetr-l", "yolov8n-world", "yoloe-v8n"],
)  # fmt: skip
def test_what_is_shared_changes_no_output(family, tmp_path):
    """Every block's cut puts out the very tensors that the cut network does on its own."""
    model, table, task = network(family), table_of(family), task_of(family)
    classes = {0: "person"} if task == "pose" else {n: f"c{n}" for n in range(80)}
    data = make_dataset(tmp_path / "data", classes, task, images=2)
    validation = Validation(model, settings(data, batch=1), classes, task)
    every = 3 if family == "yolov8n" else 6
    cuts = cuts_of(table)[::every]
    seen = {}

    from core.sensitivity.trunk import Tail, Trunk, run_blocks

    trunk = Trunk(validation, model)
    with torch.inference_mode():
        for place, cut in enumerate(sorted(cuts, key=lambda c: first_change(table, c))):
            tail = Tail(trunk, table, cut, first_change(table, cut))
            alone = validation.measure(cut_network(model, table, cut).float().eval())
            for number in range(len(validation)):
                state = trunk.state(number, first_change(table, cut))
                for branch in tail._branches:
                    branch.meet(state)
                run_blocks(tail._measure.model, state, len(table.blocks))
                whole = alone.model(alone.prepare(number)["img"])
                seen[place] = same(state.x, whole)
    assert all(seen.values())


def same(one, other):
    from core.graph.tensors import tensors_in

    pairs = list(zip(tensors_in(one), tensors_in(other), strict=True))
    return bool(pairs) and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("room", [None, 0])
@pytest.mark.parametrize("workers", [1, 3])
def test_figures_equal_evaluating_each_from_scratch(trained, scenes, room, workers):
    loaded = load(trained)
    table = analyse(loaded).table
    data = settings(scenes, images=6, image_size=160)
    facts = loaded.facts
    cuts = cuts_of(table, 0.2)[::4]
    validation = Validation(loaded.model, data, facts.classes, facts.task)
    evaluator = CutEvaluator(loaded.model, table, validation, workers=workers, room=room)
    found = dict(evaluator.evaluate(cuts))
    assert sorted(found) == list(range(len(cuts)))
    for place, cut in enumerate(cuts):
        scratch = evaluate(cut_network(loaded.model, table, cut), data, facts.classes, facts.task)
        assert found[place].map50_95 == pytest.approx(scratch.map50_95, abs=1e-6)
        assert found[place].map50 == pytest.approx(scratch.map50, abs=1e-6)
    assert len({accuracy.map50_95 for accuracy in found.values()}) > 2
    assert evaluator.baseline() == evaluate(loaded.model, data, facts.classes, facts.task)


def test_nothing_before_the_first_change_differs():
    """The first change takes into account blocks that a coupled atom reaches."""
    for family in ("yolov8n", "yolo11n", "rtdetr-l"):
        table = table_of(family)
        for cut in cuts_of(table):
            first = first_change(table, cut)
            smaller = cut_network(network(family), table, cut)
            before = list(network(family).model)[:first]
            assert all(
                [p.shape for p in old.parameters()] == [p.shape for p in new.parameters()]
                for old, new in zip(before, smaller.model, strict=False)
            )
            changed = [p.shape for p in network(family).model[first].parameters()]
            assert changed != [p.shape for p in smaller.model[first].parameters()]


@pytest.fixture(scope="module", params=["untrained", "trained"])
def small(request):
    """A network and data that a scan takes a moment for; trained ones give figures above 0."""
    if request.param == "trained":
        return request.getfixturevalue("trained"), request.getfixturevalue("scenes")
    return request.getfixturevalue("untrained_one")


@pytest.fixture(scope="module")
def whole(small):
    """What a scan comes to that nothing interrupts."""
    return scan(small, None)


@pytest.fixture(scope="module")
def untrained_one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    loaded = load("yolov8n.yaml")
    enliven(loaded.model)
    path = folder / "small.pt"
    save(loaded.model, path, train_args=loaded.train_args)
    return path, make_dataset(folder / "data", loaded.facts.classes, images=4)


def scan(small, output, **options):
    path, data = small
    options = {"plan": RANDOM, "blocks": [15, 18, 21], "ratios": [0.5, 0.9], **options}
    used = settings(data, images=4, image_size=96)
    return sensitivity(load(path), used, output, **options)


class Heard:
    def __init__(self, stop_after=None):
        self.data, self.stop_after = [], stop_after

    def __call__(self, fraction, text):
        assert 0 <= fraction <= 1
        if self.stop_after is not None and len(self.data) >= self.stop_after:
            raise CancelledError

    def partial(self, data):
        self.data.append(data)


def test_points_come_as_they_are_measured(small, tmp_path):
    heard = Heard()
    result = scan(small, tmp_path / "s.jsonl", progress=heard)
    assert heard.data[0]["block"] is None
    assert heard.data[0]["share"] == 1.0
    key = lambda p: (p["block"], p["ratio"])  # noqa: E731
    assert sorted(heard.data[1:], key=key) == list(result.points)
    assert [key(p) for p in result.points] == [(b, r) for b in (15, 18, 21) for r in (0.5, 0.9)]
    assert result.resumed == 0
    assert all(0 < p["macs"] < result.baseline["macs"] for p in result.points)
    json.dumps(result.to_json(), allow_nan=False)


def test_cancelled_after_any_point_it_goes_on_to_the_same_result(small, tmp_path, whole):
    heard = Heard(stop_after=3)
    with pytest.raises(CancelledError):
        scan(small, tmp_path / "cut.jsonl", progress=heard)
    again = scan(small, tmp_path / "cut.jsonl")
    assert again.resumed >= 2
    assert (again.baseline, again.points) == (whole.baseline, whole.points)


def test_another_scan_in_the_same_file_keeps_to_itself(small, tmp_path):
    first = scan(small, tmp_path / "s.jsonl")
    other = scan(small, tmp_path / "s.jsonl", plan=Plan(criterion="random", round_to=1, seed=1))
    assert other.resumed == 0
    assert scan(small, tmp_path / "s.jsonl").resumed == len(first.points)


def test_a_rounding_left_open_is_the_latency_tables(untrained_one, tmp_path, monkeypatch):
    from core.plan.latency.files import describe, table_path, write_latency

    monkeypatch.setattr("core.plan.latency.files.latency_folder", lambda: tmp_path / "latency")
    usual = scan(untrained_one, None, plan=Plan(criterion="random", round_to=8))
    auto = Plan(criterion="random", round_to="auto")
    assert scan(untrained_one, None, plan=auto).points == usual.points  # nothing is timed yet
    about = describe("onnx", image_size=load(untrained_one[0]).facts.image_size)
    path = table_path(load(untrained_one[0]).facts.sha256, about)
    write_latency(path, latency_of("yolov8n", 16))
    wider = scan(untrained_one, None, plan=Plan(criterion="random", round_to=16))
    assert scan(untrained_one, None, plan=auto).points == wider.points != usual.points


def test_killed_at_a_random_moment_it_goes_on_to_the_same_result(small, tmp_path, whole):
    path, data = small
    output = tmp_path / "killed.jsonl"
    command = [
        sys.executable, "-m", "core.cli", "sensitivity", str(path), "--data", str(data),
        "-o", str(output), "--image-size", "96", "--images", "4", "--criterion", "random",
        "--blocks", "15,18,21",
        "--ratios", "0.5,0.9", "--events", "--plan", str(tmp_path / "plan.json"),
    ]  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(RANDOM.to_json()))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    left = 1 + random.randint(1, 4)  # the unpruned network's figure comes first
    for line in process.stdout:
        left -= b'"partial"' in line
        if left <= 0:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with output.open("ab") as file:
        file.write(b'{"scan": "torn')
    again = scan(small, output)
    assert again.resumed >= 1
    assert again.points == whole.points


@pytest.fixture
def forked(warm, monkeypatch):
    """Processes of devices have their libraries from the start."""
    command = lambda *_: [str(warm.folder / "secateur"), "engine"]  # noqa: E731
    monkeypatch.setattr("core.sensitivity.spread.own_command", command)


def test_spread_over_devices_it_comes_to_the_same(small, forked, tmp_path, whole):
    path, data = small
    used = settings(data, images=4, image_size=96, device="cpu,cpu")
    options = {"plan": RANDOM, "blocks": [15, 18, 21], "ratios": [0.5, 0.9]}
    output = tmp_path / "s.jsonl"
    spread = sensitivity(load(path), used, output, **options)
    assert (spread.baseline, spread.points) == (whole.baseline, whole.points)
    assert scan(small, output).resumed == len(whole.points), "devices are no part of the key"


def test_a_process_that_fails_is_one_sentence(untrained_one, tmp_path):
    path, data = untrained_one
    used = settings(data, images=4, image_size=96, device="cpu,cuda:99")
    with pytest.raises(UserError, match="On cuda:99"):
        sensitivity(load(path), used, tmp_path / "s", plan=RANDOM, ratios=[0.5], blocks=[15, 21])


def test_shares_are_whole_and_even():
    table = table_of("yolov8n")
    cuts = cuts_of(table, 0.5) + cuts_of(table, 0.9)
    for workers in (1, 2, 3, 50):
        parts = shares(table, cuts, workers)
        assert sorted(place for part in parts for place in part) == list(range(len(cuts)))
        assert len(parts) <= workers
        firsts = [{first_change(table, cuts[place]) for place in part} for part in parts]
        assert sum(map(len, firsts)) == len(set().union(*firsts))


def test_bad_wishes(small, tmp_path):
    with pytest.raises(UserError, match=r"ratio of 1\.5"):
        scan(small, tmp_path / "s", ratios=[1.5])
    with pytest.raises(UserError, match="no block 99"):
        scan(small, tmp_path / "s", blocks=[99])
    (tmp_path / "model.pt").write_bytes(b"PK")
    with pytest.raises(UserError, match="was not changed"):
        scan(small, tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_bytes() == b"PK"
    result = scan(small, tmp_path / "s", blocks=[10, 13])
    assert [row["block"] for row in result.unprunable] == [10, 13]


def test_data_that_cannot_be_used(small, tmp_path):
    path, data = small
    with pytest.raises(UserError):
        sensitivity(load(path), settings(tmp_path / "none.yaml"), tmp_path / "s")
    text = data.read_text().replace("images/val", "images/gone")
    (tmp_path / "gone.yaml").write_text(text)
    with pytest.raises(UserError, match="missing"):
        sensitivity(load(path), settings(tmp_path / "gone.yaml"), tmp_path / "s")


def test_unreadable_images_are_left_out_and_counted(small, tmp_path):
    path, _ = small
    classes = load(path).facts.classes
    data = make_dataset(tmp_path / "data", classes, images=3)
    (tmp_path / "data" / "images" / "val" / "001.png").write_bytes(b"\x89PNG rubbish")
    result = sensitivity(
        load(path), settings(data), tmp_path / "s", plan=RANDOM, blocks=[21], ratios=[0.5]
    )
    assert result.baseline["skipped"] == 1
    assert result.baseline["images"] == 2
