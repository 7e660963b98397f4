"""Long jobs on networks with trusted modules: they run in another process, and name the modules."""

from __future__ import annotations

import time
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

import core
from core.cli.main import main
from core.pipeline import load, prune
from core.project import ModelReference, Project, Result, write_project
from core.report import write_report
from core.runs.folder import create_job, read_job, status_of
from core.runs.launch import launch
from core.runs.listing import entry_of
from core.runs.run import run_job
from core.runs.tail import Digest
from tests.core.images import make_dataset
from tests.core.trust.conftest import EXAMPLES, Trust
from tests.core.trust.nets import described

PATIENCE = 240.0
TUNE = {"epochs": 1, "batch": 2, "image_size": 64, "device": "cpu"}
HALF = core.Plan(selection=[{"block": 1, "ratio": 0.5}])


@pytest.fixture
def module(tmp_path: Path, trust: Trust) -> Path:
    file = Path(copy(EXAMPLES / "attention.py", tmp_path / "mine.py"))
    trust(file)
    return file


@pytest.fixture
def pruned(tmp_path: Path, module: Path) -> Path:
    prune(load(described(tmp_path)), HALF, tmp_path / "small.pt")
    return tmp_path / "small.pt"


@pytest.fixture
def data(tmp_path: Path) -> str:
    make_dataset(tmp_path / "data", {0: "0", 1: "1"}, images=4, side=64)
    return str(tmp_path / "data" / "data.yaml")


def tuning(pruned: Path, data: str, folder: Path, **more: Any) -> Path:
    output = str(folder / "tuned.pt")
    arguments = {**TUNE, "model": str(pruned), "data": data, "output": output, **more}
    return create_job("finetune", arguments, {"model": pruned}, folder=folder / "job")


def in_turns(pruned: Path, data: str, folder: Path) -> Path:
    plan = {"version": 1, "round_to": 1, "target": {"params": 0.8}}
    output = str(folder / "turns.pt")
    arguments = {"model": str(pruned), "data": data, "plan": plan, "steps": 1, "tune": TUNE}
    arguments["output"] = output
    return create_job("iterative", arguments, {"model": pruned}, folder=folder / "job")


def ended(folder: Path) -> dict[str, Any]:
    """Run a job in a process of its own, to its end."""
    launch(folder)
    until = time.monotonic() + PATIENCE
    while status_of(read_job(folder)) == "running":
        assert time.monotonic() < until
        time.sleep(0.1)
    return read_job(folder).model_dump()


@pytest.mark.parametrize("kind", [tuning, in_turns])
def test_another_process_has_the_module_and_names_it(
    kind: Any, pruned: Path, data: str, tmp_path: Path, module: Path
) -> None:
    job = ended(kind(pruned, data, tmp_path))
    assert job["state"] == "done", (job["message"], (tmp_path / "job" / "log.txt").read_text())
    (needed,) = job["result"]["modules"]
    assert needed["file"] == str(module) and "mine.CoordAtt" in needed["classes"]
    entry = entry_of(tmp_path / "job")
    name, classes = Path(job["result"]["output"]).name, "mine.CoordAtt, mine.HSwish"
    assert entry.needs == f"{name} needs mine.py ({classes}) wherever it is opened."
    digest = Digest()
    digest.take({"event": "done", "result": job["result"]})
    assert digest.snapshot(entry).notes == (entry.needs,)


@pytest.mark.parametrize("how", ["changed", "missing", "removed"])
def test_a_module_that_is_not_trusted_any_more_stops_the_job_alone(
    how: str, pruned: Path, data: str, tmp_path: Path, module: Path, trust: Trust
) -> None:
    from core.trust.store import remove

    folder = tuning(pruned, data, tmp_path)
    text = module.read_text("utf-8")
    if how == "changed":
        module.write_text(f"raise SystemExit\n{text}", "utf-8")
    elif how == "missing":
        module.unlink()
    else:
        remove(str(module))
    event = run_job(folder)
    assert event["event"] == "failed" and not event["bug"]
    asked = entry_of(folder).untrusted
    assert asked == event["untrusted"]
    if how == "removed":
        assert "mine.CoordAtt" in asked["names"] and not asked["file"]
    else:
        assert asked == {"names": [], "file": str(module), "name": "mine"}
    module.write_text(text, "utf-8")
    trust(module)
    assert run_job(folder)["event"] == "done"  # goes on, and forgets what it lacked
    assert entry_of(folder).untrusted == {}


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import sys; sys.exit()", "exit('no')"])
def test_a_module_that_ends_the_program_is_a_failure_of_the_job(
    code: str, pruned: Path, data: str, tmp_path: Path, module: Path, trust: Trust
) -> None:
    forward = "    def forward(self, x):\n"
    text = module.read_text("utf-8")
    assert forward in text
    folder = tuning(pruned, data, tmp_path)
    module.write_text(text.replace(forward, f"{forward}        {code}\n"), "utf-8")
    trust(module)
    ended_job = ended(folder)
    assert ended_job["state"] == "failed", ended_job
    assert "sys.exit" in ended_job["message"] or "trusted" in ended_job["message"]


def test_the_command_says_it_too(pruned: Path, data: str, tmp_path: Path, capsys: Any) -> None:
    folder = tuning(pruned, data, tmp_path)
    run_job(folder)
    assert main(["jobs", "show", str(folder)]) == 0
    assert "tuned.pt needs mine.py (mine.CoordAtt" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["html", "md", "json"])
def test_the_report_names_it(ending: str, pruned: Path, tmp_path: Path) -> None:
    model = described(tmp_path)
    facts = load(model).facts
    result = Result(
        output=pruned.name, date="2026-01-01T10:00:00+00:00", parameters_before=2,
        parameters_after=1, macs_before=2, macs_after=1, relative_error=0.0, plan=HALF.to_json(),
    )  # fmt: skip
    reference = ModelReference(path=model.name, sha256=facts.sha256, family=facts.family)
    write_project(tmp_path / "p.secateur", Project(model=reference, plan=HALF, results=(result,)))
    text = write_report(tmp_path / "p.secateur", tmp_path / f"r.{ending}").path.read_text("utf-8")
    if ending != "json":
        assert "small.pt needs mine.py (mine.CoordAtt, mine.HSwish) wherever it is opened." in text
    assert "secateur trust add mine.py" in text and str(tmp_path) not in text
