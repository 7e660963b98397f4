"""Memory that is not enough, in the process of a job: all but the shortage is real."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import core
from core.errors import UserError
from core.runs.folder import create_job, limit_batch, read_events, read_job, status_of
from core.runs.listing import entry_of
from core.tune.settings import Settings
from core.tune.trouble import memory_short
from tests.core.runs.scarce import SCARCE
from tests.core.warm import Warm


def make(settings: Settings, folder: Path, allowed: bool) -> Path:
    arguments = settings.model_dump(mode="json")
    arguments |= {"epochs": 1, "smaller_batch": allowed}
    return create_job("finetune", arguments, {"model": settings.model}, folder=folder)


def scarce(warm: Warm, *words: str) -> subprocess.CompletedProcess[str]:
    command = [warm.folder / "python", "-c", SCARCE, "jobs", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def told(folder: Path, kind: str) -> list[dict]:
    return [event for event in read_events(folder)[0] if event["event"] == kind]


def test_a_smaller_batch_is_offered_and_taken(
    settings: Settings, tmp_path: Path, warm: Warm
) -> None:
    folder = make(settings, tmp_path / "job", allowed=False)
    done = scarce(warm, "run", str(folder))
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert f"jobs resume {folder} --batch 1`" in done.stderr
    job, entry = read_job(folder), entry_of(folder)
    assert (status_of(job), job.next_batch) == ("failed", 1)
    assert [(e["bug"], e["next_batch"]) for e in told(folder, "failed")] == [(False, 1)]
    assert entry is not None and entry.smaller == "batch size 1"
    done = scarce(warm, "resume", str(folder), "--batch", "1")
    assert done.returncode == 0, done.stderr
    assert [event["batch"] for event in told(folder, "started")] == [2, 1]
    job = read_job(folder)
    assert (job.state, job.next_batch, job.result["epochs"]) == ("done", 0, 1)
    assert core.load(folder / "best.pt")


def test_a_smaller_batch_is_taken_where_it_is_allowed(
    settings: Settings, tmp_path: Path, warm: Warm
) -> None:
    folder = make(settings, tmp_path / "job", allowed=True)
    done = scarce(warm, "run", str(folder))
    assert done.returncode == 0, done.stderr
    (event,) = told(folder, "out_of_memory")
    assert (event["batch"], event["next_batch"]) == (2, 1)
    assert told(folder, "epoch") and read_job(folder).state == "done"


@pytest.mark.parametrize(
    ("batch", "devices", "smaller"), [(16, 1, 8), (3, 1, 1), (1, 1, 0), (12, 4, 4), (4, 4, 0)]
)
def test_what_is_offered_can_be_shared_out(batch: int, devices: int, smaller: int) -> None:
    error = memory_short(batch, Path("none.pt"), devices)
    assert error.next_batch == smaller
    assert ("Continue with" in error.hint) is (smaller > 0)


def test_the_limit_reaches_every_tuning_of_a_pruning_in_turns(tmp_path: Path) -> None:
    folder = create_job("iterative", {"tune": {"epochs": 3}}, {}, folder=tmp_path / "job")
    limit_batch(folder, 4)
    assert read_job(folder).arguments["tune"] == {"epochs": 3, "largest_batch": 4}


def test_only_what_can_go_on_takes_another_batch(settings: Settings, tmp_path: Path) -> None:
    from core.runs.folder import write_job
    from core.runs.life import this_process

    folder = make(settings, tmp_path / "job", allowed=False)
    for state, words in (("running", "Cancel it first"), ("done", "Start a new one")):
        changed = {"state": state, "process": this_process()}
        write_job(folder, read_job(folder).model_copy(update=changed))
        with pytest.raises(UserError, match=words):
            limit_batch(folder, 1)
    assert "largest_batch" not in read_job(folder).arguments or (
        read_job(folder).arguments["largest_batch"] is None
    )
