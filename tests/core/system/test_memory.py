"""Memory that runs out is one sentence, wherever it happens; a ranking takes smaller batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import core
from core.checkpoint import load
from core.cli.main import main
from core.cluster.tasks import perform
from core.data.stream import DataSettings, Stream
from core.engine.server import Engine
from core.progress import silent
from core.pruning.criteria import score_atoms
from core.runs.folder import create_job
from core.runs.kinds import KINDS
from core.runs.run import LOG, run_job
from core.system.memory import is_out_of_memory, memory_short
from tests.core.images import make_dataset
from tests.core.networks import live_file

GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
SHORT = {
    "the GPU": GPU,
    "cuDNN": RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "MPS": RuntimeError("MPS backend out of memory (MPS allocated: 6 GB)"),
    "the processor": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried "
        "to allocate 1099511627776 bytes."
    ),
    "numpy": np._core._exceptions._ArrayMemoryError((1 << 50,), np.dtype("u1")),
    "Python": MemoryError(),
    "ONNX Runtime": RuntimeError("Failed to allocate memory for requested buffer of size 1024"),
}


@pytest.mark.parametrize("error", SHORT.values(), ids=list(SHORT))
def test_it_is_told_from_other_errors(error: Exception) -> None:
    assert is_out_of_memory(error)
    said = memory_short(error)
    assert ("GPU" in said.message) == (error in (GPU, SHORT["cuDNN"], SHORT["MPS"]))
    assert not is_out_of_memory(RuntimeError("Given groups=1, expected 3 channels"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live_file(tmp_path_factory.mktemp("memory") / "live.pt")


@pytest.fixture(scope="module")
def data(model: Path, tmp_path_factory: pytest.TempPathFactory) -> DataSettings:
    classes = load(model).facts.classes
    path = make_dataset(tmp_path_factory.mktemp("memory") / "data", classes, images=6, side=64)
    return DataSettings(path, images=6, image_size=64, device="cpu")


@pytest.mark.parametrize("error", [GPU, SHORT["the processor"], MemoryError()])
def test_a_command_says_what_to_do(
    error: Exception, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("core.cli.main._run", none_left)
    assert main(["inspect", str(model), "--no-cache"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(memory_short(error)) in said
    assert "report" not in said


def limited(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """No more than so many images at once fit from now on; returns the batches that are tried."""
    tried: list[int] = []
    batches = Stream.batches

    def short(stream: Stream, size: int | None = None, numbers: range | None = None):
        for batch in batches(stream, size, numbers):
            tried.append(len(batch["img"]))
            if tried[-1] > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            yield batch

    monkeypatch.setattr(Stream, "batches", short)
    return tried


@pytest.mark.parametrize("criterion", ["fisher", "activation", "hessian"])
@pytest.mark.parametrize("most", [1, 2])
def test_a_ranking_takes_smaller_batches(
    criterion: str, most: int, model: Path, data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(model)
    table, facts = core.analyse(loaded).table, loaded.facts

    def scores() -> np.ndarray:
        stream = Stream(data, facts.task, facts.classes)
        return score_atoms(loaded.model, table, criterion, 0, stream)

    whole = scores()
    tried = limited(monkeypatch, most)
    np.testing.assert_allclose(scores(), whole, rtol=1e-3)
    assert tried[-1] <= most
    assert sum(n for n in tried if n <= most) >= len(Stream(data, facts.task, facts.classes))


@pytest.mark.parametrize(("criterion", "most"), [("fisher", 0), ("taylor", 3)])
def test_a_ranking_that_cannot_take_less_ends(
    criterion: str, most: int, model: Path, data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(model)
    table, facts = core.analyse(loaded).table, loaded.facts
    tried = limited(monkeypatch, most)
    with pytest.raises(torch.OutOfMemoryError):
        stream = Stream(data, facts.task, facts.classes)
        score_atoms(loaded.model, table, criterion, 0, stream)
    assert tried == ([6, 3, 1] if criterion == "fisher" else [6])


class Sent:
    """A line of the engine that keeps what is sent."""

    def __init__(self) -> None:
        self.events: list[dict] = []

    def send(self, event: dict) -> None:
        self.events.append(event)


@pytest.mark.parametrize("error", SHORT.values(), ids=list(SHORT))
def test_the_engine_says_what_to_do(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise error

    monkeypatch.setattr("core.engine.server.find_task", lambda _: none_left)
    sent = Sent()
    Engine(sent)._run({"id": 1, "task": "suggest"})
    failed, said = sent.events[-1], memory_short(error)
    assert (failed["event"], failed["message"], failed["hint"]) == (
        "failed",
        said.message,
        said.hint,
    )
    assert not failed["bug"]
    assert "trace" not in failed
    assert type(error).__name__ in Path(failed["log"]).read_text()


@pytest.mark.parametrize("error", [GPU, MemoryError()])
def test_a_clusters_worker_says_what_to_do(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise error

    monkeypatch.setattr("core.engine.tasks.find_task", lambda _: none_left)
    (failed,) = perform("rank_batches", {}, silent)
    assert (failed["event"], failed["message"]) == ("failed", memory_short(error).message)


@pytest.mark.parametrize("error", [GPU, MemoryError()])
def test_a_job_says_what_to_do(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise error

    folder = create_job("finetune", {}, {}, folder=tmp_path / "job")
    kinds = {"finetune": replace(KINDS["finetune"], run=none_left, inputs=())}
    monkeypatch.setattr("core.runs.run.KINDS", kinds)
    failed = run_job(folder)
    assert (failed["event"], failed["bug"]) == ("failed", False)
    assert failed["hint"] == memory_short(error).hint
    assert type(error).__name__ in (folder / LOG).read_text()
