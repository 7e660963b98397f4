"""One by one: accepted steps stay within the loss allowed, all are kept, any is a new start."""

import json
import shutil

import pytest
import torch

from core.checkpoint import save
from core.cli.main import main
from core.data.stream import ALL, DataSettings
from core.data.validation import Accuracy, Validation
from core.errors import CancelledError, UserError
from core.measure import prune_one_by_one
from core.pipeline import load, prune, verify
from core.plan.schema import Entry, Plan
from core.sensitivity.fallbacks import FALLBACKS, forms
from tests.core.images import make_dataset
from tests.core.networks import enliven


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    loaded = load("yolov8n.yaml")
    enliven(loaded.model)
    path = folder / "small.pt"
    save(loaded.model, path, train_args=loaded.train_args)
    return path, make_dataset(folder / "data", loaded.facts.classes, images=2)


@pytest.fixture
def judged(monkeypatch):
    """Accuracy that falls with the parameters left, so that what must happen is known."""
    return judge(monkeypatch)


def judge(monkeypatch):
    calls = []

    def evaluate(self, model, progress=None):
        left = sum(p.numel() for p in model.parameters()) / 3157200
        calls.append(left)
        return Accuracy(0.5 * left, 0.6 * left, 2, 0)

    monkeypatch.setattr(Validation, "evaluate", evaluate)
    return calls


def run(small, folder, *lines, **options):
    path, data = small
    plan = Plan(
        strategy="one_by_one",
        criterion="bn_scale",
        max_loss=options.pop("max_loss", 0.05),
        selection=lines,
        target=options.pop("target", None),
    )
    settings = DataSettings(data, images=ALL, split="val", image_size=64)
    return prune_one_by_one(load(path), plan, settings, folder / "out.pt", **options)


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """What results from the usual lines when nothing interrupts."""
    with pytest.MonkeyPatch.context() as patch:
        judge(patch)
        return run(small, tmp_path_factory.mktemp("whole"), *LINES, max_loss=0.15)


LINES = [{"block": 8, "ratio": 0.25}, {"block": 21, "ratio": 0.9}]


def test_fallbacks_get_gentler_and_end():
    tried = forms(Entry(block=4, ratio=0.8))
    assert [(e.ratio, e.scope) for e in tried] == [
        (0.8 * f.share, f.scope or "all") for f in FALLBACKS
    ]
    assert [e.ratio for e in forms(Entry(layer="model.3", ratio=0.4))] == [0.4, 0.2, 0.1]
    assert [e.channels for e in forms(Entry(layer="model.3", channels=(5, 1)))] == [(5, 1), (5,)]
    inside = forms(Entry(block=4, ratio=0.8, scope="inside"))
    assert [e.scope for e in inside] == ["inside"] * 3


def test_accepted_steps_stay_within_the_loss(small, whole):
    result = whole
    share = 1.0
    parent = 0
    for step in result.steps:
        assert step["parent"] == parent
        assert step["accepted"] == (step["share"] >= 0.85)
        if step["accepted"]:
            parent, share = step["step"], step["share"]
        assert (result.folder / step["checkpoint"]).is_file()
    assert any(not step["accepted"] for step in result.steps)
    pruned = load(result.folder.with_name("out.pt"))
    left = sum(p.numel() for p in pruned.model.parameters())
    assert left / 3157200 == pytest.approx(share)
    assert verify(load(small[0]), pruned).passed


def test_a_step_that_loses_too_much_is_replaced_by_its_next_fallback(small, tmp_path, judged):
    result = run(small, tmp_path, {"block": 21, "ratio": 0.9}, max_loss=0.1)
    tried = [(s["entry"]["ratio"], s["entry"].get("scope", "all")) for s in result.steps]
    ladder = [(e.ratio, e.scope) for e in forms(Entry(block=21, ratio=0.9))]
    assert tried == ladder[: len(tried)]
    assert [s["fallback_of"] for s in result.steps] == [None, *range(1, len(tried))]
    assert [s["accepted"] for s in result.steps] == [False] * (len(tried) - 1) + [True]
    assert len(tried) > 1


def test_no_step_within_the_loss_is_said_and_the_steps_are_kept(small, tmp_path, judged):
    with pytest.raises(UserError, match=r"No step kept 100.0%"):
        run(small, tmp_path, {"block": 21, "ratio": 0.9}, max_loss=0.0)
    assert not (tmp_path / "out.pt").exists()
    assert (tmp_path / "out-steps" / "step-001.pt").is_file()


class Stop:
    def __init__(self, after):
        self.after = after

    def __call__(self, fraction, text):
        assert 0 <= fraction <= 1
        if self.after <= 0:
            raise CancelledError

    def partial(self, data):
        self.after -= 1


