"""One process a job, whatever the clock says: the lock is the process's life."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pydantic import BaseModel

from core.cli.main import main
from core.errors import UserError
from core.runs import queue
from core.runs.folder import (
    JOB,
    amend_job,
    create_job,
    limit_batch,
    read_job,
    status_of,
    write_job,
)
from core.runs.kinds import KINDS, JobKind
from core.runs.life import RUNNING, this_process
from core.runs.run import check_startable, run_job
from core.system.locks import is_taken, take

STEPS = (3.0, 3600.0, -3600.0, 86400.0 * 400, -0.5)
"""Seconds by which the clock is set while a job runs."""
PATIENCE = 60.0

HOLDER = """
import os, sys, time
from pathlib import Path
from pydantic import BaseModel
from core.runs.kinds import KINDS, JobKind
from core.runs.run import run_job

class Settings(BaseModel):
    model: str = ""

def run(arguments, folder, emit, check):
    if arguments["model"] == "fork":
        ready, lives = os.pipe()
        if not (child := os.fork()):
            os.write(lives, b".")  # it has let go by now
            time.sleep(60)
            os._exit(0)
        os.read(ready, 1)
        print(child, flush=True)
    print("runs", flush=True)
    for _ in range(6000):
        check()
        time.sleep(0.01)
    return {}

