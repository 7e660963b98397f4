"""Repair as a whole: only what helps is kept, nothing is left half done, the file tells."""

from __future__ import annotations

import copy
import json
import sys
import types

import pytest
import torch

from core.cli.main import main
from core.errors import CancelledError, UserError
from core.pipeline import analyse, load, prune, verify
from core.plan.schema import Plan
from core.repair import RepairSettings, parse_steps, repair, run
from core.repair.outputs import LOSSES, output_loss, outputs_of
from tests.core.networks import network, table_of
from tests.core.repair.conftest import cut, removal

PLAN = Plan(selection=[{"block": 12, "ratio": 0.5}, {"block": 18, "ratio": 0.5}], round_to=1)


def step(monkeypatch, name: str, apply) -> None:
    module = types.ModuleType(f"tests_step_{name}")
    module.apply = apply
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(run, "STEPS", {**run.STEPS, name: module.__name__})


def spoil(context, student):
    worse = copy.deepcopy(student)
    with torch.no_grad():
        worse.model[-1].cv3[0][-1].weight.add_(1.0)
    return worse, "noise"


def break_(context, student):
    worse = copy.deepcopy(student)
    worse.model[0].conv.weight.data.fill_(float("nan"))
    return worse, ""


def heal(context, student):
    """Give the last layers back what a spoiled student lost."""
    better = copy.deepcopy(student)
    better.model[-1].load_state_dict(cut("yolov8n", context.removed).model[-1].state_dict())
    return better, ""


def test_only_what_helps_is_kept(monkeypatch, data) -> None:
    for name, apply in {"spoil": spoil, "break": break_, "heal": heal}.items():
        step(monkeypatch, name, apply)
    removed = removal("yolov8n")
    pruned = spoil(None, cut("yolov8n", removed))[0]
    settings = RepairSettings(("spoil", "break", "heal"))
    before = copy.deepcopy(pruned.state_dict())
    result = repair(network("yolov8n"), pruned, table_of("yolov8n"), removed, data, settings)
    assert [(s.step, s.kept) for s in result.steps] == [
        ("spoil", False),
        ("break", False),
        ("heal", True),
    ]
    assert result.steps[2].after.gap < result.steps[2].before.gap == result.steps[0].before.gap
    json.dumps(result.to_json(), allow_nan=False)
    assert result.original is None, "these images have no labels"
    wanted = cut("yolov8n", removed).state_dict()
    for name, tensor in result.model.state_dict().items():
        assert torch.equal(tensor, wanted[name]), name
    assert all(torch.equal(t, before[name]) for name, t in pruned.state_dict().items())


def test_measuring_is_not_shown_as_reading_images(monkeypatch, data) -> None:
    """On many images it takes longer than reading them."""
    step(monkeypatch, "spoil", spoil)
    texts, shown = [""], []

    class Watched(run.Judge):
        def __init__(self, *arguments) -> None:
            shown.append(texts[-1])
            super().__init__(*arguments)

        def __call__(self, model, **options):
            shown.append(texts[-1])
            return super().__call__(model, **options)

    monkeypatch.setattr(run, "Judge", Watched)
    removed = removal("yolov8n")
    repair(
        network("yolov8n"), cut("yolov8n", removed), table_of("yolov8n"), removed, data,
        RepairSettings(("spoil",)), progress=lambda share, text: texts.append(text),
    )  # fmt: skip
    assert len(shown) == 3
    assert not [text for text in shown if "image" in text or not text.startswith("Repair")]
    assert len(set(shown)) == 3


@pytest.mark.parametrize(
    "family", ["yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov8n-cls", "yolov10n", "yolo26n"]
)
def test_every_task_has_outputs_to_match(family) -> None:
    model = network(family)
    with torch.no_grad():
        heads = outputs_of(model(torch.rand(2, 3, 64, 64)))
    assert float(output_loss(heads, heads)) == pytest.approx(0, abs=1e-5)
    assert {"scores", "logits"} & set(heads[0])
    assert set(heads[0]) <= {*LOSSES, "logits"}
    for head in heads:
        for name, tensor in head.items():
            moved = [
                {**h, name: tensor + torch.randn_like(tensor)} if h is head else h for h in heads
            ]
            loss = float(output_loss(moved, heads))
            assert loss > 0, f"{name} counts"


