"""What a plan asks for and cannot be done is said, also where the rest of it can."""

from __future__ import annotations

import pytest
import torch
import yaml
from ultralytics.nn.modules import CBAM

import core
from core.cli.main import main

#: Each stands behind a C2f and needs all of its channels.
NEEDS_ALL = {
    "CBAM": [-1, 1, "nn.Identity", []],
    "softmax": [-1, 1, "nn.Softmax2d", []],
    "neighbours": [-1, 1, "nn.LocalResponseNorm", [3]],
    "one group": [-1, 1, "nn.GroupNorm", [1, 32]],
}


def description(block):
    return {
        "nc": 3,
        "scales": {"n": [0.33, 1.0, 64]},
        "backbone": [
            [-1, 1, "Conv", [16, 3, 2]],
            [-1, 1, "Conv", [32, 3, 2]],
            [-1, 1, "C2f", [32, True]],
            block,
            [-1, 1, "Conv", [64, 3, 2]],
        ],
        "head": [[[3, 4], 1, "Detect", ["nc"]]],
    }


@pytest.fixture(params=NEEDS_ALL)
def path(request, tmp_path):
    path = tmp_path / "yolov8n.yaml"
    path.write_text(yaml.safe_dump(description(NEEDS_ALL[request.param])))
    if request.param != "CBAM":
        return path
    network = core.load(path).model  # no description of Ultralytics can name it
    block = CBAM(32)
    block.i, block.f, block.type = 3, -1, "ultralytics.nn.modules.conv.CBAM"
    network.model[3] = block
    torch.save({"model": network}, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def outputs_of(loaded, block):
    table = core.analyse(loaded, cache=False).table
    fixed = [n for n in table.layers_of(block) if (table.fixed[table.outputs(n)] >= 0).all()]
    return {table.layers[n].name for n in fixed if table.layers[n].mixes}


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_an_output_that_stays_is_named(path, ratio):
    loaded = core.load(path)
    assert outputs_of(loaded, 2) == {"model.2.cv2.conv"}
    plan = core.Plan(selection=[{"block": 2, "ratio": ratio}, {"block": 4, "ratio": ratio}])
    prediction = core.predict(loaded, plan, cache=False)
    assert prediction.layers
    (left,) = prediction.blocked
    assert (left.layer, left.constraint) == ("model.2.cv2.conv", "fixed")
    assert "model.2.cv2.conv cannot lose channels" in left.message
    assert "the rest of block 2 is pruned as asked" in left.message
    assert left.partly
    assert left.to_json()["nearest"] == [{"block": 2, "ratio": ratio, "scope": "inside"}]
    mended = core.Plan(selection=[*left.nearest, plan.selection[1]])
    again = core.predict(loaded, mended, cache=False)
    assert not again.blocked
    assert again.after.parameters == prediction.after.parameters


def test_it_is_said_by_the_commands(path, tmp_path, capsys):
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": 1, "selection": [{"block": 2, "ratio": 0.5}]}')
    for command in (["predict"], ["prune", "-o", str(tmp_path / "out.pt")]):
        name, *others = command
        assert main([name, str(path), "--plan", str(plan), "--no-cache", *others]) == 0
        assert "model.2.cv2.conv cannot lose channels" in capsys.readouterr().out


def test_nothing_is_said_of_what_was_not_asked(path):
    loaded = core.load(path)
    for entry in (
        {"block": 2, "ratio": 0.5, "scope": "inside"},
        {"layer": "model.2.cv1", "ratio": 0.5},
        {"block": 4, "ratio": 0.5},
        {"block": 5, "ratio": 0.5},
    ):
        assert not core.predict(loaded, core.Plan(selection=[entry]), cache=False).blocked


def test_what_the_user_locked_is_named_as_such(path):
    plan = core.Plan(selection=[{"block": 2, "ratio": 0.5}], locked=["model.2.m.0.cv1"])
    loaded = core.load(path)
    (left,) = core.predict(loaded, plan, cache=False).blocked
    assert left.constraint in ("locked", "fixed")
    assert "1 more of its layers" in left.message
    mended = core.Plan(selection=left.nearest, locked=plan.locked)
    assert not core.predict(loaded, mended, cache=False).blocked


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolov9t"])
def test_stock_networks_have_nothing_of_the_kind(family):
    loaded = core.load(f"{family}.yaml")
    table = core.analyse(loaded).table
    entries = [{"block": b.index, "ratio": 0.5} for b in table.blocks if table.layers_of(b.index)]
    assert not core.predict(loaded, core.Plan(selection=entries)).blocked
