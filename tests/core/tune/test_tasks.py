"""Every task is fine-tuned by its own trainer, and measured by its own validator."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch.nn.functional import kl_div

import core
from core.checkpoint import save
from core.errors import UserError
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import network, parameters, untrained
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


@pytest.fixture
def classifier(tmp_path: Path) -> Settings:
    model = network("yolov8n-cls")
    two = {0: model.names[3], 1: model.names[5]}
    data = make_dataset(tmp_path / "data", two, "classify", images=4, side=64)
    original = untrained("yolov8n-cls")
    save(original.model, tmp_path / "teacher.pt", train_args=original.train_args)
    (tmp_path / "job").mkdir()
    return Settings(
        model=str(pruned("yolov8n-cls", tmp_path)),
        data=str(data),
        teacher=str(tmp_path / "teacher.pt"),
        epochs=1,
        batch=2,
        image_size=64,
        device="cpu",
    )


@pytest.mark.parametrize("preset", ["recover_quickly", "recover_fully", "as_trained"])
def test_a_classifier_has_a_teacher(preset: str, classifier: Settings, tmp_path: Path) -> None:
    settings = classifier.model_copy(update={"preset": preset})
    events: list[dict] = []
    result = finetune(settings, tmp_path / "job", emit=events.append)
    assert result["after"]["top1"] >= 0
    (epoch,) = (event for event in events if event["event"] == "epoch")
    assert "dis_loss" in str(epoch)
    tuned = core.load(tmp_path / "job" / "last.pt")
    assert parameters(tuned.model) == parameters(core.load(settings.model).model)


def test_a_classifier_gets_closer_to_its_teacher(classifier: Settings, tmp_path: Path) -> None:
    """With no weight on the labels, it is the teacher's probabilities that are learned."""
    teacher = network("yolov8n-cls").eval()
    images = torch.rand(8, 3, 64, 64)

    def apart(path: str | Path) -> float:
        student = core.load(path).model.float().eval()
        with torch.no_grad():
            told, said = (m(images)[1].log_softmax(1) for m in (teacher, student))
        return float(kl_div(said, told, reduction="batchmean", log_target=True))

    options = {"dis": 1000.0, "optimizer": "AdamW", "lr0": 1e-3, "warmup_epochs": 0}
    settings = classifier.model_copy(update={"epochs": 6, "options": options})
    finetune(settings, tmp_path / "job")
    assert apart(tmp_path / "job" / "last.pt") < 0.8 * apart(settings.model)


def test_a_classifier_has_no_feature_maps_to_distil(classifier: Settings, tmp_path: Path) -> None:
    settings = classifier.model_copy(update={"distill": "features"})
    with pytest.raises(UserError, match="which a classifier does not have"):
        finetune(settings, tmp_path / "job")


def test_another_classifier_does_not_teach(classifier: Settings, tmp_path: Path) -> None:
    other = untrained("yolov8n-cls")
    model = copy.deepcopy(other.model)
    model.names = {**model.names, 0: "something else"}
    save(model, tmp_path / "other.pt", train_args=other.train_args)
    settings = classifier.model_copy(update={"teacher": str(tmp_path / "other.pt")})
    with pytest.raises(UserError, match="other classes"):
        finetune(settings, tmp_path / "job")
