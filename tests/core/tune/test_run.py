"""Fine-tuning keeps the shape, resumes, and loses nothing when something fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import core
from core.errors import CancelledError, UserError
from core.tune import trainer
from core.tune.measure import Measurer
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.networks import TINY, parameters, untrained

STOCK = """
import json, sys
from ultralytics import YOLO
path, data = sys.argv[1:3]
model = YOLO(path)
before = sum(p.numel() for p in model.model.parameters())
model.train(data=data, epochs=1, imgsz=64, batch=2, device="cpu", plots=False, amp=False,
            val=False, project=sys.argv[3])
after = sum(p.numel() for p in model.model.parameters())
print(json.dumps([before, after, any(n.split(".")[0] == "core" for n in sys.modules)]))
"""


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    found = {p: p.stat() for p in folder.rglob("*")}
    return {str(p): (s.st_mtime_ns, s.st_size) for p, s in found.items() if p.is_file()}


def weights(path: Path) -> dict[str, torch.Tensor]:
    return core.load(path).model.state_dict()


def test_shape_history_and_the_persons_files_are_kept(settings: Settings, tmp_path: Path) -> None:
    model = core.load(settings.model)
    before = tree(Path(settings.data).parent)
    events: list[dict] = []
    output = tmp_path / "tuned.pt"
    (folder := tmp_path / "job").mkdir()
    result = finetune(
        settings.model_copy(update={"baseline": True, "output": str(output)}),
        folder,
        emit=events.append,
    )
    json.dumps([events, result], allow_nan=False)
    assert tree(Path(settings.data).parent) == before
    assert result["parameters"] == parameters(model.model)
    for file in (output, folder / "best.pt", folder / "last.pt"):
        tuned = core.load(file)
        shapes = {name: t.shape for name, t in model.model.state_dict().items()}
        assert {name: t.shape for name, t in tuned.model.state_dict().items()} == shapes
        assert tuned.facts.history[0] == model.facts.history[0]
        assert tuned.facts.history[-1]["kind"] == "finetune"
        assert tuned.facts.history[-1]["original"] == model.facts.history[0]["original"]
    changed = weights(folder / "last.pt")
    assert any((changed[k] != v).any() for k, v in model.model.state_dict().items() if v.ndim == 4)
    kinds = [event["event"] for event in events if event["event"] != "progress"]
    assert kinds[:2] == ["started", "baseline"] and kinds.count("epoch") == 2
    assert events[0]["device"]["type"] == "cpu"
    assert {event["parameters"] for event in events if event["event"] == "epoch"} == {
        result["parameters"]
    }
    assert set(result["before"]) == set(result["after"]) == set(result["final"]) == {
        "map50_95", "map50", "precision", "recall",
    }  # fmt: skip


def test_stock_training_rebuilds_the_full_network(settings: Settings, tmp_path: Path) -> None:
    """What the README warns of, and the reason for this package."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", STOCK, settings.model, settings.data, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    before, after, ours = json.loads(done.stdout.strip().splitlines()[-1])
    assert not ours
    assert before == parameters(core.load(settings.model).model)
    assert after == parameters(untrained(TINY).model) > before


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"mosaic": 1.0, "close_mosaic": 1}},  # after it, pictures are as in the preset
        {"options": {"mosaic": 1.0}, "distill": "outputs"},
        {"preset": "sparse", "sparsity": 40.0, "sparsity_schedule": "rising"},
    ],
    ids=["mosaic that ends", "mosaic and teacher", "sparse"],
)
def test_resumed_equals_uninterrupted(
    settings: Settings, teacher: Path, tmp_path: Path, change: dict
) -> None:
    if "distill" in change:
        change["teacher"] = str(teacher)
    settings = settings.model_copy(update=change)
    (whole := tmp_path / "whole").mkdir()
    (broken := tmp_path / "broken").mkdir()
    finetune(settings, whole)
    events: list[dict] = []

    def check() -> None:
        if events and events[-1]["event"] == "epoch":
            raise CancelledError

    with pytest.raises(CancelledError):
        finetune(settings, broken, emit=events.append, check=check)
    assert (broken / "last.pt").exists() and (broken / "best.pt").exists()
    events.clear()
    finetune(settings, broken, emit=events.append, resume=True)
    assert events[0]["resumed_after"] == 1
    one, other = weights(whole / "last.pt"), weights(broken / "last.pt")
    assert all(torch.allclose(one[key], other[key], atol=1e-6) for key in one)


