"""Modules and backbones of torchvision: opened, traced and pruned; weights are never fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.hub
from torch import nn

import core
from core.errors import UserError
from core.graph.builder import analyse_model
from tests.core.checkpoint.test_hostile import archive, refused
from tests.core.networks import enliven, parameters

CLASSIFIER = """
nc: 10
backbone:
  - [-1, 1, TorchVision, [{channels}, {name}, {weights}, True, {truncate}]]
head:
  - [-1, 1, Classify, [nc]]
"""
BACKBONES = {
    "resnet18": (512, 2),
    "resnet50": (2048, 2),
    "convnext_tiny": (768, 2),
    "densenet121": (1024, 1),
    "efficientnet_b0": (1280, 2),
    "mobilenet_v2": (1280, 1),
    "mobilenet_v3_small": (576, 2),
    "regnet_y_400mf": (440, 2),
    "shufflenet_v2_x0_5": (1024, 1),
    "vgg11_bn": (512, 2),
}
DETECTORS = {
    "squeeze and excitation": """
nc: 3
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, torchvision.ops.SqueezeExcitation, [32, 8]]
  - [-1, 1, C2f, [64, True]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, torchvision.ops.Conv2dNormActivation, [64, 64, 3]]
  - [-1, 1, Conv, [96, 3, 2]]
head:
  - [-1, 1, C2f, [96]]
  - [[5, 7], 1, Detect, [nc]]
""",
    "several outputs of a backbone": """
nc: 3
backbone:
  - [-1, 1, TorchVision, [576, mobilenet_v3_small, DEFAULT, True, 2, True]]
  - [0, 1, Index, [24, 4]]
  - [0, 1, Index, [48, 9]]
  - [0, 1, Index, [576, 13]]
head:
  - [-1, 1, Conv, [64, 1, 1]]
  - [2, 1, Conv, [64, 1, 1]]
  - [1, 1, Conv, [64, 1, 1]]
  - [[6, 5, 4], 1, Detect, [nc]]
""",
}


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise AssertionError("weights are fetched")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)


def classifier(name: str, weights: str = "DEFAULT") -> str:
    channels, truncate = BACKBONES[name]
    return CLASSIFIER.format(channels=channels, name=name, truncate=truncate, weights=weights)


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def check(path: Path) -> None:
    """Prune it, and a checkpoint of it as Ultralytics saves one."""
    model = enliven(core.load(path).model)
    saved = path.with_name("saved.pt")
    torch.save({"model": model, "train_args": {}, "version": "8.4.190"}, saved)
    original = core.load(saved)
    blocks = [{"block": n, "ratio": 0.4} for n in range(len(original.model.model))]
    plan = core.parse_plan({"version": 1, "round_to": 1, "selection": blocks})
    small = path.with_name("small.pt")
    result = core.prune(original, plan, small, cache=False)
    assert result.verification.passed
    assert parameters(result.model) < 0.7 * parameters(model)
    again = core.load(small).model.float().eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        mine, other = again(image), result.model.float().eval()(image)
    torch.testing.assert_close(mine[0], other[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_is_pruned_exactly(name: str, tmp_path: Path) -> None:
    check(written(tmp_path, classifier(name)))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_with_parts_of_torchvision(name: str, tmp_path: Path) -> None:
    check(written(tmp_path, DETECTORS[name]))


@pytest.mark.parametrize("weights", ["DEFAULT", "IMAGENET1K_V1", "None", "True"])
def test_weights_are_left_out_whatever_the_description_says(weights: str, tmp_path: Path) -> None:
    model = core.load(written(tmp_path, classifier("resnet18", weights))).model
    assert isinstance(model.model[0].m[0], nn.Conv2d)


def test_the_description_that_ultralytics_ships() -> None:
    assert core.load("yolo11-cls-resnet18.yaml").facts.task == "classify"


OTHERS = (
    "no_such_network", "../resnet18", "[1]", "3", "fasterrcnn_resnet50_fpn", "ssd300_vgg16",
    "deeplabv3_resnet50", "lraspp_mobilenet_v3_large", "r3d_18", "raft_small", "quantized_resnet18",
)  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_a_backbone_that_torchvision_does_not_have(name: str, tmp_path: Path) -> None:
    text = CLASSIFIER.format(channels=8, name=name, truncate=2, weights="None")
    with pytest.raises(UserError, match="no classifier of torchvision"):
        core.load(written(tmp_path, text))


@pytest.mark.parametrize("name", ["torchvision.ops.nms", "torchvision.ops.os", "torchvision.ops.x"])
def test_an_operation_that_is_no_module(name: str, tmp_path: Path) -> None:
    text = DETECTORS["squeeze and excitation"].replace("torchvision.ops.SqueezeExcitation", name)
    with pytest.raises(UserError, match="does not have"):
        core.load(written(tmp_path, text))


def test_a_network_that_cannot_run_is_refused(tmp_path: Path) -> None:
    text = classifier("mobilenet_v2").replace("True, 1]", "True, 2]")  # 320 channels, not 1280
    model = core.load(written(tmp_path, text)).model
    with pytest.raises(UserError, match="320 channels"):
        analyse_model(model, 64)


HOSTILE = (
    "torchvision.models.get_model",
    "torchvision.models.resnet.resnet18",
    "torchvision.models.resnet.load_state_dict_from_url",
    "torchvision.models._api.get_model",
    "torchvision.models.feature_extraction.DualGraphModule",
    "torchvision.models.detection.faster_rcnn.FasterRCNN",
    "torchvision.models.convnext.partial",
    "torchvision.models.densenet.cp",
    "torchvision.models.resnet.nn",
    "torchvision.ops.misc.warnings",
    "torchvision.ops.deform_conv.DeformConv2d",
    "torchvision.io.read_file",
    "torchvision.datasets.utils.download_url",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_else_of_torchvision_is_opened(name: str, tmp_path: Path) -> None:
    module, _, attribute = name.rpartition(".")
    call = f"c{module}\n{attribute}\n".encode() + b"(S'x'\ntR."
    path = tmp_path / "bad.pt"
    archive(path, b"\x80\x02" + call)
    error = refused(path)
    assert name in error.message and "No code from it was executed" in error.hint


def test_a_class_is_never_called(tmp_path: Path) -> None:
    path = tmp_path / "bad.pt"
    archive(path, b"\x80\x02ctorchvision.models.resnet\nResNet\n(S'x'\ntR.")
    refused(path)
