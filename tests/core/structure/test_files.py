"""Files of networks without some of their structure: opened, proven, pruned again, repaired."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import core
from core.data.stream import DataSettings
from core.errors import UserError
from core.pipeline import verify
from core.plan.schema import parse_plan
from core.repair import RepairSettings
from core.ship.replay import replay_plan, weights_sha256
from core.structure.scales import strides_of
from tests.core.networks import parameters
from tests.core.warm import Warm

ALL = {
    "version": 1,
    "round_to": 1,
    "selection": [
        {"block": 6, "units": [1]},
        {"branch": "model.22.cv3.0.1"},
        {"scale": 32},
        {"block": 5, "ratio": 0.5},
    ],
    "classes": [3, 0],
}
STOCK = """
import json, os, sys
import numpy as np, onnxruntime, torch
from ultralytics import YOLO
path, data = sys.argv[1:]
model = YOLO(path)
image = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    expected = model.model.eval()(image)[0].numpy()
found = model.predict(np.full((160, 160, 3), 99, np.uint8), imgsz=160, verbose=False)[0]
exported = YOLO(path).export(format="onnx", imgsz=160, verbose=False)
session = onnxruntime.InferenceSession(exported)
got = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
matrix = YOLO(path).val(data=data, imgsz=160, plots=False, verbose=False, project=os.getcwd())
print(json.dumps({
    "parameters": sum(p.numel() for p in model.model.parameters()), "names": model.names,
    "shape": list(expected.shape),
    "error": float(np.abs(expected - got).max() / np.abs(expected).max()),
    "boxes": len(found), "classes": matrix.nt_per_class.tolist()}))
