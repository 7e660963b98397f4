"""Jobs, the queue and a scan that version 0.1 left are read as they were.

The samples were written by the code of that version: a fine-tuning to its end, another one whose
process was killed, the queue, and a scan of sensitivity.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.runs.folder import find_job, read_events, read_job, status_of
from core.runs.listing import entries
from core.runs.queue import queue_file, read_queue
from core.sensitivity.records import read_scans
from core.tune.settings import Settings

SAMPLES = Path(__file__).parent / "samples" / "0.1"


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLES, tmp_path / "jobs")
    return tmp_path / "jobs"


def test_jobs_are_listed_with_their_figures(jobs: Path) -> None:
    shown = {Path(entry.folder).name: entry for entry in entries([jobs])}
    assert set(shown) == {"tuned", "interrupted"}
    assert shown["tuned"].state == "done" and shown["tuned"].result is not None
    assert shown["tuned"].result["before"]["map50_95"] == 0.00016
    assert shown["interrupted"].state == "interrupted"


@pytest.mark.parametrize("name", ["tuned", "interrupted"])
def test_what_a_job_was_asked_for_and_what_happened(jobs: Path, name: str) -> None:
    job = read_job(find_job(jobs / name))
    asked = Settings.model_validate(job.arguments)
    assert asked.model == "/home/person/bees/small.pt" and asked.preset == "recover_quickly"
    events, _ = read_events(jobs / name)
    kinds = [event["event"] for event in events]
    assert "started" in kinds and "epoch" in kinds
    assert status_of(job) == ("done" if name == "tuned" else "interrupted")


def test_its_queue_and_its_scan(jobs: Path) -> None:
    queue_file().parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(jobs / "queue.json", queue_file())
    assert not read_queue().waiting and not read_queue().held
    records = read_scans(jobs / "scan.jsonl")
    assert [r["ratio"] for r in records if r.get("block") == 4] == [0.25, 0.5]
