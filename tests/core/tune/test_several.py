"""Several GPUs: processes that torchrun starts, here two on the CPU; and when they are refused."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
import torch

import core
from core.errors import CancelledError, UserError
from core.system.locks import is_taken, take
from core.tune import device, run, several
from core.tune.measure import Measurer
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.networks import parameters


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices, for all but the processes themselves."""
    real = Measurer.__init__

    def init(self: Measurer, *given: object) -> None:
        real(self, *given)
        assert self._data.device == "cuda:0"
        self._data = dataclasses.replace(self._data, device="cpu")

    monkeypatch.setattr(several, "WORKER", "tests.core.tune.on_cpus")
    monkeypatch.setattr(run, "choose_device", lambda wanted: ("0,1", {"type": "cuda", "name": "2"}))
    monkeypatch.setattr(Measurer, "__init__", init)


def test_shape_is_kept_and_a_cancelled_training_goes_on(
    two: None, settings: Settings, teacher: Path, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"teacher": str(teacher)})
    events: list[dict] = []

    def check() -> None:
        if events and events[-1]["event"] == "epoch":
            held.extend(is_taken(tmp_path / "work" / f"rank-{rank}.lock") for rank in (0, 1))
            raise CancelledError

    held: list[bool | None] = []
    with pytest.raises(CancelledError):
        finetune(settings, tmp_path, emit=events.append, check=check)
    assert held == [True, True]
    told = [event for event in events if event["event"] == "epoch"]
    assert [event["epoch"] for event in told] == [1]  # one process tells, not both
    result = finetune(settings, tmp_path, emit=events.append, resume=True)
    assert [e["resumed_after"] for e in events if e["event"] == "started"] == [None, 1]
    assert result["epochs"] == 2
    small = core.load(settings.model)
    for name in ("best.pt", "last.pt"):
        tuned = core.load(tmp_path / name)
        assert parameters(tuned.model) == result["parameters"] == parameters(small.model)
        before, after = small.model.state_dict(), tuned.model.state_dict()
        assert {k: v.shape for k, v in after.items()} == {k: v.shape for k, v in before.items()}
    assert any((after[k] != v).any() for k, v in before.items() if v.ndim == 4)


def test_an_earlier_training_that_lives_on_is_waited_for(tmp_path: Path) -> None:
    several.await_earlier(tmp_path)
    with take(tmp_path / several.LIFE.format(1)), pytest.raises(UserError, match="still write"):
        several.await_earlier(tmp_path, 0.3)
    several.await_earlier(tmp_path)


def test_what_goes_wrong_in_a_process(
    two: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LARGEST_BATCH", "2")
    events: list[dict] = []
    once = settings.model_copy(update={"epochs": 1, "batch": 4})
    (first := tmp_path / "first").mkdir()
    assert finetune(once, first, emit=events.append)["epochs"] == 1
    told = [(e["batch"], e["next_batch"]) for e in events if e["event"] == "out_of_memory"]
    assert told == [(4, 2)]
    monkeypatch.setenv("LARGEST_BATCH", "1")
    (second := tmp_path / "second").mkdir()
    with pytest.raises(UserError, match="Out of memory with batch size 2"):
        finetune(once.model_copy(update={"batch": 2}), second)


def test_images_taken_away(two: None, settings: Settings, tmp_path: Path) -> None:
    def emit(event: dict) -> None:
        if event["event"] == "epoch":
            for image in (Path(settings.data).parent / "images" / "train").iterdir():
                image.unlink()

    with pytest.raises(UserError, match="is missing"):
        finetune(settings, tmp_path, emit=emit)
    assert core.load(tmp_path / "best.pt") and core.load(tmp_path / "last.pt")


def test_a_batch_that_cannot_be_divided(two: None, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="batch size of 3 cannot be divided among 2 GPUs"):
        finetune(settings.model_copy(update={"batch": 3}), tmp_path)


def test_the_command_starts_our_process_and_not_ultralytics(tmp_path: Path) -> None:
    command = several.command(2, tmp_path / "spec.json")
    assert command[:5] == [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    assert command[-3:] == ["-m", "core.tune.worker", str(tmp_path / "spec.json")]


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(wanted: str, words: str) -> None:
        with pytest.raises(UserError, match=words):
            device.choose_device(wanted)

    cuda = torch.cuda
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    refused("0,1", "“0,1” was selected, but torch finds no GPU")
    refused("all", "torch finds no GPU")
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "device_count", lambda: 2)
    monkeypatch.setattr(cuda, "get_device_name", lambda number: f"GPU {number}")
    assert device.choose_device("cuda:0, 1")[0] == device.choose_device("all")[0] == "0,1"
    assert device.choose_device("0,1")[1]["name"] == "GPU 0 + GPU 1"
    assert device.choose_device("cuda")[0] == "0"
    refused("0,2", "no GPU number 2: torch finds 2")
    refused("0,0", "no device “0,0”")
    refused("0,cpu", "no device “0,cpu”")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    refused("0,1", "packaged program trains on one GPU at a time")
    assert device.choose_device("1")[0] == "1"


def test_both_processes_pull_the_same_scales(two: None, settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"preset": "sparse", "sparsity": 200.0})
    told = finetune(settings, tmp_path)["sparsity"]
    assert told["after"] > told["before"] + 0.5
