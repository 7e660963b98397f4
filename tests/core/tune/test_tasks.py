"""Every task is fine-tuned by its own trainer, and measured by its own validator."""

from __future__ import annotations

from pathlib import Path

import pytest

import core
from core.errors import UserError
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import network, parameters
from tests.core.tune.conftest import pruned

TASKS = {
    "yolov8n-seg": {"map50_95", "mask_map50_95"},
    "yolov8n-pose": {"map50_95", "keypoint_map50_95"},
    "yolov8n-obb": {"map50_95"},
    "yolov8n-cls": {"top1", "top5"},
}


@pytest.mark.parametrize("family", TASKS)
def test_task(family: str, tmp_path: Path) -> None:
    path = pruned(family, tmp_path)
    model = network(family)
    if model.task == "classify":
        two = {0: model.names[3], 1: model.names[5]}
        data = make_dataset(tmp_path / "data", two, "classify", images=4, side=64)
    else:
        data = make_dataset(tmp_path / "data", model.names, model.task, images=2, side=64)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    (folder := tmp_path / "job").mkdir()
    settings = Settings(
        model=str(path), data=str(data), epochs=1, batch=2, image_size=64, device="cpu"
    )
    result = finetune(settings, folder)
    tuned = core.load(folder / "best.pt")
    assert parameters(tuned.model) == result["parameters"] == parameters(core.load(path).model)
    assert result["parameters"] < parameters(model)
    assert tuned.facts.task == model.task and tuned.facts.classes == dict(model.names)
    assert set(result["before"]) == set(result["after"]) >= TASKS[family]
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if folder not in p.parents}
    assert {p: t for p, t in after.items() if p not in (folder,)} == before
    if model.task == "classify":
        teacher = settings.model_copy(update={"teacher": str(path), "distill": "outputs"})
        with pytest.raises(UserError, match="needs a head with outputs by position"):
            finetune(teacher, folder)
