"""Logs are put aside when they are full, and a report about a problem holds no secrets."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from core.cli.main import main
from core.demo import set_up
from core.errors import UserError
from core.report.problem import TAIL, write_problem_report
from core.runs.folder import EVENTS, LOG, create_job
from core.system import logs


@pytest.fixture
def home(tmp_path, monkeypatch):
    place = tmp_path / "anna"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    for name in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(place / name.lower()))
    return place


def test_full_logs_are_put_aside_and_the_oldest_goes(home):
    log = logs.fault_log()
    for number in range(5):
        logs.append(f"fault {number} " + "x" * logs.LIMIT)
    kept = sorted(path.name for path in log.parent.iterdir())
    assert kept == ["secateur.log", "secateur.log.1", "secateur.log.2"]
    starts = [path.read_text()[:7] for path in sorted(log.parent.iterdir())]
    assert starts == ["fault 4", "fault 3", "fault 2"]
    logs.append_fault(ValueError("one more"))
    assert logs.fault_log().read_text().startswith("ValueError: one more")


def test_a_log_with_room_is_only_added_to(home):
    logs.append("one")
    logs.append("two")
    assert logs.fault_log().read_text() == "one\ntwo\n"


def test_a_log_that_cannot_be_written_is_no_second_fault(home):
    logs.folder().parent.mkdir(parents=True)
    logs.folder().write_text("a file is in the way")
    assert logs.append("lost") == logs.fault_log()


def contents(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_it_holds_what_helps_and_neither_images_nor_weights(home):
    place = set_up(home / "work" / "demo", train=3, val=2)
    logs.append(f"Traceback: {home}/secret/model.pt " + "x" * TAIL + " the end")
    job = create_job("finetune", {"model": str(place.model)}, {}, place.jobs)
    (job / EVENTS).write_text('{"event": "started"}\n')
    (job / LOG).write_text(f"trouble in {home}\n")
    (job / "last.pt").write_bytes(b"weights")
    names = write_problem_report(home / "p.zip", place.project, {"device": "CPU"})
    found = contents(home / "p.zip")
    assert sorted(found) == names
    assert {"README.txt", "about.json", "logs/secateur.log", "project/demo.secateur.json"} <= {
        *names
    }
    assert {f"jobs/{job.name}/{n}" for n in ("job.json", "events.jsonl", "log.txt")} <= {*names}
    assert not any("last" in name or "scene" in name for name in names)
    assert not any(str(home) in text or "anna" in text for text in found.values())
    assert found["logs/secateur.log"].rstrip().endswith("the end")
    assert len(found["logs/secateur.log"]) <= TAIL
    about = json.loads(found["about.json"])
    assert about["device"] == "CPU"
    assert about["libraries"]["torch"]
    assert json.loads(found["project/demo.secateur.json"])["model"]["path"] == "demo.pt"
    assert (home / "p.zip").stat().st_size < 100_000


def test_the_newest_jobs_alone(home):
    made = [create_job("finetune", {}, {}) for _ in range(5)]
    names = write_problem_report(home / "p.zip")
    told = {name.split("/")[1] for name in names if name.startswith("jobs/")}
    assert len(told) == 3
    assert made[-1].name in told


def test_the_command_and_what_it_refuses(home, capsys):
    assert main(["report-problem", "-o", str(home / "p.zip"), "--json"]) == 0
    assert "about.json" in json.loads(capsys.readouterr().out)["names"]
    assert main(["report-problem", "-o", str(home / "p.txt")]) == 1
    assert main(["report-problem", "-o", str(home / "p.zip"), "--project", "gone"]) == 1
    with pytest.raises(UserError, match="does not exist"):
        write_problem_report(home / "nowhere" / "p.zip")