@pytest.mark.parametrize("optimizers", [("SGD", "AdamW"), ("AdamW", "SGD")])
def test_resumed_with_another_optimizer(
    settings: Settings, tmp_path: Path, optimizers: tuple[str, str]
) -> None:
    """As a job is that an older version began, whose preset had another."""
    began, goes_on = (
        settings.model_copy(update={"options": {"optimizer": name, "lr0": 0.001}})
        for name in optimizers
    )
    events: list[dict] = []

    def check() -> None:
        if events and events[-1]["event"] == "epoch":
            raise CancelledError

    with pytest.raises(CancelledError):
        finetune(began, tmp_path, emit=events.append, check=check)
    events.clear()
    finetune(goes_on, tmp_path, emit=events.append, resume=True)
    assert events[0]["resumed_after"] == 1
    (warned,) = (event for event in events if event["event"] == "warning")
    assert warned["message"].startswith("The optimizer starts without")
    assert all(t.isfinite().all() for t in weights(tmp_path / "last.pt").values())


def test_features_of_the_teacher(settings: Settings, teacher: Path, tmp_path: Path) -> None:
    update = {"teacher": str(teacher), "distill": "features", "epochs": 1}
    result = finetune(settings.model_copy(update=update), tmp_path)
    assert result["parameters"] == parameters(core.load(tmp_path / "last.pt").model)


