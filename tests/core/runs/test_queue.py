"""Jobs wait for their device, in an order that can be changed, and start automatically."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from core.cli.commands.jobs import line_of
from core.errors import UserError
from core.runs import queue
from core.runs.folder import (
    Process,
    create_job,
    read_events,
    read_job,
    status_of,
    write_job,
)
from core.runs.life import this_process
from core.runs.listing import entries, entry_of, figures_of
from core.runs.queue import Queue, devices_of, go_on, queue_file, read_queue
from core.system.program import own_environment
from core.tune.settings import Settings
from tests.core.warm import Warm

PATIENCE = 300.0


@pytest.fixture(autouse=True)
def own_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


class Started:
    """Stands in a process's place: the job it starts runs, by this process, until it is ended."""

    def __init__(self) -> None:
        self.folders: list[Path] = []

    def __call__(self, folder: Path) -> int:
        self.folders.append(Path(folder))
        set_state(folder, "running")
        return 1

    @property
    def names(self) -> list[str]:
        return [folder.name for folder in self.folders]


def set_state(folder: Path, state: str, process: Process | None = None) -> None:
    change = {"state": state, "process": process or this_process()}
    write_job(Path(folder), read_job(folder).model_copy(update=change))


def make(place: Path, name: str, device: str = "cpu", kind: str = "finetune") -> Path:
    arguments = {"model": f"{name}.pt", "device": device}
    if kind == "iterative":
        arguments = {"model": f"{name}.pt", "tune": {"device": device}}
    return create_job(kind, arguments, {}, folder=place / name)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three jobs that wait, two of them next to a project."""
    folders = [make(tmp_path / place, name) for place, name in (("p", "a"), ("p", "b"), ("q", "c"))]
    for folder in folders:
        queue.add(folder)
    return folders


def test_one_runs_at_a_time_in_order_and_the_rest_wait(three: list[Path]) -> None:
    started = Started()
    assert go_on(started) == [three[0]]
    assert go_on(started) == []
    assert [read_queue().place(folder) for folder in three] == [0, 1, 2]
    set_state(three[0], "done")
    assert go_on(started) == [three[1]]
    set_state(three[1], "failed")
    assert go_on(started) == [three[2]]
    assert started.folders == three
    assert read_queue() == Queue([], [str(three[2])])


def test_a_paused_job_keeps_its_device_and_one_that_was_killed_does_not(three: list[Path]) -> None:
    go_on(Started())
    set_state(three[0], "paused")
    assert go_on(Started()) == []
    set_state(three[0], "running", this_process().model_copy(update={"started": 1.0}))
    assert status_of(read_job(three[0])) == "interrupted"
    assert go_on(Started()) == [three[1]]


def test_the_process_that_ends_counts_as_over(three: list[Path]) -> None:
    go_on(Started())
    assert go_on(Started(), ended=three[0]) == [three[1]]


def test_order_can_be_changed_and_jobs_taken_out(three: list[Path]) -> None:
    a, b, c = three
    queue.move(c, -1)
    assert [Path(name).name for name in read_queue().waiting] == ["a", "c", "b"]
    queue.move(a, 5)
    queue.move(b, -9)
    assert [Path(name).name for name in read_queue().waiting] == ["b", "c", "a"]
    queue.add(a, first=True)
    assert [Path(name).name for name in read_queue().waiting] == ["a", "b", "c"]
    assert queue.drop(b)
    assert not queue.drop(b)
    assert read_job(b).state == "cancelled"
    queue.add(b)  # can be put back
    assert [Path(name).name for name in read_queue().waiting] == ["a", "c", "b"]


def test_a_held_queue_starts_nothing_until_it_goes_on(three: list[Path]) -> None:
    queue.hold(True)
    assert go_on(Started()) == []
    assert all(entry.held for entry in entries([three[0].parent]))
    queue.hold(False)
    assert go_on(Started()) == [three[0]]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("cpu", "cuda:0", True),
        ("0", "cuda:1", True),
        ("cuda", "cuda:0", False),
        ("0,1", "1", False),
        ("all", "2", False),
        ("all", "cpu", True),
        ("", "cpu", False),
        ("cuda:1", "", False),
        ("CPU ", "cpu", False),
    ],
)
def test_devices_are_shared_out(tmp_path: Path, first: str, second: str, together: bool) -> None:
    jobs = [make(tmp_path, "a", first), make(tmp_path, "b", second, "iterative")]
    for folder in jobs:
        queue.add(folder)
    assert go_on(Started()) == (jobs if together else jobs[:1])


def test_who_waits_for_a_device_is_not_overtaken_there(tmp_path: Path) -> None:
    jobs = [make(tmp_path, name, device) for name, device in
            (("a", "0"), ("b", "0,1"), ("c", "1"), ("d", "cpu"))]  # fmt: skip
    for folder in jobs:
        queue.add(folder)
    assert go_on(Started()) == [jobs[0], jobs[3]]


def test_jobs_that_are_gone_run_or_are_done_leave_the_queue(three: list[Path]) -> None:
    (three[0] / "job.json").unlink()
    set_state(three[1], "done")
    assert go_on(Started()) == [three[2]]
    assert read_queue().waiting == []
    with pytest.raises(UserError, match="is done"):
        queue.add(three[1])
    with pytest.raises(UserError, match="is already running"):
        queue.add(three[2])


def test_one_that_cannot_start_fails_with_the_reason_and_the_next_starts(
    three: list[Path], tmp_path: Path
) -> None:
    def launcher(folder: Path) -> int:
        if folder == three[0]:
            raise UserError("The model is gone.", "Put it back.")
        set_state(folder, "running")
        return 1

    assert go_on(launcher) == [three[1]]
    job = read_job(three[0])
    assert (job.state, job.message, job.hint) == ("failed", "The model is gone.", "Put it back.")


def test_a_job_started_outside_the_queue_occupies_its_device(three: list[Path]) -> None:
    other = make(three[0].parent, "other")
    queue.note(other)
    set_state(other, "running")
    assert go_on(Started()) == []
    (waiting,) = entries([three[0]])
    assert (waiting.place, waiting.waits_for) == (1, "other.pt")
    assert "after other.pt" in line_of(waiting)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1, "waiting": 3}'])
def test_a_damaged_queue_is_an_empty_one_and_can_be_used(tmp_path: Path, content: str) -> None:
    queue_file().parent.mkdir(parents=True)
    queue_file().write_text(content)
    assert read_queue() == Queue()
    folder = make(tmp_path, "a")
    queue.add(folder)
    assert read_queue().place(folder) == 1


def test_a_newer_queue_is_left_alone(tmp_path: Path) -> None:
    queue_file().parent.mkdir(parents=True)
    queue_file().write_text('{"version": 2, "later": []}')
    with pytest.raises(UserError, match="newer"):
        queue.add(make(tmp_path, "a"))
    assert "later" in queue_file().read_text()


def test_of_many_who_ask_at_once_one_starts_each_job(three: list[Path]) -> None:
    started = Started()
    threads = [threading.Thread(target=go_on, args=(started,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert started.folders == three[:1]


def test_the_list_says_how_jobs_stand(tmp_path: Path) -> None:
    done, runs = make(tmp_path, "a"), make(tmp_path, "b")
    result = {"before": {"map50_95": 0.2}, "after": {"map50_95": 0.3}, "output": "t.pt"}
    write_job(done, read_job(done).model_copy(update={"state": "done", "result": result}))
    set_state(runs, "running")
    (runs / "events.jsonl").write_text(
        "x" * 20_000 + "\n" + json.dumps({"event": "batch", "epoch": 2, "epochs": 9, "batch": 3,
                                          "batches": 12}) + '\n{"cut'
    )  # fmt: skip
    listed = {entry.title: entry for entry in entries([tmp_path])}
    assert figures_of(listed["a.pt"]) == "mAP50-95 0.2000 → 0.3000"
    assert listed["b.pt"].progress == "epoch 2 of 9, batch 3 of 12"
    assert entry_of(tmp_path) is None


def test_devices_of_an_unknown_one_are_its_own(tmp_path: Path) -> None:
    assert devices_of(read_job(make(tmp_path, "a", "mps"))) == {"mps"}


# ---- real ones ----------------------------------------------------------------------------------


def secateur(warm: Warm, *words: str) -> dict:
    done = subprocess.run(
        [str(warm.folder / "secateur"), *words, "--json"],
        env=own_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_queued_by_command_they_run_one_after_the_other_without_anybody(
    settings: Settings, warm: Warm, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in "abc"]
    words = ["finetune", settings.model, "--data", settings.data, "--epochs", "1", "--batch", "2",
             "--image-size", "64", "--device", "cpu", "--no-baseline", "--queue"]  # fmt: skip
    places = []
    for folder in folders:
        place = ["--folder", str(folder), "-o", str(folder.with_suffix(".pt"))]
        told = secateur(warm, *words, *place)
        places.append(told["place"])
        if len(places) == 1:
            secateur(warm, "jobs", "hold")  # the first runs; the others wait, however fast it ends
    assert places[0] == 0
    secateur(warm, "jobs", "first", str(folders[2]))
    secateur(warm, "jobs", "next")
    until = time.monotonic() + PATIENCE
    while any(status_of(read_job(folder)) != "done" for folder in folders):
        assert time.monotonic() < until, [read_job(folder) for folder in folders]
        running = [f for f in folders if status_of(read_job(f)) == "running"]
        assert len(running) <= 1
        time.sleep(0.05)
    order = sorted(folders, key=lambda folder: read_events(folder)[0][0]["time"])
    spans = [[event["time"] for event in read_events(folder)[0]] for folder in order]
    assert all(one[-1] <= other[0] for one, other in pairwise(spans))
    told = secateur(warm, "jobs", str(tmp_path))["jobs"]
    listed = {Path(job["folder"]).name: job for job in told}
    assert {name: job["state"] for name, job in listed.items()} == dict.fromkeys("abc", "done")
    assert read_queue().waiting == []
