"""What scripts/kill_commands.py does and kills: commands, done once more as a person would."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tree this script lies in

import core
from core.cli.main import main as command
from core.plan.schema import Plan
from core.project import read_project, write_project
from core.runs.folder import list_jobs, read_events, read_job, status_of
from core.runs.queue import read_queue
from core.system.journal import read_journal

PATIENCE = 300.0
PLAN = {"version": 1, "criterion": "l2", "selection": [{"block": 4, "ratio": 0.5}]}
WANTED = {"version": 1, "criterion": "l2", "target": {"macs": 0.8}}
SIZE = ("--image-size", "64")


@dataclass(frozen=True)
class Deed:
    """Something that a person does, once more after it was cut off, and what comes of it."""

    share: int
    begin: Callable[[Path], int]
    again: Callable[[Path], int]
    found: Callable[[Path], Any]


def said(*words: str | Path) -> int:
    return command([str(word) for word in words])


def images(folder: Path) -> tuple[str | Path, ...]:
    return ("--data", folder / "data.yaml", *SIZE)


def weights(path: Path) -> dict[str, Any]:
    return {key: value.tolist() for key, value in core.load(path).model.state_dict().items()}


def points(folder: Path) -> list[Any]:
    return [{**r, "seconds": 0} for r in read_journal(folder / "scan.jsonl", "sensitivity")]


def prune(folder: Path) -> int:
    return said(
        "prune", folder / "model.pt", "--plan", folder / "plan.json", "-o", folder / "out.pt"
    )


def suggest(folder: Path) -> int:
    files = ("--plan", folder / "wanted.json", "-o", folder / "found.json")
    return said("suggest", folder / "model.pt", *files, *images(folder), "--images", "2")


def scan(folder: Path) -> int:
    which = ("--ratios", "0.5", "--blocks", "2,4,6,8", "-o", folder / "scan.jsonl")
    return said("sensitivity", folder / "model.pt", *images(folder), *which)


def export(folder: Path) -> int:
    return said("export", folder / "small.pt", "--format", "openvino", *SIZE,
                "-o", folder / "small_openvino_model")  # fmt: skip


def exported(folder: Path) -> dict[str, int]:
    made = folder / "small_openvino_model"
    return {path.name: path.stat().st_size for path in made.glob("*.bin")}


def report(folder: Path) -> int:
    return said("report", folder / "own.secateur", "--trust-paths", "-o", folder / "report.html",
                "--measure", "accuracy", *SIZE)  # fmt: skip


def reported(folder: Path) -> bool:
    return (folder / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def tune(folder: Path) -> int:
    course = ("--epochs", "3", "--batch", "2", "--device", "cpu", "--threads", "1", "--no-baseline")
    return said(
        "finetune", folder / "small.pt", *images(folder), *course, "--folder", folder / "job"
    )


def tune_on(folder: Path) -> int:
    if not (folder / "job" / "job.json").exists():
        return tune(folder)
    if status_of(read_job(folder / "job")) == "done":
        return 0
    return said("jobs", "resume", folder / "job")


def tuned(folder: Path) -> Any:
    return job_figures(folder / "job")


def job_figures(folder: Path) -> Any:
    job = read_job(folder)
    assert job.result is not None, (job.state, job.message)
    done = [event["event"] for event in read_events(folder)[0]].count("done")
    return done, job.result["after"], job.result["final"], weights(folder / "last.pt")


def save(folder: Path) -> int:
    project = read_project(folder / "own.secateur")
    for number in range(400):
        plan = Plan.model_validate({**PLAN, "selection": [{"block": 4, "ratio": number / 1000}]})
        write_project(folder / "own.secateur", project.model_copy(update={"plan": plan}))
        time.sleep(0.002)
    return 0


def jobs_of(folder: Path) -> list[Path]:
    return list_jobs(folder / "home" / "secateur" / "jobs")


def queue(folder: Path) -> int:
    for _ in range(2 - len(jobs_of(folder))):
        if code := said("jobs", "new", "finetune", folder / "settings.json", "--queue"):
            return code
    return queue_on(folder)


def queue_on(folder: Path) -> int:
    """Put back whatever was cut off, and wait for the end."""
    until = time.monotonic() + PATIENCE
    if len(jobs_of(folder)) < 2:
        return queue(folder)
    while time.monotonic() < until:
        states = {job: status_of(read_job(job)) for job in jobs_of(folder)}
        if set(states.values()) == {"done"}:
            return 0
        waiting = read_queue().waiting
        for job, state in states.items():
            if state not in ("done", "running", "paused") and os.path.realpath(job) not in waiting:
                said("jobs", "queue", job)
        said("jobs", "next")
        assert list(states.values()).count("running") < 2, states
        time.sleep(0.3)
    return 1


def queued(folder: Path) -> Any:
    return [job_figures(job) for job in jobs_of(folder)]


DEEDS = {
    "prune": Deed(16, prune, prune, lambda folder: weights(folder / "out.pt")),
    "suggest": Deed(12, suggest, suggest, lambda f: json.loads((f / "found.json").read_text())),
    "scan": Deed(14, scan, scan, points),
    "tune": Deed(20, tune, tune_on, tuned),
    "export": Deed(10, export, export, exported),
    "report": Deed(8, report, report, reported),
    "save": Deed(14, save, save, lambda f: read_project(f / "own.secateur").plan.to_json()),
    "queue": Deed(6, queue, queue_on, queued),
}
