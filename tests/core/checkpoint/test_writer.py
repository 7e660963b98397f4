from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from core.checkpoint import load, save
from core.errors import UserError

FAMILIES = ["yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov8n-cls", "yolov5n",
            "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n", "rtdetr-l"]  # fmt: skip


def assert_equal(first, second):
    weights = second.state_dict()
    assert first.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize("family", FAMILIES)
def test_round_trip(family, tmp_path):
    loaded = load(f"{family}.yaml")
    path = tmp_path / "out.pt"
    before = dict(vars(loaded.model))
    save(loaded.model, path, train_args=loaded.train_args, history=[{"step": "made"}])
    assert vars(loaded.model) == before
    again = load(path)
    assert_equal(again.model, loaded.model)
    for name in ("family", "task", "classes", "image_size", "dtype", "frozen", "fused"):
        assert getattr(again.facts, name) == getattr(loaded.facts, name)
    assert again.facts.history == ({"step": "made"},)
    flags = [parameter.requires_grad for parameter in loaded.model.parameters()]
    assert [parameter.requires_grad for parameter in again.model.parameters()] == flags
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.pt"]


def test_keys_are_those_of_ultralytics(model, tmp_path):
    path = tmp_path / "out.pt"
    save(model, path, train_args={"imgsz": 64, "odd": object()})
    checkpoint = torch.load(path, weights_only=False)
    assert checkpoint["epoch"] == -1
    empty = ("best_fitness", "ema", "updates", "optimizer")
    assert all(checkpoint[key] is None for key in empty)
    assert checkpoint["train_args"] == {"task": "detect", "imgsz": 64}
    assert checkpoint["secateur"] == []
    assert {"date", "version", "license", "docs"} <= checkpoint.keys()
    assert "AGPL-3.0" in checkpoint["license"]


def test_no_machine_path_is_written(stock_file, tmp_path):
    loaded = load(stock_file)
    save(loaded.model, tmp_path / "out.pt", train_args={})
    assert str(stock_file.parent).encode() not in (tmp_path / "out.pt").read_bytes()


STOCK = """
import json, sys, torch
from ultralytics import YOLO
model = YOLO(sys.argv[1])
result = model.predict(torch.zeros(1, 3, 64, 64), imgsz=64, verbose=False, save=False)[0]
print(json.dumps({"parameters": sum(p.numel() for p in model.model.parameters()),
                  "task": model.task, "names": len(model.names), "result": len(result),
                  "ours": sorted(m for m in sys.modules if m.split(".")[0] in ("core", "app"))}))
"""


@pytest.mark.parametrize("strict", ["", "true"], ids=["default", "restricted"])
def test_stock_ultralytics_opens_it_in_a_clean_process(strict, tmp_path):
    """A narrowed network: what a rebuild from the description would undo."""
    model = load("yolov8n-seg.yaml").model
    block = model.model[0]
    block.conv = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
    block.bn = nn.BatchNorm2d(8, eps=0.001, momentum=0.03)
    model.model[1].conv = nn.Conv2d(8, 32, 3, 2, 1, bias=False)
    path = tmp_path / "pruned.pt"
    save(model, path, train_args={"imgsz": 64}, history=[{"step": "prune", "ratio": 0.5}])
    done = subprocess.run(
        [sys.executable, "-c", STOCK, str(path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "YOLO_OFFLINE": "true", "ULTRALYTICS_SAFE_LOAD": strict},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["parameters"] == sum(p.numel() for p in model.parameters())
    assert (told["task"], told["names"], told["ours"]) == ("segment", 80, [])


def test_half_precision_becomes_single_in_a_copy(model, tmp_path):
    model.half()
    save(model, tmp_path / "out.pt", train_args={})
    assert load(tmp_path / "out.pt").facts.dtype == "float32"
    assert next(model.parameters()).dtype == torch.float16


def test_a_fused_network_survives_twice(model, tmp_path):
    model.fuse(verbose=False)
    path = tmp_path / "out.pt"
    for _ in range(2):
        save(model, path, train_args={})
        model = load(path).model
    assert load(path).facts.fused
    assert model.model[0].forward.__func__.__name__ == "forward_fuse"


def test_leftover_hooks_are_not_written(model, tmp_path):
    model.model[0].register_forward_hook(print)
    with pytest.raises(UserError, match="was not saved"):
        save(model, tmp_path / "out.pt", train_args={})


def test_history_grows(model, tmp_path):
    first, second = tmp_path / "1.pt", tmp_path / "2.pt"
    save(model, first, train_args={}, history=[{"step": 1}])
    history = [*load(first).facts.history, {"step": 2, "kept": [1, 2]}]
    save(model, second, train_args={}, history=history)
    assert load(second).facts.history == ({"step": 1}, {"step": 2, "kept": [1, 2]})
    with pytest.raises(TypeError):
        save(model, second, train_args={}, history=[{"step": object()}])


def test_the_source_is_never_overwritten(model, stock_file, tmp_path):
    source = tmp_path / "source.pt"
    source.write_bytes(stock_file.read_bytes())
    names = [source, tmp_path / "." / "source.pt", tmp_path / "sub" / ".." / "source.pt"]
    (tmp_path / "sub").mkdir()
    os.link(source, tmp_path / "hard.pt")
    (tmp_path / "soft.pt").symlink_to(source)
    for target in (*names, tmp_path / "hard.pt", tmp_path / "soft.pt"):
        with pytest.raises(UserError, match="not overwritten"):
            save(model, target, train_args={}, forbidden=[source])
    assert source.read_bytes() == stock_file.read_bytes()


def test_another_existing_file_is_replaced(model, tmp_path):
    path = tmp_path / "out.pt"
    path.write_bytes(b"old")
    save(model, path, train_args={}, forbidden=[tmp_path / "other.pt"])
    assert load(path).facts.family == "yolov8n"


@pytest.mark.parametrize("name", ["out.onnx", "out", "out.pt.zip"])
def test_only_pt(name, model, tmp_path):
    with pytest.raises(UserError, match=r"\.pt"):
        save(model, tmp_path / name, train_args={})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_its_place_or_none_around_it(model, tmp_path):
    (tmp_path / "a.pt").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        save(model, tmp_path / "a.pt", train_args={})
    with pytest.raises(UserError, match="Could not write"):
        save(model, tmp_path / "missing" / "a.pt", train_args={})


def test_a_full_disk_leaves_nothing(model, tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="no space left"):
        save(model, tmp_path / "out.pt", train_args={})
    assert list(tmp_path.iterdir()) == []


class Foreign(nn.Module):
    pass


def test_foreign_classes_are_not_written(model, tmp_path):
    class Local(nn.Module):
        pass

    for extra in (Foreign(), Local(), lambda: None):
        odd = copy.copy(model)
        vars(odd)["extra"] = extra
        with pytest.raises(UserError, match="was not saved"):
            save(odd, tmp_path / "out.pt", train_args={})
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_something_else(tmp_path):
    with pytest.raises(UserError, match="was not saved"):
        save(nn.Sequential(nn.Conv2d(1, 1, 1)), tmp_path / "out.pt", train_args={})
    assert list(tmp_path.iterdir()) == []
