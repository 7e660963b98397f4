"""Pruned untrained networks and tiny data to tune them on.

Real families are trained by test_tasks.py, by the demo, and by what the documents show.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import core
from core.checkpoint import save
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import TINY, network, untrained


def pruned(family: str, folder: Path) -> Path:
    path = folder / f"{family}-pruned.pt"
    original = untrained(family)
    blocks = [{"block": n, "ratio": 0.4} for n in range(len(original.model.model))]
    core.prune(original, core.parse_plan({"version": 1, "selection": blocks}), path, cache=False)
    return path


@pytest.fixture(scope="session")
def pruned_detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pruned(TINY, tmp_path_factory.mktemp("pruned"))


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.pt"
    original = untrained(TINY)
    save(original.model, path, train_args=original.train_args)
    return path


@pytest.fixture(scope="session")
def _images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "data"
    make_dataset(folder, network(TINY).names, images=4, side=64)
    return folder


@pytest.fixture
def data(_images: Path, tmp_path: Path) -> Path:
    """A copy of its own: tests take images away."""
    shutil.copytree(_images, tmp_path / "data")
    return tmp_path / "data" / "data.yaml"


@pytest.fixture
def settings(pruned_detector: Path, data: Path) -> Settings:
    return small_settings(pruned_detector, data)


def small_settings(model: Path, data: Path) -> Settings:
    """Two epochs of two steps."""
    return Settings(
        model=str(model),
        data=str(data),
        epochs=2,
        batch=2,
        image_size=64,
        device="cpu",
        baseline=False,
    )
