"""The jobs under test are small fine-tunings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.runs.folder import create_job
from core.runs.run import run_job
from tests.core.tune.conftest import (
    _images,
    data,
    pruned_detector,
    settings,
    small_settings,
    teacher,
)

__all__ = ["_images", "data", "pruned_detector", "settings", "teacher", "whole"]


@pytest.fixture(scope="session")
def whole(
    pruned_detector: Path,
    _images: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of a job with the usual settings that nothing interrupted."""
    place = tmp_path_factory.mktemp("whole")
    shutil.copytree(_images, place / "data")
    wanted = small_settings(pruned_detector, place / "data" / "data.yaml")
    arguments = wanted.model_dump(mode="json")
    folder = create_job("finetune", arguments, {"model": wanted.model}, folder=place / "job")
    assert run_job(folder)["event"] == "done"
    return folder
