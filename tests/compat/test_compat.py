"""The small suite that every supported end of the libraries passes: `make compat`."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

import core
from core.checkpoint import save
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.repair import RepairSettings
from core.ship.export.run import ExportSettings, export
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import network, parameters

SIZE = 64


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "whole.pt"
    save(copy.deepcopy(network("yolov8n")), path, train_args={"imgsz": SIZE})
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    names = dict(network("yolov8n").names)
    return make_dataset(tmp_path_factory.mktemp("data") / "data", names, images=4, side=SIZE)


@pytest.fixture(scope="module")
def small(whole: Path, data: Path) -> Path:
    path = whole.with_name("small.pt")
    plan = core.Plan(criterion="fisher", selection=({"block": 4, "ratio": 0.5},), round_to=1)
    images = DataSettings(data, image_size=SIZE, device="cpu")
    repair = RepairSettings(("bn",), minutes=0.5)
    done = core.prune(core.load(whole), plan, path, data=images, repair=repair)
    assert done.verification.passed and not done.repair_failed
    return path


@pytest.mark.parametrize("family", ["yolo11n", "yolov8n-seg", "yolov8n-cls", "yolov10n"])
def test_pruned_exactly(family: str, tmp_path: Path) -> None:
    save(copy.deepcopy(network(family)), tmp_path / "a.pt", train_args={"imgsz": SIZE})
    plan = core.Plan(target={"params": 0.7}, round_to=1)
    assert core.prune(core.load(tmp_path / "a.pt"), plan, tmp_path / "b.pt").verification.passed


def test_evaluated(small: Path, data: Path) -> None:
    loaded = core.load(small)
    settings = DataSettings(data, image_size=SIZE, device="cpu", split="val")
    found = evaluate(loaded.model, settings, loaded.facts.classes, loaded.facts.task)
    assert found.images == 4


def test_fine_tuned(small: Path, whole: Path, data: Path, tmp_path: Path) -> None:
    settings = Settings(
        model=str(small), teacher=str(whole), data=str(data), epochs=1, batch=2, image_size=SIZE,
        device="cpu",
    )  # fmt: skip
    result = finetune(settings, tmp_path)
    assert result["parameters"] == parameters(core.load(small).model)


def test_exported(small: Path, tmp_path: Path) -> None:
    settings = ExportSettings("torchscript", image_size=SIZE, compared=1)
    parity = export(core.load(small), tmp_path / "a.torchscript", settings).parity
    assert parity is not None and parity.passed
