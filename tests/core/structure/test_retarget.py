"""Outputs for other classes: known rows are copied, the rest begins as in Ultralytics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import core
from core.checkpoint import save
from core.cli.main import main
from core.data.classes import ClassesDifferError
from core.data.source import read_source
from core.errors import UserError
from core.plan.schema import parse_plan
from core.structure.classes import class_layers
from core.structure.retarget import retarget
from tests.core.images import make_dataset
from tests.core.networks import untrained

NEW = {0: "Dog", 1: "unicorn", 2: "person"}
FAMILIES = ("yolov8n", "yolov10n", "yolo11n-obb", "yolov8n-seg", "yolo26n", "yolov8n-cls")


def named(family: str) -> core.Loaded:
    """A network whose classes have names of their own."""
    loaded = untrained(family)
    names = {n: f"c{n}" for n in loaded.facts.classes} | {3: "person", 7: "dog"}
    from dataclasses import replace

    return replace(loaded, facts=replace(loaded.facts, classes=names))


@pytest.mark.parametrize("family", FAMILIES)
def test_known_classes_keep_their_outputs(family: str) -> None:
    loaded = named(family)
    done = retarget(loaded, NEW)
    assert done.copied == ("Dog", "person") and done.new == ("unicorn",)
    assert len(done.gone) == len(loaded.facts.classes) - 2
    assert "unicorn" in done.text and "Train it" in done.text
    model = done.loaded.model
    assert model.names == NEW == done.loaded.facts.classes and model.yaml["nc"] == 3
    assert class_layers(model) == class_layers(loaded.model)
    for name in class_layers(model):
        new, old = model.get_submodule(name), loaded.model.get_submodule(name)
        assert new.weight.shape[0] == 3 and new.weight.shape[1:] == old.weight.shape[1:]
        for row, was in ((0, 7), (2, 3)):
            assert torch.equal(new.weight[row], old.weight[was])
            assert torch.equal(new.bias[row], old.bias[was])
    kept = {n for n, _ in model.named_parameters()} - {
        f"{layer}.{part}" for layer in class_layers(model) for part in ("weight", "bias")
    }
    before = dict(loaded.model.named_parameters())
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters() if n in kept)
    assert loaded.model.names != NEW  # the original is as it was
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 64, 64))


def test_new_outputs_begin_as_those_of_ultralytics() -> None:
    from ultralytics.nn.tasks import DetectionModel

    stock = DetectionModel("yolov8n.yaml", nc=2, verbose=False)
    model = retarget(untrained("yolov8n"), {0: "p", 1: "q"}).loaded.model
    for name in class_layers(model):
        ours, theirs = model.get_submodule(name), stock.get_submodule(name)
        np.testing.assert_allclose(ours.bias.detach(), theirs.bias.detach(), rtol=1e-5)
        bound = 1 / (ours.in_channels**0.5)  # of nn.Conv2d, 1x1
        assert 0.8 * bound < float(ours.weight.detach().abs().max()) <= bound


def test_the_seed_decides() -> None:
    one, same, other = (retarget(named("yolov8n"), NEW, seed).loaded.model for seed in (0, 0, 1))
    name = class_layers(one)[0]
    weights = [m.get_submodule(name).weight for m in (one, same, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


REFUSED = {
    "the same classes": ("yolov8n", None, "already"),
    "queries": ("rtdetr-l", NEW, "does not have an output for each class"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_get_others_is_refused(kind: str) -> None:
    family, names, words = REFUSED[kind]
    loaded = untrained(family)
    with pytest.raises(UserError, match=words):
        retarget(loaded, names or loaded.facts.classes)


def test_from_the_refusal_to_a_pruned_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = named("yolov8n")
    source, output = tmp_path / "coco.pt", tmp_path / "own.pt"
    save(loaded.model, source, train_args=loaded.train_args)
    data = make_dataset(tmp_path / "data", {0: "thing"}, images=4, side=64)
    with pytest.raises(ClassesDifferError, match="secateur retarget"):
        read_source(data, "train", core.load(source).facts.classes)
    before = source.read_bytes()
    assert main(["retarget", str(source), "--data", str(data), "-o", str(output), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["classes"] == {"0": "thing"} and told["new"] == ["thing"]
    assert source.read_bytes() == before
    made = core.load(output)
    assert made.facts.classes == {0: "thing"} and made.facts.history[-1]["kind"] == "retarget"
    read_source(data, "train", made.facts.classes)
    plan = parse_plan({"version": 1, "selection": [{"block": 5, "ratio": 0.5}]})
    result = core.prune(made, plan, tmp_path / "small.pt")
    assert result.verification.passed
    assert core.load(tmp_path / "small.pt").facts.classes == {0: "thing"}
    assert main(["retarget", str(source), "--data", str(data), "-o", str(source)]) == 1
    assert isinstance(made.model, nn.Module) and source.read_bytes() == before
