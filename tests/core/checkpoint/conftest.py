from __future__ import annotations

import copy
import os
import socket
import tempfile
from pathlib import Path

import pytest

# The user's own settings are none of the tests' business.
os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="secateur-tests-"))

from core.checkpoint import Loaded, load


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# Called yolov8n, but small: most tests here are about files, and run many times faster with it.
SMALL = """
nc: 80
scales: {n: [0.33, 0.25, 1024]}
backbone:
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 3, C2f, [64, True]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, SPPF, [64, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, nearest]]
  - [[-1, 2], 1, Concat, [1]]
  - [[6, 4], 1, Detect, [nc]]
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Loaded:
    """An untrained network; it must not be changed."""
    path = tmp_path_factory.mktemp("built") / "yolov8n.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return load(path)


@pytest.fixture
def model(built):
    return copy.deepcopy(built.model)


@pytest.fixture(scope="session")
def stock_file(built, tmp_path_factory) -> Path:
    """A checkpoint as a finished training leaves it: half precision, all gradients off."""
    import numpy as np
    import torch
    from ultralytics.utils import IterableSimpleNamespace

    model = copy.deepcopy(built.model).half()
    model.args = IterableSimpleNamespace(task="detect", imgsz=320)
    model.names = {index: f"thing {index}" for index in range(80)}
    for parameter in model.parameters():
        parameter.requires_grad = False
    path = tmp_path_factory.mktemp("stock") / "best.pt"
    checkpoint = {
        "epoch": -1,
        "best_fitness": np.float64(0.5),
        "model": model,
        "ema": None,
        "optimizer": None,
        "train_args": {
            "task": "detect",
            "imgsz": 320,
            "save_dir": Path("/runs/train"),
            "lr0": 0.01,
        },
        "train_metrics": {"fitness": np.float32(0.25)},
        "version": "8.4.100",
    }
    torch.save(checkpoint, path)
    return path
