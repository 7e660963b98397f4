"""Checkpoints of YOLOv9's own repository: told from YOLOv5's, and refused with their own reason.

The classes here have the names and the shapes of that repository's, written by hand.
"""

from __future__ import annotations

import sys
import types
import warnings

import pytest
import torch
from torch import nn

from core.checkpoint import load
from core.checkpoint.scan import refusal
from core.system.files import sha256_of
from tests.core.checkpoint.test_hostile import refused
from tests.core.checkpoint.test_yolov5 import Canary

REASONS = {
    "DualDDetect": "second set of branches",
    "DualDetect": "second set of branches",
    "TripleDDetect": "second set of branches",
    "DualDSegment": "second set of branches",
    "DDetect": "convolutions in four groups",
    "DSegment": "convolutions in four groups",
    "Panoptic": "segments things and their surroundings",
    "Detect": "are not converted",
}


def class_of(home: str, name: str) -> type:
    return type(name, (nn.Module,), {"__module__": home})


@pytest.fixture
def saved(tmp_path, monkeypatch):
    def save(head: str):
        kinds = {
            ("models.yolo", "DetectionModel"): None, ("models.yolo", head): None,
            ("models.common", "DFL"): None, ("models.common", "RepNCSPELAN4"): None,
            ("models.common", "ADown"): None,
        }  # fmt: skip
        with monkeypatch.context() as context:
            context.setitem(sys.modules, "models", types.ModuleType("models"))
            for home in ("models.yolo", "models.common"):
                context.setitem(sys.modules, home, types.ModuleType(home))
            for home, name in kinds:
                kinds[home, name] = class_of(home, name)
                setattr(sys.modules[home], name, kinds[home, name])
            network = kinds["models.yolo", "DetectionModel"]()
            blocks = [kinds["models.common", name]() for name in ("RepNCSPELAN4", "ADown")]
            last = kinds["models.yolo", head]()
            last.dfl = kinds["models.common", "DFL"]()
            last.cv2 = nn.Conv2d(64, 64, 1, groups=4)
            network.model = nn.Sequential(*blocks, last)
            path = tmp_path / "best.pt"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.save({"model": network.half(), "epoch": -1}, path)
        monkeypatch.setattr(sys, "meta_path", [Canary(), *sys.meta_path])
        return path

    return save


@pytest.mark.parametrize("head", REASONS)
def test_it_is_refused_with_its_own_reason(head, saved) -> None:
    path = saved(head)
    before = sha256_of(path)
    error = refused(path)
    assert "was saved by the YOLOv9 repository or a fork of it" in error.message
    assert REASONS[head] in error.hint and "stored anchors" not in error.hint
    assert "No code from it was executed" in error.hint and "yolov9c" in error.hint
    assert sha256_of(path) == before and "models.yolo" not in sys.modules


def test_the_heads_of_ultralytics_are_not_those() -> None:
    """What the refusal says: no groups in the branch of boxes, and no second set of branches."""
    head = load("yolov9c.yaml").model.model[-1]
    convs = [m for m in head.cv2.modules() if isinstance(m, nn.Conv2d)]
    assert {conv.groups for conv in convs} == {1}
    assert not hasattr(head, "cv4") and not hasattr(head, "cv5")


@pytest.mark.parametrize(
    ("names", "repository"),
    [
        (["models.yolo.Detect", "models.common.C3"], "YOLOv5"),
        (["models.yolo.Detect", "models.common.DFL"], "YOLOv9"),
        (["models.yolo.DetectionModel", "models.common.RepNCSPELAN4"], "YOLOv9"),
        (["models.yolo.DDetection"], "YOLOv5"),
        (["models.yolo.Model", "models.common.DFLoss"], "YOLOv5"),
        (["my.models.yolo.DDetect", "models.yolo.Model"], "YOLOv5"),
    ],
)
def test_lookalikes_are_told_apart(names, repository) -> None:
    assert f"the {repository} repository" in refusal("a.pt", names).message


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "subprocess.Popen"])
def test_a_file_that_runs_code_is_no_yolov9(name) -> None:
    error = refusal("a.pt", ["models.yolo.DualDDetect", name])
    assert "tries to run code" in error.message
