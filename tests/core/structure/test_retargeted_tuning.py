"""A network given other classes than its own: pruned, tuned, measured, opened by stock."""

from __future__ import annotations

from pathlib import Path

import pytest

import core
from core.checkpoint import save
from core.cli.main import main
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.errors import UserError
from core.structure.classes import class_layers, class_outputs
from core.structure.retarget import retarget
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import network, parameters, untrained
from tests.core.trust.nets import _run
from tests.core.warm import Warm

SIDE = 64
NAMES = {0: "bolt", 1: "nut", 2: "washer"}
FAMILIES = ("yolov8n", "yolo11n-obb", "yolov8n-seg", "yolo26n", "yolov8n-cls", "yolo26n-sem")
OPEN = """
import sys
import numpy as np
from ultralytics import YOLO
model = YOLO(sys.argv[1])
assert len(model.predict(np.zeros((64, 64, 3), np.uint8), imgsz=64, verbose=False)) == 1
print("|".join(model.names.values()))
"""


@pytest.fixture(params=FAMILIES)
def case(request, tmp_path: Path) -> tuple[Path, Path, str]:
    """A network with classes of its own, and a dataset of others."""
    model = network(request.param)
    save(model, tmp_path / "own.pt", train_args={"imgsz": SIDE})
    if model.task == "classify":
        data = make_dataset(tmp_path / "data", NAMES, "classify", images=6, side=SIDE)
    else:
        data = make_dataset(tmp_path / "data", NAMES, model.task, images=4, side=SIDE)
    return tmp_path / "own.pt", data, model.task


def tuned(model: Path, data: Path, folder: Path, **more: str) -> dict:
    folder.mkdir()
    settings = Settings(
        model=str(model), data=str(data), epochs=1, batch=2, image_size=SIDE, device="cpu", **more
    )
    return finetune(settings, folder)


def test_from_other_classes_to_a_tuned_file(case, tmp_path: Path, stock: Warm) -> None:
    own, data, task = case
    with pytest.raises(UserError) as refused:  # as it is, it cannot be tuned on them
        tuned(own, data, tmp_path / "no")
    assert "retarget" in refused.value.hint
    mine, small = tmp_path / "mine.pt", tmp_path / "small.pt"
    assert main(["retarget", str(own), "--data", str(data), "-o", str(mine)]) == 0
    names = core.load(mine).facts.classes
    assert list(names.values())[:3] == list(NAMES.values())
    plan = core.Plan(selection=({"block": 4, "ratio": 0.5},), round_to=1)
    assert core.prune(core.load(mine), plan, small).verification.passed
    result = tuned(small, data, tmp_path / "job", teacher=str(mine))
    file = core.load(result["output"])
    assert file.facts.classes == names
    assert parameters(file.model) == result["parameters"] < parameters(core.load(mine).model)
    settings = DataSettings(data, image_size=SIDE, device="cpu", split="val")
    found = evaluate(file.model, settings, names, task)
    for key, value in result["after"].items():
        assert found.figures[key] == pytest.approx(value, abs=2e-3), key
    assert _run(OPEN, stock, result["output"]).split("\n")[0] == "|".join(names.values())


def test_its_own_original_does_not_teach_it(case, tmp_path: Path) -> None:
    own, data, _ = case
    mine = tmp_path / "mine.pt"
    assert main(["retarget", str(own), "--data", str(data), "-o", str(mine)]) == 0
    with pytest.raises(UserError, match="other classes"):
        tuned(mine, data, tmp_path / "job", teacher=str(own))


@pytest.mark.parametrize(("old", "new"), [(3, 1), (1, 3), (3, 2), (2, 3)])
def test_the_output_for_one_class_of_pixels_is_not_taken_for_another(old, new) -> None:
    """One output says whether a pixel is of the class, several which class it is of."""
    loaded = untrained("yolo26n-sem")
    first = retarget(loaded, {n: f"c{n}" for n in range(old)}).loaded
    done = retarget(first, {n: f"c{n}" for n in range(new)})
    assert len(done.copied) == (0 if 1 in (old, new) else min(old, new))
    outputs = class_outputs(done.loaded.model)
    assert len(outputs) == 2
    assert all(done.loaded.model.get_submodule(name).out_channels == new for name in outputs)
    with pytest.raises(UserError, match="cannot be reduced"):  # none can be taken away
        class_layers(loaded.model)