@pytest.mark.parametrize("after", [1, 3])
def test_cancelled_it_goes_on_to_the_same_result(small, tmp_path, judged, whole, after):
    (tmp_path / "cut").mkdir()
    with pytest.raises(CancelledError):
        run(small, tmp_path / "cut", *LINES, max_loss=0.15, progress=Stop(after))
    log = tmp_path / "cut" / "out-steps" / "steps.jsonl"
    log.write_bytes(log.read_bytes() + b'{"torn')
    judged.clear()
    again = run(small, tmp_path / "cut", *LINES, max_loss=0.15)
    assert len(judged) == len(whole.steps) - after
    assert again.steps == whole.steps
    assert again.pruned.plan == whole.pruned.plan
    for one, other in zip(
        again.pruned.model.parameters(), whole.pruned.model.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_any_step_is_a_new_start_and_nothing_is_overwritten(small, tmp_path, judged):
    first = run(small, tmp_path, *LINES, max_loss=0.15)
    folder = first.folder
    before = {p.name: p.read_bytes() for p in folder.glob("*.pt")}
    rejected = next(s for s in first.steps if not s["accepted"])
    for start in (1, rejected["step"]):
        other = run(small, tmp_path, {"block": 6, "ratio": 0.25}, max_loss=0.9, from_step=start)
        assert other.steps[0]["parent"] == start
        assert other.steps[0]["step"] > len(first.steps)
    assert all((folder / name).read_bytes() == held for name, held in before.items())
    with pytest.raises(UserError, match="no step 99"):
        run(small, tmp_path, *LINES, from_step=99)


def test_what_a_hook_changes_is_carried_on(small, tmp_path, judged):
    def shift(model):
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean += 1.0
        return model

    lines = [{"block": 8, "ratio": 0.25}, {"block": 18, "ratio": 0.25}]
    result = run(small, tmp_path, *lines, max_loss=0.9, after_step=shift, after_name="shift")
    original = load(small[0]).model.model[0].bn.running_mean
    pruned = load(tmp_path / "out.pt").model.model[0].bn.running_mean
    assert torch.allclose(pruned, original + 2.0)
    assert result.pruned.verification.passed


def test_a_target_is_met_or_missed_by_what_the_loss_allows(small, tmp_path, judged):
    result = run(small, tmp_path, target={"macs": 0.85}, max_loss=0.5)
    after = result.pruned.prediction.after.macs / result.pruned.prediction.before.macs
    assert after <= 0.85 * 1.01
    counts = judged.copy()
    again = run(small, tmp_path, target={"macs": 0.85}, max_loss=0.5)
    assert judged == counts, "nothing is measured twice"
    assert again.steps == result.steps


def test_steps_open_in_stock_ultralytics_and_are_listed(small, tmp_path, capsys):
    path, data = small
    plan = tmp_path / "plan.json"
    lines = [{"block": 8, "ratio": 0.5}]
    text = {"version": 1, "strategy": "one_by_one", "criterion": "bn_scale", "selection": lines}
    plan.write_text(json.dumps(text))
    command = ["prune", str(path), "--plan", str(plan), "-o", str(tmp_path / "out.pt")]
    assert main(command) == 1
    assert "labelled images" in capsys.readouterr().err
    assert main([*command, "--data", str(data), "--image-size", "64", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verification"]["passed"]
    assert main(["steps", str(tmp_path / "out-steps"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == report["steps"]
    assert main(["steps", str(tmp_path / "out-steps")]) == 0
    assert "block 8 -50%" in capsys.readouterr().out
    from ultralytics import YOLO

    stock = YOLO(tmp_path / "out-steps" / report["steps"][0]["checkpoint"]).model
    assert sum(p.numel() for p in stock.parameters()) == report["after"]["parameters"]
    shutil.rmtree(tmp_path / "out-steps")
    assert main(["steps", str(tmp_path / "out-steps")]) == 1


def test_wishes_that_cannot_be_met_are_refused_before_anything_is_measured(small, tmp_path, judged):
    for lines, options, message in [
        ([], {}, "is empty"),
        ([], {"target": {"latency_ms": 5}}, "milliseconds"),
        ([{"block": 99, "ratio": 0.5}], {}, "no block 99"),
    ]:
        with pytest.raises(UserError, match=message):
            run(small, tmp_path, *lines, **options)
    assert not judged
    loaded = load(small[0])
    with pytest.raises(UserError, match="labelled images"):
        prune(loaded, Plan(strategy="one_by_one", selection=LINES), tmp_path / "out.pt")
