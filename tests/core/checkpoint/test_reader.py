from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

from core.checkpoint import Facts, load
from core.errors import UserError
from core.system.size import ImageSize
from resources.scenes import CLASSES


def equal(first, second) -> bool:
    weights = second.state_dict()
    return first.state_dict().keys() == weights.keys() and all(
        torch.equal(value, weights[name]) for name, value in first.state_dict().items()
    )


def test_a_finished_training(stock_file):
    before = stock_file.read_bytes()
    loaded = load(str(stock_file))
    facts = loaded.facts
    assert facts.path == str(stock_file)
    assert facts.sha256 == hashlib.sha256(before).hexdigest()
    assert (facts.family, facts.task, facts.image_size) == ("yolov8n", "detect", 320)
    assert facts.classes[79] == "thing 79"
    assert (facts.dtype, facts.frozen, facts.fused) == ("float16", True, False)
    assert facts.ultralytics == "8.4.100"
    assert loaded.train_args == {
        "task": "detect", "imgsz": 320, "save_dir": "/runs/train", "lr0": 0.01
    }  # fmt: skip
    assert Facts.from_dict(facts.to_dict()) == facts
    assert stock_file.read_bytes() == before


def test_the_network_is_what_stock_ultralytics_loads(stock_file):
    from ultralytics.nn.tasks import load_checkpoint

    stock, _ = load_checkpoint(str(stock_file))
    mine = load(stock_file).model
    assert type(mine) is type(stock)
    assert equal(mine, stock)
    assert not mine.training
    assert mine.task == stock.task
    assert set(vars(stock)) <= set(vars(mine))
    assert torch.equal(mine.stride, stock.stride)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(mine(image)[0], stock(image)[0])


def read_untouched(path):
    before = path.stat()
    loaded = load(path)
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert (loaded.facts.family, loaded.facts.dtype) == ("yolov8n", "float16")
    return loaded.facts.classes, sum(p.numel() for p in loaded.model.parameters())


def test_a_trained_yolov8n(trained):
    classes, parameters = read_untouched(trained)
    assert tuple(classes.values()) == CLASSES
    assert parameters == 3_011_823  # as Ultralytics counts a YOLOv8n of five classes


def test_a_yolov8n_trained_elsewhere(coco):
    classes, parameters = read_untouched(coco / "yolov8n-coco.pt")
    assert classes[0] == "person" and len(classes) == 80
    assert parameters == 3_157_200


def test_a_relative_name_and_any_suffix(stock_file, tmp_path, monkeypatch):
    (tmp_path / "weights.pth").write_bytes(stock_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert load("weights.pth").facts.path == "weights.pth"


def test_ema_comes_first(model, tmp_path):
    other = copy.deepcopy(model)
    nn.init.constant_(other.model[0].conv.weight, 0.5)
    path = tmp_path / "last.pt"
    torch.save({"model": model, "ema": other}, path)
    assert equal(load(path).model, other)
    torch.save({"model": None, "ema": other}, path)
    assert equal(load(path).model, other)


def test_a_fused_network(model, tmp_path):
    """Fused modules store their own bound methods."""
    image = torch.rand(1, 3, 64, 64)
    model.fuse(verbose=False)
    with torch.no_grad():
        expected = model(image)[0]
    path = tmp_path / "fused.pt"
    torch.save({"model": model}, path)
    loaded = load(path)
    assert loaded.facts.fused
    with torch.no_grad():
        assert torch.equal(loaded.model(image)[0], expected)


@pytest.mark.parametrize("family", ["yolov9t", "yolov10n", "yolo26n", "rtdetr-l"])
def test_other_fused_networks(family, tmp_path):
    model = load(f"{family}.yaml").model
    model.fuse(verbose=False)
    path = tmp_path / "fused.pt"
    torch.save({"model": model}, path)
    loaded = load(path)
    assert loaded.facts.fused
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded.model(image)[0], model(image)[0])


def test_leftovers_of_training_are_dropped(model, tmp_path):
    from ultralytics.utils import IterableSimpleNamespace

    model.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5, task="detect", imgsz=64)
    model.criterion = model.init_criterion()
    path = tmp_path / "last.pt"
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    torch.save({"model": model, "optimizer": optimizer.state_dict()}, path)
    loaded = load(path)
    assert loaded.model.criterion is None
    assert loaded.facts.image_size == 64
    assert loaded.train_args["box"] == 7.5