def test_queries_are_refused() -> None:
    with torch.no_grad(), pytest.raises(UserError, match="does not support this kind of network"):
        outputs_of(network("rtdetr-l")(torch.rand(1, 3, 64, 64)))


def test_wrong_requests(data) -> None:
    loaded = load("yolov8n.yaml")
    assert parse_steps("auto") == run.AUTO
    assert parse_steps("bn, distill") == ("bn", "distill")
    with pytest.raises(UserError, match="no repair step “glue”"):
        parse_steps("bn,glue")
    with pytest.raises(UserError, match="No repair step"):
        parse_steps(",")
    with pytest.raises(UserError, match="no dataset was given"):
        prune(loaded, PLAN, repair=RepairSettings())
    with pytest.raises(UserError, match="has no time"):
        prune(loaded, PLAN, data=data, repair=RepairSettings(minutes=0))


def test_cancelling_leaves_nothing(data, tmp_path) -> None:
    def cancel(fraction: float, text: str) -> None:
        if "update 2" in text:
            raise CancelledError

    settings = RepairSettings(("distill",), updates=5, batch=2)
    with pytest.raises(CancelledError):
        prune(
            load("yolov8n.yaml"),
            PLAN,
            tmp_path / "out.pt",
            data=data,
            repair=settings,
            progress=cancel,
        )
    assert not list(tmp_path.iterdir())


def test_command_line_and_what_the_file_says(monkeypatch, data, tmp_path, capsys) -> None:
    def shift(context, student):
        better = copy.deepcopy(student)
        better.model[0].bn.bias.data.add_(1e-3)
        return better, "shifted"

    step(monkeypatch, "bn", shift)
    monkeypatch.setattr(run.Judge, "better", lambda *_: True)
    wish, output = tmp_path / "plan.json", tmp_path / "small.pt"
    wish.write_text(json.dumps(PLAN.to_json()))
    options = ["--data", str(data.path), "--image-size", "64", "--device", "cpu", "--json"]
    command = ["prune", "yolov8n.yaml", "--plan", str(wish), "-o", str(output), *options]
    assert main([*command, "--repair", "bn", "--repair-minutes", "1"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [s["step"] for s in report["repair"]] == ["bn"]
    assert report["verification"]["repaired"] is False, "the proof was made before"
    original, pruned = load("yolov8n.yaml"), load(output)
    assert pruned.facts.history[-1]["repair"] == report["repair"]
    proof = verify(original, pruned)
    assert proof.passed and proof.repaired
    assert proof.relative_error == report["verification"]["relative_error"]
    assert main(["verify", "yolov8n.yaml", str(output)]) == 0
    assert "before the repair of its weights" in capsys.readouterr().out
    other = Plan(selection=[{"block": 12, "ratio": 0.2}], round_to=1)
    with pytest.raises(UserError, match="does not match the plan"):
        verify(original, pruned, other)
    assert analyse(pruned, cache=False).table.layers
    assert main([*command, "--repair", "glue"]) == 1


class Clock:
    """Stands still but for what the steps take."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_of_repair_is_a_minute_for_every_step(monkeypatch, data) -> None:
    clock, begun = Clock(), []

    def slow(context, student):
        begun.append(clock.now)
        for number in range(1000):
            context.progress(number / 1000, "on it")
            clock.now += 1.0
        return heal(context, student)

    def quick(context, student):
        clock.now += 20.0
        return heal(context, student)

    for name, apply in {"quick": quick, "slow": slow, "late": slow}.items():
        step(monkeypatch, name, apply)
    removed = removal("yolov8n")
    pruned = spoil(None, cut("yolov8n", removed))[0]
    settings = RepairSettings(("quick", "slow", "late"), minutes=1)
    model, table = network("yolov8n"), table_of("yolov8n")
    result = repair(model, pruned, table, removed, data, settings, clock=clock)
    assert clock.now <= 61.0 and begun == [20.0]
    assert [(s.step, s.kept) for s in result.steps] == [
        ("quick", True),
        ("slow", False),
        ("late", False),
    ]
    assert result.steps[1].note == result.steps[2].note == "not finished within 1 min"
    json.dumps(result.to_json(), allow_nan=False)