KINDS.register("hold", JobKind("holding", "Hold", "", Settings.model_validate, run))
run_job(Path(sys.argv[1]))
"""


class Settings(BaseModel):
    model: str = ""


@pytest.fixture(autouse=True)
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    KINDS.register(
        "hold", JobKind("holding", "Hold", "", Settings.model_validate, lambda *_: {"output": "x"})
    )
    yield
    KINDS.remove("hold")


@pytest.fixture
def start() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Run a job in a process of its own, until the test ends."""
    started: list[subprocess.Popen[str]] = []

    def begin(folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        while (line := process.stdout.readline().strip()) != "runs":
            assert process.poll() is None
            process.child = int(line)
        return process

    yield begin
    for process in started:
        process.kill()
        if child := getattr(process, "child", 0):
            os.kill(child, signal.SIGKILL)
        process.communicate()


def make(folder: Path, model: str = "") -> Path:
    return create_job("hold", {"model": model}, {}, folder=folder)


def set_clock(seconds: float, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step of the clock changes for those who look: now, when processes began, files."""
    real, began = time.time, psutil.Process.create_time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: began(self) + seconds)
    for path in folder.rglob("*"):
        os.utime(path, (real() - seconds,) * 2)


@pytest.mark.parametrize("seconds", STEPS)
def test_a_job_that_runs_is_never_started_again(seconds, start, tmp_path, monkeypatch, capsys):
    folder = make(tmp_path / "job")
    process = start(folder)
    set_clock(seconds, folder, monkeypatch)
    assert status_of(read_job(folder)) == "running"
    with pytest.raises(UserError, match="already running"):
        run_job(folder)
    for words in (["resume"], ["run"], ["resume", "--detach"], ["queue"], ["first"]):
        assert main(["jobs", words[0], str(folder), *words[1:]]) == 1
        told = capsys.readouterr().err
        assert "is already running" in told and len(told.splitlines()) == 1
    with pytest.raises(UserError, match="running"):
        limit_batch(folder, 1)
    assert not amend_job(folder, state="cancelled")
    assert queue.go_on(lambda place: pytest.fail(f"{place} was started again")) == []
    process.kill()
    process.wait()
    assert status_of(read_job(folder)) == "interrupted"  # at once
    assert run_job(folder)["event"] == "done"


def test_who_is_killed_lets_go_though_a_child_lives_on(start, tmp_path):
    folder = make(tmp_path / "job", "fork")
    process = start(folder)
    assert process.child and is_taken(folder / RUNNING)
    process.kill()
    process.wait()
    assert psutil.pid_exists(process.child) and is_taken(folder / RUNNING) is False
    assert run_job(folder)["event"] == "done"


def test_a_refused_start_lets_nothing_else_start(start, tmp_path, monkeypatch):
    folder, waiting = make(tmp_path / "job"), make(tmp_path / "waiting")
    queue.note(folder)
    process = start(folder)
    queue.add(waiting)
    monkeypatch.setattr(queue.go_on, "__defaults__", (lambda _: pytest.fail("started"), None))
    assert main(["jobs", "resume", str(folder)]) == 1
    assert main(["jobs", "run", str(folder)]) == 1
    assert status_of(read_job(folder)) == "running" and queue.read_queue().place(waiting) == 1
    process.kill()
    process.wait()
    started = []
    assert queue.go_on(started.append) == [waiting] == started


def test_a_copy_of_a_folder_that_runs_does_not_run(start, tmp_path):
    folder = make(tmp_path / "job")
    start(folder)
    other = tmp_path / "copy"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert status_of(read_job(other)) == "interrupted"
    assert status_of(read_job(folder)) == "running"


def test_two_in_one_process_are_two_as_well(tmp_path):
    folder = make(tmp_path / "job")
    seen: list[str] = []

    def again(_arguments, folder, _emit, _check):
        with pytest.raises(UserError, match="already running"):
            run_job(folder)
        seen.append(status_of(read_job(folder)))
        return {"output": "x"}

    KINDS.remove("hold")
    KINDS.register("hold", JobKind("holding", "Hold", "", Settings.model_validate, again))
    assert run_job(folder)["event"] == "done" and seen == ["running"]
    assert is_taken(folder / RUNNING) is False


# ---- version 0.1, which held no lock ---------------------------------------------------------


def of_version_1(folder: Path, process: dict[str, float]) -> Path:
    (folder / "claim.lock").touch()
    data = json.loads((folder / JOB).read_text())
    (folder / JOB).write_text(json.dumps({**data, "state": "running", "process": process}))
    return folder


OLD = "import sys, time; print(flush=True); time.sleep(60)"


@pytest.mark.parametrize("named", [lambda f: ["jobs", "run", str(f)], lambda f: [str(f)]])
def test_a_job_that_version_1_runs_is_left_alone(named, tmp_path, monkeypatch):
    folder = make(tmp_path / "job")
    command = [sys.executable, "-c", OLD, "secateur", *named(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        began = psutil.Process(process.pid).create_time()
        of_version_1(folder, {"pid": process.pid, "started": began})
        for seconds in (0.0, 3.0, 3600.0, -3600.0):
            with monkeypatch.context() as patch:
                set_clock(seconds, folder, patch)
                with pytest.raises(UserError, match="already running"):
                    run_job(folder)
        assert not (folder / RUNNING).exists()
        process.kill()
    assert status_of(read_job(folder)) == "interrupted"
    assert run_job(folder)["event"] == "done"


@pytest.mark.parametrize("process", [{"pid": 1, "started": 5.0}, {"pid": 2**22 + 1, "started": 1}])
def test_a_job_that_version_1_left_can_go_on(process, tmp_path):
    folder = of_version_1(make(tmp_path / "job"), process)
    assert status_of(read_job(folder)) == "interrupted"
    check_startable(read_job(folder))
    assert run_job(folder)["event"] == "done"


# ---- places that do not lock -----------------------------------------------------------------


def test_where_files_cannot_be_locked_the_process_is_looked_at(tmp_path, monkeypatch):
    def refuse(*_args, **_more):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("filelock.lock_descriptor", refuse)
    monkeypatch.setattr("fcntl.flock", refuse)
    folder = make(tmp_path / "job")
    running = {"state": "running", "process": this_process()}
    (folder / RUNNING).touch()
    write_job(folder, read_job(folder).model_copy(update=running))
    assert is_taken(folder / RUNNING) is None
    with pytest.raises(UserError, match="already running"):
        run_job(folder)
    gone = running["process"].model_copy(update={"started": 1.0})
    write_job(folder, read_job(folder).model_copy(update={"process": gone}))
    assert run_job(folder)["event"] == "done"


def test_a_lock_that_is_no_plain_file_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "link").symlink_to(victim)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        assert is_taken(tmp_path / name) is None
        with pytest.raises(OSError):
            take(tmp_path / name)
    assert victim.read_text() == "kept"


def test_a_lock_whose_file_was_swept_is_taken_again(tmp_path):
    path = tmp_path / "lock"
    first = take(path)
    assert first is not None and first.fresh and is_taken(path)
    assert take(path, 0.0) is None
    path.unlink()
    with take(path) as second:
        assert second.fresh and is_taken(path)
        first.close()
        assert is_taken(path)
    with take(path) as third:
        assert not third.fresh
    assert is_taken(path) is False
