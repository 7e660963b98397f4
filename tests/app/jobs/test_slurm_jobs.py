"""Jobs that Slurm has, in the list of jobs: shown as waiting, taken out, and handed back."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from app.jobs.panel import JobsPanel
from core.cluster import slurm
from core.runs import apart
from core.runs.folder import create_job, read_job, write_job
from core.runs.life import SUBMITTED
from core.system.paths import data_folder
from tests.app.conftest import QUICK_MS

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def state(monkeypatch):
    """What Slurm says of any job, and the numbers it was asked to end."""
    told = {"state": "waiting", "ended": []}
    monkeypatch.setattr("core.runs.life.state_of", lambda number, folder: told["state"])

    def cancel(number):
        told["ended"].append(number)
        told["state"] = "over"

    monkeypatch.setattr(slurm, "cancel", cancel)
    return told


@pytest.fixture
def job(opened, state):
    arguments = {"model": "/nowhere/a.pt", "preset": "recover_quickly", "device": "cpu"}
    folder = create_job("finetune", arguments, {}, data_folder() / "jobs")
    note = {"on": "slurm", "id": "77", "partition": "gpu", "limits": {"minutes": "30"}}
    (folder / SUBMITTED).write_text(json.dumps(note))
    return folder


@pytest.fixture
def panel(opened, job, qtbot):
    opened.workspace.go_to("jobs")
    widget = opened.workspace["jobs"].widget()
    assert isinstance(widget, JobsPanel)
    qtbot.waitUntil(lambda: bool(widget.long_jobs.model.rows), timeout=QUICK_MS)
    yield widget.long_jobs
    opened.context.jobs.entries = ()


def words(panel):
    return [(entry.state, entry.word) for entry in panel.model.rows]


def test_it_waits_is_taken_out_and_handed_back(panel, job, state, qtbot, monkeypatch, heard):
    assert words(panel) == [("submitted", "waiting for Slurm")]
    panel.view.selectRow(0)
    assert panel.stop.isEnabled() and not panel.pause.isEnabled() and not panel.resume.isEnabled()
    qtbot.mouseClick(panel.stop, LEFT)
    qtbot.waitUntil(lambda: words(panel) == [("cancelled", "cancelled")], timeout=QUICK_MS)
    assert state["ended"] == ["77"]
    handed = []

    def submit(folder, place, limits):
        handed.append((place.text, dict(limits)))
        state["state"] = "waiting"
        write_job(job, read_job(job).model_copy(update=apart.ANEW))

    monkeypatch.setattr(apart, "submit", submit)
    panel.view.selectRow(0)
    qtbot.mouseClick(panel.resume, LEFT)
    qtbot.waitUntil(lambda: words(panel)[0][0] == "submitted", timeout=QUICK_MS)
    assert handed == [("slurm:gpu", {"minutes": "30"})]
    qtbot.waitUntil(lambda: "waiting for Slurm" in heard()[-1], timeout=QUICK_MS)


def test_one_that_slurm_gave_up_can_be_resumed(panel, state, qtbot):
    state["state"] = "over"
    qtbot.waitUntil(lambda: words(panel) == [("ready", "not started")], timeout=QUICK_MS)
    panel.view.selectRow(0)
    assert panel.resume.isEnabled()
