"""Fine-tuning on a real GPU: in every precision, with every teacher, when memory is short."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import core
from core.errors import CancelledError
from core.runs.folder import read_events, read_job, status_of
from core.system.program import own_environment
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.networks import parameters

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]


@pytest.mark.parametrize("distill", ["outputs", "features", "none"])
@pytest.mark.parametrize("amp", [False, True, "bf16"])
def test_on_a_gpu(
    amp: bool | str, distill: str, settings: Settings, teacher: Path, tmp_path: Path
) -> None:
    events: list[dict] = []
    change = {"device": "cuda:0", "teacher": str(teacher), "distill": distill, "epochs": 1}
    change |= {"options": {"amp": amp}}
    result = finetune(settings.model_copy(update=change), tmp_path, emit=events.append)
    assert events[0]["device"]["type"] == "cuda"
    assert all(e["memory"]["gpu"] > 0 for e in events if e["event"] == "epoch")
    best = core.load(tmp_path / "best.pt").model
    assert result["parameters"] == parameters(best)
    assert all(torch.isfinite(tensor).all() for tensor in best.state_dict().values())


def test_a_smaller_batch_when_the_gpus_memory_is_short(settings: Settings, tmp_path: Path) -> None:
    torch.cuda.empty_cache()
    everything = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(600e6 / everything)
    events: list[dict] = []
    change = {"device": "cuda:0", "epochs": 1, "batch": 4, "image_size": 640}
    try:
        finetune(settings.model_copy(update=change), tmp_path, emit=events.append)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    tried = [event["next_batch"] for event in events if event["event"] == "out_of_memory"]
    assert tried in ([2], [2, 1])
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1]


def test_going_on_gives_what_an_uninterrupted_run_gives(settings: Settings, tmp_path: Path) -> None:
    wanted = settings.model_copy(update={"device": "cuda:0", "epochs": 2})
    (whole := tmp_path / "whole").mkdir()
    (parts := tmp_path / "parts").mkdir()
    finetune(wanted, whole)
    ended: list[int] = []

    def emit(event: dict) -> None:
        if event["event"] == "epoch":
            ended.append(event["epoch"])

    def check() -> None:
        if ended == [1]:
            raise CancelledError

    with pytest.raises(CancelledError):
        finetune(wanted, parts, emit=emit, check=check)
    assert finetune(wanted, parts, resume=True)["epochs"] == 2
    one, two = (core.load(folder / "last.pt").model.state_dict() for folder in (whole, parts))
    for name in one:
        torch.testing.assert_close(two[name].float(), one[name].float(), rtol=1e-2, atol=1e-3)


def command(settings: Settings, folder: Path, *more: str) -> list[str]:
    words = ["finetune", settings.model, "--data", settings.data, "--device", "cuda:0"]
    words += ["--epochs", "1", "--batch", "2", "--image-size", "64", "--no-baseline"]
    return [sys.executable, "-m", "core.cli", *words, "--folder", str(folder), *more]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, env=own_environment(), capture_output=True, text=True, check=False
    )


def test_two_processes_share_a_gpu(settings: Settings, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(lambda folder: run(*command(settings, folder)), folders):
            assert done.returncode == 0, done.stderr
    for folder in folders:
        assert read_events(folder)[0][-1]["event"] == "done"
        best = core.load(folder / "best.pt").model
        assert parameters(best) == parameters(core.load(settings.model).model)
        assert all(torch.isfinite(tensor).all() for tensor in best.state_dict().values())


def test_queued_jobs_take_turns_on_a_gpu(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        done = run(*command(settings, folder, "--queue"))
        assert done.returncode == 0, done.stderr
    until = time.monotonic() + 120
    while any(status_of(read_job(folder)) != "done" for folder in folders):
        assert time.monotonic() < until, [read_job(folder) for folder in folders]
        time.sleep(0.2)
    one, other = ([event["time"] for event in read_events(folder)[0]] for folder in folders)
    assert one[-1] <= other[0]