def test_old_names_of_ultralytics(model, tmp_path, monkeypatch):
    import sys
    import types

    from ultralytics.utils import IterableSimpleNamespace

    for name in ("ultralytics.yolo", "ultralytics.yolo.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    old = type("IterableSimpleNamespace", (types.SimpleNamespace,), {})
    old.__module__ = "ultralytics.yolo.utils"
    sys.modules[old.__module__].IterableSimpleNamespace = old
    model.args = old(imgsz=96)
    path = tmp_path / "old.pt"
    torch.save({"model": model, "extra": model.args}, path)
    assert load(path).facts.image_size == 96
    assert IterableSimpleNamespace


def test_an_older_segmentation_head(tmp_path):
    """It stores the function Detect.forward, by getattr."""
    from ultralytics.nn.modules import Detect

    model = load("yolov8n-seg.yaml").model
    model.model[-1].detect = Detect.forward
    path = tmp_path / "seg.pt"
    torch.save({"model": model}, path)
    assert load(path).model.model[-1].detect is Detect.forward


def test_a_classifier_with_its_transforms(tmp_path):
    transforms = pytest.importorskip("torchvision.transforms")
    model = load("yolov8n-cls.yaml").model
    steps = [transforms.Resize(64), transforms.CenterCrop(64), transforms.ToTensor()]
    model.transforms = transforms.Compose([*steps, transforms.Normalize([0.0], [1.0])])
    path = tmp_path / "cls.pt"
    torch.save({"model": model}, path)
    loaded = load(path)
    assert loaded.facts.image_size == 224
    assert loaded.model.transforms.transforms[0].interpolation is steps[0].interpolation


def test_a_bare_module_is_accepted(model, tmp_path):
    path = tmp_path / "module.pt"
    torch.save(model, path)
    assert equal(load(path).model, model)


def test_dfl_alone_is_not_frozen(model, tmp_path):
    path = tmp_path / "a.pt"
    for flags, frozen in ((True, False), (False, True)):
        for parameter in model.model[:5].parameters():
            parameter.requires_grad = flags
        assert not model.model[-1].dfl.conv.weight.requires_grad
        torch.save({"model": model}, path)
        assert load(path).facts.frozen is frozen


@pytest.mark.parametrize(
    ("yaml", "family"),
    [
        ({"yaml_file": "yolov8.yaml", "scale": "n"}, "yolov8n"),
        ({"yaml_file": "C:\\cfg\\yolov8-seg.yaml", "scale": "x"}, "yolov8x-seg"),
        ({"yaml_file": "/a/b/yolov9t.yaml", "scale": ""}, "yolov9t"),
        ({"yaml_file": "mine.yaml", "scale": "n"}, "mine"),
        ({"yaml_file": 7}, "detectionmodel"),
        ({}, "detectionmodel"),
    ],
)
def test_family(yaml, family, model):
    from core.checkpoint.structure import family_of

    model.yaml = yaml
    assert family_of(model) == family


@pytest.mark.parametrize(
    ("change", "fact", "value"),
    [
        ({"imgsz": [320, 640]}, "image_size", ImageSize(320, 640)),
        ({"imgsz": [320, 640, 3]}, "image_size", 640),
        ({"imgsz": "big"}, "image_size", 640),
        ({"imgsz": -1}, "image_size", 640),
        ({"imgsz": True}, "image_size", 640),
    ],
)
def test_odd_sizes(change, fact, value, model, tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"model": model, "train_args": change}, path)
    assert getattr(load(path).facts, fact) == value


def test_names_as_a_list_or_absent(model, tmp_path):
    path = tmp_path / "a.pt"
    model.names = ["a", "b"]
    torch.save({"model": model}, path)
    assert load(path).facts.classes == {0: "a", 1: "b"}
    del model.names
    torch.save({"model": model}, path)
    assert len(load(path).facts.classes) == 80


@pytest.mark.parametrize("history", ["nonsense", [1, 2], [{"a": torch.zeros(1)}]])
def test_a_history_that_is_none(history, model, tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"model": model, "secateur": history}, path)
    assert load(path).facts.history == ()


def contents(model):
    weights = model.state_dict()
    return {
        "state_dict": (weights, "is a state_dict"),
        "plain state_dict": (dict(weights), "is a state_dict"),
        "nested": ({"model": weights}, "contains only weights under 'model'"),
        "lightning": ({"epoch": 1, "state_dict": weights}, "contains only weights"),
        "list": ([1, 2], "of type list"),
        "tensor": (torch.zeros(3), "of type tensor"),
        "number": (3, "of type int"),
        "nothing": ({"model": None, "ema": None}, "contains no network"),
        "empty": ({}, "contains no network"),
        "layer": ({"model": nn.Conv2d(1, 1, 1)}, "contains a Conv2d, not an Ultralytics network"),
        "sequence": ({"model": model.model}, "contains a Sequential, not an Ultralytics network"),
        "quantized": ({"model": model, "modelopt": {"a": 1}}, "with quantization"),
    }


KINDS = ["state_dict", "plain state_dict", "nested", "lightning", "list", "tensor", "number",
         "nothing", "empty", "layer", "sequence", "quantized"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_network_is_named(kind, model, tmp_path):
    value, message = contents(model)[kind]
    path = tmp_path / "a.pt"
    torch.save(value, path)
    with pytest.raises(UserError, match=message) as caught:
        load(path)
    assert caught.value.hint
    if "weights" in message or "state_dict" in message:
        assert "model.save" in caught.value.hint


def test_the_format_before_torch_1_6(model, tmp_path):
    path = tmp_path / "a.pt"
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match="is a state_dict"):
        load(path)
    torch.save({"model": model}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match=r"before 1\.6"):
        load(path)


def test_a_newer_pickle_protocol(model, tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"model": model}, path, pickle_protocol=4)
    with pytest.raises(UserError, match="protocol 4"):
        load(path)


def test_torchs_allow_list_is_left_as_it_was(stock_file):
    before = set(map(str, torch.serialization.get_safe_globals()))
    load(stock_file)
    assert set(map(str, torch.serialization.get_safe_globals())) == before


def test_stock_loading_works_after_ours(stock_file):
    load(stock_file)
    assert torch.load(stock_file, weights_only=False)["model"] is not None
    assert Path(stock_file).exists()
