"""One training on two computers: here two launchers of torchrun that meet on the loopback."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import core
from core.cli.main import main
from core.errors import CancelledError, UserError
from core.runs.folder import create_job
from core.runs.run import follow_job
from core.tune import nodes, run, several
from core.tune.measure import Measurer
from core.tune.nodes import SPEC, Nodes, among, follow
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.networks import parameters

ONE_GPU = ("0", {"type": "cuda", "name": "1"})


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device in every computer, for all but the processes themselves."""
    real = Measurer.__init__

    def init(self: Measurer, *given: object) -> None:
        real(self, *given)
        self._data = dataclasses.replace(self._data, device="cpu")

    monkeypatch.setattr(several, "WORKER", "tests.core.tune.on_cpus")
    monkeypatch.setattr(run, "choose_device", lambda wanted: ONE_GPU)
    monkeypatch.setattr(several, "choose_device", lambda wanted: ONE_GPU)
    monkeypatch.setattr(Measurer, "__init__", init)


class Second(threading.Thread):
    """The second computer, from before the first one begins until the training is over."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(daemon=True)
        self.folder, self.port, self.over = folder, port, threading.Event()
        self.starts = 0

    def run(self) -> None:
        def goes_on() -> bool:
            return not self.over.is_set()

        real = several.command

        def counted(processes: int, spec: Path) -> list[str]:
            self.starts += nodes.nodes().rank == 1
            return real(processes, spec)

        several.command = counted
        try:
            with among(Nodes(2, 1, "127.0.0.1", self.port)):
                several.take_part(self.folder, goes_on)
        finally:
            several.command = real


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def second(alike: None, port: int, tmp_path: Path) -> Iterator[Second]:
    thread = Second(tmp_path, port)
    thread.start()
    yield thread
    thread.over.set()
    thread.join(60)
    assert not thread.is_alive()


def test_two_computers_train_one_network_and_continue(
    second: Second, port: int, settings: Settings, tmp_path: Path
) -> None:
    events: list[dict] = []

    def check() -> None:
        if events and events[-1]["event"] == "epoch":
            raise CancelledError

    with among(Nodes(2, 0, "127.0.0.1", port)):
        with pytest.raises(CancelledError):
            finetune(settings, tmp_path, emit=events.append, check=check)
        assert not (tmp_path / "work" / SPEC).exists()
        result = finetune(settings, tmp_path, emit=events.append, resume=True)
    assert [e["resumed_after"] for e in events if e["event"] == "started"] == [None, 1]
    assert [e["epoch"] for e in events if e["event"] == "epoch"] == [1, 2]  # the first one tells
    assert result["epochs"] == 2 and second.starts == 2
    small = core.load(settings.model)
    tuned = core.load(tmp_path / "best.pt")
    assert parameters(tuned.model) == result["parameters"] == parameters(small.model)


def test_a_batch_is_for_all_of_them(alike: None, settings: Settings, tmp_path: Path) -> None:
    with (
        among(Nodes(2, 0, "127.0.0.1", 29_500)),
        pytest.raises(UserError, match="batch size of 3 cannot be divided among 2 GPUs"),
    ):
        finetune(settings.model_copy(update={"batch": 3}), tmp_path)


def test_without_a_gpu_it_is_refused(settings: Settings, tmp_path: Path) -> None:
    with among(Nodes(2, 0)), pytest.raises(UserError, match="train on GPUs, and the device is cpu"):
        finetune(settings.model_copy(update={"device": "cpu"}), tmp_path)


def test_the_command_is_that_of_torchrun(tmp_path: Path) -> None:
    with among(Nodes(3, 2, "node0", 29_501)):
        words = several.command(4, tmp_path / SPEC)
    told = dict(zip(words[3:13:2], words[4:13:2], strict=True))
    assert told == {
        "--nproc_per_node": "4", "--nnodes": "3", "--node_rank": "2", "--master_addr": "node0",
        "--master_port": "29501",
    }  # fmt: skip


def test_the_first_one_never_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nodes, "PATIENCE_S", 0.1)
    monkeypatch.setattr(nodes, "LOOK_S", 0.05)
    with pytest.raises(UserError, match="The first of 2 nodes did not begin"):
        follow(tmp_path, Nodes(2, 1), lambda spec: 0, lambda: True)


def test_each_start_is_followed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After memory ran short, the first computer starts again with a smaller batch."""
    monkeypatch.setattr(nodes, "LOOK_S", 0.01)
    began: list[str] = []

    def start(spec: Path) -> int:
        began.append(spec.read_text())
        spec.write_text(f'{{"token": "{len(began)}"}}')
        return 1

    (tmp_path / SPEC).write_text('{"token": "0"}')
    end = time.monotonic() + 60
    follow(tmp_path, Nodes(2, 1), start, lambda: len(began) < 3 and time.monotonic() < end)
    assert [text[11] for text in began] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--nnodes", "2", "--node-rank", "2"], "none has the number 2"),
        (["--nnodes", "2", "--node-rank", "-1"], "none has the number -1"),
        (["--node-rank", "1"], "none has the number 1"),
        (["--nnodes", "2", "--master-addr", "a b"], "is not an address"),
        (["--nnodes", "2", "--master-addr=-x"], "is not an address"),
        (["--nnodes", "2", "--master-port", "70000"], "is not an address"),
    ],
)
def test_numbers_that_do_not_fit(
    words: list[str], told: str, settings: Settings, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = create_job("finetune", settings.model_dump(mode="json"), {}, tmp_path)
    assert main(["jobs", "run", str(folder), *words]) == 1
    assert told in capsys.readouterr().err


def test_only_a_training_runs_on_several(settings: Settings, tmp_path: Path) -> None:
    folder = create_job("iterative", {"model": settings.model}, {}, tmp_path)
    with among(Nodes(2, 1)), pytest.raises(UserError, match="One computer runs"):
        follow_job(folder)