def test_not_a_number_keeps_the_best(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [0]
    real = trainer.KeepsShape._batch_done

    def spoil(self: trainer.KeepsShape) -> None:
        batches[0] += 1
        if batches[0] == 3:
            self.loss = self.loss * float("nan")
        real(self)

    monkeypatch.setattr(trainer.KeepsShape, "_batch_done", spoil)
    with pytest.raises(UserError, match="became NaN or infinite in epoch 2"):
        finetune(settings, tmp_path)
    for file in ("best.pt", "last.pt"):
        assert all(t.isfinite().all() for t in weights(tmp_path / file).values())


class Scarce:
    """Memory that is not enough at one step."""

    def __init__(self, step: int) -> None:
        self.left = step

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_out_of_memory_in_the_first_epoch(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce = Scarce(2)

    def preprocess_batch(self: trainer.KeepsShape, batch: dict) -> dict:
        scarce()
        return self._stock.preprocess_batch(batch)

    monkeypatch.setattr(trainer.KeepsShape, "preprocess_batch", preprocess_batch, raising=False)
    events: list[dict] = []
    once = settings.model_copy(update={"epochs": 1})
    assert finetune(once, tmp_path, emit=events.append)["epochs"] == 1
    (told,) = [event for event in events if event["event"] == "out_of_memory"]
    assert (told["batch"], told["next_batch"]) == (2, 1)
    scarce.left = 1
    with pytest.raises(UserError, match="Out of memory"):
        finetune(once.model_copy(update={"smaller_batch": False}), tmp_path)


def test_out_of_memory_later_goes_on_from_the_last_epoch(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce = Scarce(3)
    real = trainer.KeepsShape._batch_done
    monkeypatch.setattr(trainer.KeepsShape, "_batch_done", lambda self: (scarce(), real(self)))
    events: list[dict] = []
    assert finetune(settings, tmp_path, emit=events.append)["epochs"] == 2
    assert [e["epoch"] for e in events if e["event"] == "epoch"] == [1, 2]
    assert [e["next_batch"] for e in events if e["event"] == "out_of_memory"] == [1]


def test_out_of_memory_while_measuring(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = Measurer.evaluate, []

    def evaluate(self: Measurer, *rest: object) -> object:
        asked.append(self._data.batch)
        if self._data.batch > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(self, *rest)

    monkeypatch.setattr(Measurer, "evaluate", evaluate)
    events: list[dict] = []
    change = {"epochs": 1, "baseline": True}
    finetune(settings.model_copy(update=change), tmp_path, emit=events.append)
    assert asked[:3] == [8, 4, 2]
    told = [e["text"] for e in events if e["event"] == "out_of_memory"]
    assert told[:2] == [
        "Out of memory with batch size 8 in validation; continuing with 4.",
        "Out of memory with batch size 4 in validation; continuing with 2.",
    ]
    monkeypatch.setattr(Measurer, "evaluate", lambda *rest: Scarce(1)())
    with pytest.raises(UserError, match="Out of memory with batch size 1; no epoch"):
        finetune(settings.model_copy(update=change), tmp_path / "other")


def test_out_of_memory_in_validation(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce, real = Scarce(2), trainer.KeepsShape.validate
    monkeypatch.setattr(trainer.KeepsShape, "validate", lambda self: (scarce(), real(self))[1])
    events: list[dict] = []
    assert finetune(settings, tmp_path, emit=events.append)["epochs"] == 2
    assert [e["epoch"] for e in events if e["event"] == "epoch"] == [1, 2]
    assert [e["next_batch"] for e in events if e["event"] == "out_of_memory"] == [1]


def test_images_taken_away(settings: Settings, tmp_path: Path) -> None:
    (folder := tmp_path / "job").mkdir()
    checks = [0]

    def take() -> None:
        checks[0] += 1
        if checks[0] == 2:  # the first epoch is over after this batch
            for image in (Path(settings.data).parent / "images" / "train").iterdir():
                image.unlink()

    with pytest.raises(UserError, match="is missing"):
        finetune(settings.model_copy(update={"batch": 1}), folder, check=take)
    assert not list(folder.glob("*.part"))


def test_full_disk_keeps_the_last_whole_state(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = [0]
    real = trainer.save

    def save(*args: object, **options: object) -> None:
        saves[0] += 1
        if saves[0] > 2:
            raise UserError("Could not write: no space left on device.")
        real(*args, **options)

    monkeypatch.setattr(trainer, "save", save)
    with pytest.raises(UserError, match="no space left"):
        finetune(settings, tmp_path)
    monkeypatch.undo()
    assert core.load(tmp_path / "last.pt") and core.load(tmp_path / "best.pt")
    assert finetune(settings, tmp_path, resume=True)["epochs"] == 2


def test_what_does_not_fit_is_refused_before_training(
    settings: Settings, teacher: Path, data: Path, tmp_path: Path
) -> None:
    def refused(match: str, **change: object) -> None:
        with pytest.raises(UserError, match=match):
            finetune(settings.model_copy(update=change), tmp_path)

    description = data.read_text()
    refused("no argument|no training argument", options={"lr": 1})
    refused("cannot be set", options={"model": "x"})
    if not torch.cuda.is_available():
        refused("torch finds no GPU", device="cuda")
        refused("torch finds no GPU", device="0,1")
    refused("no preset", preset="fast")
    data.write_text("train: images/train\nval: images/val\nnames: [a, b]\n")
    refused("has 2 classes and the model 80")
    data.write_text(description.replace("val: images/val", "other: images/val"))
    refused("no split “val”")
    data.write_text(description)
    for label in (data.parent / "labels" / "val").iterdir():
        label.unlink()
    refused("split “val” .* labelled object")
    for label in (data.parent / "labels" / "train").iterdir():
        label.unlink()
    refused("split “train” .* labelled object")


def test_a_teacher_of_another_task(settings: Settings, tmp_path: Path) -> None:
    update = {"teacher": "yolov8n-seg.yaml", "distill": "outputs"}
    with pytest.raises(UserError, match="task"):
        finetune(settings.model_copy(update=update), tmp_path)
