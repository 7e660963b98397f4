"""Shared by the engine's tests: no network, no caches of the user, one thread per worker."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_HOME = Path(tempfile.mkdtemp(prefix="secateur-tests-"))
for _name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
    os.environ[_name] = str(_HOME / _name.lower())
os.environ.pop("YOLO_CONFIG_DIR", None)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start

import torch  # noqa: E402  (after the environment, which ultralytics reads once)

from core.checkpoint import prepare  # noqa: E402
from resources.scenes import write_dataset  # noqa: E402
from tests.core.warm import Warm  # noqa: E402

prepare()
torch.set_num_threads(1)


def pytest_unconfigure() -> None:
    """Leave no folder behind."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A ``secateur`` and a ``python`` that have torch loaded already."""
    process = Warm()
    yield process
    process.close()


@pytest.fixture(scope="session")
def stock() -> Iterator[Warm]:
    """A ``python`` that has stock Ultralytics loaded already, and nothing of this project."""
    process = Warm(stock=True)
    yield process
    process.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's network, a trained YOLOv8n that ships with the program."""
    path = tmp_path_factory.mktemp("trained") / "trained.pt"
    shutil.copy(ROOT / "resources" / "demo" / "demo.pt", path)
    return path


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of the trained network's classes; those to validate on it has not seen."""
    return write_dataset(tmp_path_factory.mktemp("scenes"), train=8, val=16)


@pytest.fixture(scope="session")
def coco() -> Path:
    """Weights and images of COCO, where the machine has them: for figures known from elsewhere."""
    folder = Path(os.environ.get("SECATEUR_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "yolov8n-coco.pt").is_file():
        pytest.skip(f"compares with figures of COCO, which is not in {folder} (or SECATEUR_DATA)")
    return folder
