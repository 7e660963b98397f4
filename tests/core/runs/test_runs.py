"""A job's folder tells all: through a kill, a pause, a cancel, and files cut short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

import core
from core.cli.commands.jobs import summary
from core.errors import UserError
from core.runs.folder import (
    CONTROL,
    EVENTS,
    JOB,
    create_job,
    list_jobs,
    read_events,
    read_job,
    status_of,
    tell,
    write_job,
)
from core.runs.launch import launch
from core.runs.run import TERMINAL, EventLog, run_job
from core.tune.settings import Settings

PATIENCE = 240.0


def make(settings: Settings, folder: Path) -> Path:
    arguments = settings.model_dump(mode="json")
    return create_job("finetune", arguments, {"model": settings.model}, folder=folder)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return core.load(path).model.state_dict()


def test_killed_and_resumed_equals_uninterrupted(
    settings: Settings, tmp_path: Path, whole: Path
) -> None:
    killed = make(settings, tmp_path / "killed")
    pid = launch(killed)
    until = time.monotonic() + PATIENCE
    while not any(event["event"] == "epoch" for event in read_events(killed)[0]):
        assert psutil.pid_exists(pid) and time.monotonic() < until, (killed / "log.txt").read_text()
        time.sleep(0.02)
    assert status_of(read_job(killed)) == "running"
    with pytest.raises(UserError, match="is already running"):
        run_job(killed)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert status_of(read_job(killed)) == "interrupted"
    assert run_job(killed)["event"] == "done"
    one, other = weights(whole / "last.pt"), weights(killed / "last.pt")
    assert all(torch.allclose(one[key], other[key], atol=1e-6) for key in one)
    assert not list(killed.glob(".*.part")) or core.load(killed / "best.pt")
    events, _ = read_events(killed)
    assert [event["event"] for event in events if event["event"] in TERMINAL] == ["done"]
    assert [event["event"] for event in events].count("started") == 2


def test_pause_then_cancel_then_resume(settings: Settings, tmp_path: Path) -> None:
    folder = make(settings, tmp_path / "job")
    heard: list[str] = []

    def listener(event: dict) -> None:
        heard.append(event["event"])
        if event["event"] == "epoch":
            tell(folder, "pause")
        if event["event"] == "paused":
            assert status_of(read_job(folder)) == "paused"
            tell(folder, "cancel")

    assert run_job(folder, listener)["event"] == "cancelled"
    assert heard[-2:] == ["paused", "cancelled"]
    assert status_of(read_job(folder)) == "cancelled"
    assert core.load(folder / "best.pt") and core.load(folder / "last.pt")
    assert run_job(folder)["event"] == "done"
    with pytest.raises(UserError, match="is done"):
        run_job(folder)
    assert summary(folder)["result"]["epochs"] == 2


def test_a_failure_is_one_event_and_a_message(settings: Settings, tmp_path: Path) -> None:
    folder = make(settings.model_copy(update={"preset": "none"}), tmp_path / "job")
    event = run_job(folder)
    assert (event["event"], event["bug"]) == ("failed", False)
    assert read_job(folder).message == event["message"]
    assert [e["event"] for e in read_events(folder)[0]] == ["failed"]


def test_a_line_cut_short_is_skipped(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log({"event": "one"})
    log.close()
    with (tmp_path / EVENTS).open("ab") as stream:
        stream.write(b'{"event": "ba')
    assert [event["event"] for event in read_events(tmp_path)[0]] == ["one"]
    again = EventLog(tmp_path)
    again({"event": "two"})
    again.close()
    events, offset = read_events(tmp_path)
    assert [event["event"] for event in events] == ["one", "two"]
    assert read_events(tmp_path, offset) == ([], offset)


def test_a_replaced_model_is_refused(settings: Settings, tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(Path(settings.model).read_bytes())
    folder = make(settings.model_copy(update={"model": str(model)}), tmp_path / "job")
    model.write_bytes(b"another")
    with pytest.raises(UserError, match="replaced"):
        run_job(folder)
    assert read_job(folder).state == "ready"


CLAIMANT = """
import contextlib, sys, time
from pathlib import Path
from core.errors import UserError
from core.runs import run
real = run.write_job
run.write_job = lambda *rest: (time.sleep(0.2), real(*rest))  # leave others time to look
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
life = contextlib.ExitStack()
try:
    run._claim(folder, life)
except UserError as error:
    print(error.message, flush=True)
else:
    print("mine", flush=True)
sys.stdin.readline()
"""


def test_of_many_that_start_a_job_at_once_one_runs_it(settings: Settings, tmp_path: Path) -> None:
    folder = make(settings, tmp_path / "job")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", CLAIMANT, str(folder)]
    started = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for word in ("ready", None):
        said = [process.stdout.readline().strip() for process in started]
        assert word is None or said == [word] * 3
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
    for process in started:
        process.communicate()
    assert sorted(said) == ["The job job is already running."] * 2 + ["mine"]


def test_folders_of_others(settings: Settings, tmp_path: Path) -> None:
    folder = make(settings, tmp_path / "a")
    with pytest.raises(UserError, match="already contains a job"):
        make(settings, folder)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / JOB).write_text('{"version": 9}')
    with pytest.raises(UserError, match="newer"):
        read_job(tmp_path / "b")
    (tmp_path / "b" / JOB).write_text('{"vers')
    with pytest.raises(UserError, match="damaged"):
        read_job(tmp_path / "b")
    assert set(list_jobs(tmp_path)) == {folder, tmp_path / "b"}


SAMPLE_1 = {
    "version": 1, "id": "finetune-1", "kind": "finetune", "arguments": {"model": "a.pt"},
    "hashes": {"model": "0"}, "state": "running", "process": {"pid": 1, "started": 5.0},
    "created": "2026-11-25T10:00:00+00:00", "changed": "2026-11-25T10:00:00+00:00",
    "message": "", "hint": "", "result": None,
}  # fmt: skip


def test_a_job_of_version_1_stays_readable(tmp_path: Path) -> None:
    (tmp_path / JOB).write_text(json.dumps(SAMPLE_1))
    job = read_job(tmp_path)
    # Process 1 runs, but it began at another time: it is not the job's.
    assert status_of(job) == "interrupted"
    write_job(tmp_path, job)
    assert read_job(tmp_path).id == "finetune-1"


def test_control_is_whole_words(tmp_path: Path) -> None:
    tell(tmp_path, "pause")
    assert (tmp_path / CONTROL).read_text() == "pause"
    assert list(tmp_path.iterdir()) == [tmp_path / CONTROL]
