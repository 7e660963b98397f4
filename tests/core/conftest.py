"""Shared by the engine's tests: no network, no caches of the person, one thread per worker."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_HOME = Path(tempfile.mkdtemp(prefix="secateur-tests-"))
for _name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
    os.environ[_name] = str(_HOME / _name.lower())
os.environ.pop("YOLO_CONFIG_DIR", None)

import torch  # noqa: E402  (after the environment, which ultralytics reads once)

from core.checkpoint import prepare  # noqa: E402
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
def shared_data() -> Path:
    """Real weights and images, where the machine has them."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("SECATEUR_DATA", beside))
    if not (folder / "yolov8n-coco.pt").is_file():
        pytest.skip(f"needs the shared data in {folder} (or SECATEUR_DATA)")
    return folder


@pytest.fixture(scope="session")
def trained(shared_data: Path) -> Path:
    """A real trained YOLOv8n."""
    return shared_data / "yolov8n-coco.pt"