"""


@pytest.fixture(scope="module")
def pruned(trained: Path, tmp_path_factory) -> tuple[Path, core.pipeline.Pruned]:
    path = tmp_path_factory.mktemp("structure") / "small.pt"
    return path, core.prune(core.load(trained), parse_plan(ALL), path)


def test_stock_ultralytics_uses_it(pruned, scenes: Path, stock: Warm, tmp_path: Path) -> None:
    path, result = pruned
    # The dataset of those two classes.
    text = scenes.read_text("utf-8").split("names:")[0] + "names: [flower, apple]\n"
    data = scenes.with_name("two.yaml")
    data.write_text(text, "utf-8")
    for file in (scenes.parent / "labels" / "val").glob("*.txt"):
        rows = [line.split() for line in file.read_text("utf-8").splitlines()]
        kept = {"3": "0", "0": "1"}
        file.write_text("\n".join(" ".join([kept[r[0]], *r[1:]]) for r in rows if r[0] in kept))
    done = subprocess.run(
        [str(stock.folder / "python"), "-c", STOCK, str(path), str(data)],
        cwd=tmp_path, env=stock.environment(), capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["parameters"] == result.prediction.after.parameters
    assert told["shape"] == [1, 4 + 2, (160 // 8) ** 2 + (160 // 16) ** 2]
    assert told["error"] <= 1e-4
    assert len(told["classes"]) == 2


def test_it_is_verified_by_its_own_plan_and_by_the_same(pruned, trained: Path) -> None:
    path, result = pruned
    original, file = core.load(trained), core.load(path)
    for plan in (None, parse_plan(ALL)):
        proof = verify(original, file, plan)
        assert proof.passed and proof.relative_error <= 1e-5
    with pytest.raises(UserError, match="does not match the plan"):
        verify(original, file, parse_plan({**ALL, "selection": [{"block": 6, "units": [0, 1]}]}))
    names = original.facts.classes
    assert file.facts.classes == {0: names[3], 1: names[0]}
    assert result.verification.passed


def test_it_is_replayed_without_a_criterion(pruned, trained: Path) -> None:
    path, result = pruned
    original = core.load(trained)
    plan = replay_plan(core.analyse(original).table, original.facts.sha256, core.load(path).facts)
    assert all(entry.channels for entry in plan.selection)
    again = core.prune(original, parse_plan(plan.to_json()))
    assert weights_sha256(again.model) == weights_sha256(result.model)


def test_it_can_be_pruned_again(pruned, tmp_path: Path) -> None:
    path, result = pruned
    small = core.load(path)
    plan = {**ALL, "selection": [{"block": 6, "units": [0]}, {"scale": 16}], "classes": [1]}
    again = core.prune(small, parse_plan(plan), tmp_path / "smaller.pt")
    assert parameters(again.model) < parameters(result.model)
    twice = core.load(tmp_path / "smaller.pt")
    assert verify(small, twice).passed
    assert list(twice.facts.classes.values()) == [small.facts.classes[1]]
    # What is kept is told of the very first network, under the names of this one.
    told = twice.facts.history[-1]["original"]
    head = f"model.{len(twice.model.model) - 1}.cv3.0.1"
    assert told[head]["outputs"] == [0]
    names = {name for name, _ in twice.model.named_modules()}
    assert set(told) <= names


def test_repair_makes_up_for_a_unit(trained: Path, scenes: Path) -> None:
    """Nothing but a unit goes: no layer lost a channel, and still what follows is refitted."""
    plan = {"version": 1, "selection": [{"branch": "model.22.cv3.0.1"}, {"block": 8, "units": [0]}]}
    data = DataSettings(scenes, image_size=64, images=8)
    result = core.prune(
        core.load(trained), parse_plan(plan), data=data, repair=RepairSettings(("refit",), 5.0)
    )
    (step,) = result.repaired.steps
    assert step.kept and step.after.gap < 0.9 * step.before.gap
    assert parameters(result.model) == result.prediction.after.parameters


def test_the_original_teaches_what_lost_scales_and_classes(trained: Path, tmp_path: Path) -> None:
    from core.tune.distill import check_teacher
    from core.tune.teacher import fitted

    original = core.load(trained)
    data = {**ALL, "selection": [{"scale": 32}, {"block": 6, "units": [1]}], "classes": [2, 0, 1]}
    core.prune(original, parse_plan(data), tmp_path / "small.pt")
    small = core.load(tmp_path / "small.pt")
    with pytest.raises(UserError):
        check_teacher(small, original, "outputs")
    teacher = fitted(original, small)
    check_teacher(small, teacher, "outputs")
    assert teacher.facts.classes == small.facts.classes
    assert len(teacher.model.model) == len(small.model.model)
    assert parameters(teacher.model) > parameters(small.model)  # it has the unit still
    assert fitted(original, original) is original


def test_the_original_teaches_what_was_pruned_twice_or_has_no_history(
    trained: Path, pruned, tmp_path: Path
) -> None:
    from core.tune.distill import check_teacher
    from core.tune.teacher import fitted

    original, (path, _) = core.load(trained), pruned
    core.prune(core.load(path), parse_plan({**ALL, "selection": [{"scale": 16}], "classes": [1]}),
               tmp_path / "twice.pt")  # fmt: skip
    twice = core.load(tmp_path / "twice.pt")
    unknown = replace(core.load(path), facts=replace(core.load(path).facts, history=()))
    for small in (twice, unknown):
        teacher = fitted(original, small)
        check_teacher(small, teacher, "outputs")
        assert teacher.facts.classes == small.facts.classes
        assert strides_of(teacher.model) == strides_of(small.model)
        image = torch.rand(1, 3, 64, 64)
        with torch.no_grad():
            assert (
                teacher.model.eval()(image)[0].shape == small.model.float().eval()(image)[0].shape
            )


def test_a_teacher_that_lacks_something_is_refused(pruned, trained: Path) -> None:
    from core.tune.distill import check_teacher
    from core.tune.teacher import fitted

    original, small = core.load(trained), core.load(pruned[0])
    assert fitted(small, original) is small
    with pytest.raises(UserError, match="Use the network that it was pruned from"):
        check_teacher(original, fitted(small, original), "outputs")


def test_tuned_with_its_original_for_teacher(trained: Path, scenes: Path, tmp_path: Path) -> None:
    from core.tune.run import finetune
    from core.tune.settings import parse_settings

    data = {**ALL, "selection": [{"scale": 32}, {"block": 6, "units": [1]}]}
    data.pop("classes")
    small = tmp_path / "small.pt"
    core.prune(core.load(trained), parse_plan(data), small)
    events: list[dict] = []
    (tmp_path / "job").mkdir()
    done = finetune(
        parse_settings(
            {
                "model": str(small), "data": str(scenes), "teacher": str(trained), "epochs": 1,
                "image_size": 64, "batch": 4, "device": "cpu", "average": False,
                "output": str(tmp_path / "tuned.pt"),
            }
        ),
        tmp_path / "job",
        emit=events.append,
    )  # fmt: skip
    tuned = core.load(tmp_path / "tuned.pt")
    assert done["parameters"] == parameters(core.load(small).model) == parameters(tuned.model)
    assert tuned.facts.dtype == "float16"
    losses = [event["losses"] for event in events if "losses" in event]
    assert losses and all(any(name.startswith("dis") for name in told) for told in losses)
