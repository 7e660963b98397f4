"""A job of the form runs on this computer, or is handed to Slurm with a partition and limits."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from app.data.feature import DataFeature
from app.kit.controls import choose
from core.cluster import slurm
from core.runs import apart
from core.runs.folder import read_job
from tests.app.conftest import QUICK_MS
from tests.app.tune.test_tuning import checked

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def form(opened, fake, dataset, qtbot):
    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.workspace.go_to("tuning")
    panel = opened.workspace["tuning"].widget()
    qtbot.waitUntil(lambda: panel.shown and panel.form.begin.isEnabled(), timeout=QUICK_MS)
    opened.session.measured.set_check({**checked(dataset), "network": panel.form.network_path})
    yield panel.form
    opened.context.jobs.entries = ()


@pytest.fixture
def handed(monkeypatch):
    """What was handed to Slurm."""
    found = []
    monkeypatch.setenv(slurm.LOCAL, "local")
    monkeypatch.setattr(apart, "submit", lambda *given: found.append(given))
    return found


def test_this_computer_is_the_default(form):
    assert form.settings()["on"] == ""
    assert not form.where.limits.isVisibleTo(form)


def test_slurm_gets_the_job_with_its_limits(form, handed, qtbot):
    choose(form.where.box, "slurm")
    assert form.where.limits.isVisibleTo(form)
    form.where.limits.setText("gpu minutes=240 gpus=1 account=vision")
    qtbot.mouseClick(form.begin, LEFT)
    qtbot.waitUntil(lambda: len(handed) == 1, timeout=QUICK_MS)
    folder, place, limits = handed[0]
    assert (place.kind, place.partition) == ("slurm", "gpu")
    assert limits == {"minutes": "240", "gpus": "1", "account": "vision"}
    job = read_job(folder)
    assert (job.kind, job.state) == ("finetune", "ready")
    assert "on" not in job.arguments


@pytest.mark.parametrize("limits", ["minutes=soon", "gpu cpu", "a b=1 c", "gpu; rm -rf", "=1"])
def test_what_is_no_limit_makes_no_job(form, handed, qtbot, opened, heard, limits):
    before = len(opened.context.jobs.entries)
    choose(form.where.box, "slurm")
    form.where.limits.setText(limits)
    qtbot.mouseClick(form.begin, LEFT)
    qtbot.waitUntil(lambda: bool(heard()), timeout=QUICK_MS)
    assert "limit" in heard()[-1] or "place" in heard()[-1]
    assert handed == [] and len(opened.context.jobs.entries) == before


def test_without_slurm_no_job_is_made(form, qtbot, opened, heard, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    choose(form.where.box, "slurm")
    qtbot.mouseClick(form.begin, LEFT)
    qtbot.waitUntil(lambda: any("no Slurm" in text for text in heard()), timeout=QUICK_MS)
    assert opened.context.jobs.entries == ()


def test_what_slurm_refuses_stays_in_the_list(form, qtbot, opened, heard, monkeypatch):
    def refuse(*given):
        raise apart.UserError("Slurm did not accept it: invalid account", "Correct the limits.")

    monkeypatch.setenv(slurm.LOCAL, "local")
    monkeypatch.setattr(apart, "submit", refuse)
    choose(form.where.box, "slurm")
    qtbot.mouseClick(form.begin, LEFT)
    qtbot.waitUntil(lambda: any("invalid account" in text for text in heard()), timeout=QUICK_MS)
    jobs = opened.context.jobs
    qtbot.waitUntil(lambda: [e.state for e in jobs.entries][:1] == ["ready"], timeout=QUICK_MS)
