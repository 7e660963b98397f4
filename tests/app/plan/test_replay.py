"""A plan file with its model's hash: the same network from window, command line and Python."""

from __future__ import annotations

import json
import shutil

import pytest

import core
from core.checkpoint import save
from core.cli.main import main
from core.project import ModelReference, Project, write_project
from core.ship.replay import weights_sha256
from tests.app.conftest import ENGINE_MS
from tests.app.pruning.test_prune import prune
from tests.core.networks import network

PLAN = {
    "version": 1,
    "round_to": 4,
    "locked": [2],
    "selection": [{"block": 6, "ratio": 0.4}, {"layer": "model.3", "channels": [0, 5, 9, 11]}],
}


@pytest.fixture
def plan(tmp_path, trained):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({**PLAN, "model_sha256": core.load(trained).facts.sha256}))
    return file


@pytest.fixture
def other(tmp_path):
    """Another file of the same family."""
    path = tmp_path / "other.pt"
    save(network("yolov8n"), path, train_args={"imgsz": 640})
    return path


def test_the_same_network_from_window_command_line_and_python(
    opened, trained, plan, tmp_path, drop, answers, qtbot, heard, capsys
):
    drop(opened, plan)
    opened.session.flush()
    assert not any("another model file" in words for words in heard())
    prune(opened, qtbot, answers, tmp_path / "window.pt").accept()
    command = ["prune", str(trained), "--plan", str(plan), "-o", str(tmp_path / "command.pt")]
    assert main(command) == 0, capsys.readouterr().err
    core.prune(core.load(trained), core.read_plan(plan), tmp_path / "python.pt")
    made = [core.load(tmp_path / f"{name}.pt") for name in ("window", "command", "python")]
    hashes = [weights_sha256(loaded.model) for loaded in made]
    assert hashes[0] == hashes[1] == hashes[2]
    kept = [loaded.facts.history[-1]["kept"] for loaded in made]
    assert kept[0] == kept[1] == kept[2]


def test_what_the_window_exports_is_bound_to_its_model(
    opened, trained, other, tmp_path, choose, answers, qtbot, capsys
):
    choose(opened, 8)
    file = tmp_path / "exported.json"
    answers["save"].append(str(file))
    opened.actions_table.by_id["export_plan"].trigger()
    assert json.loads(file.read_text())["model_sha256"] == opened.session.model.facts.sha256
    prune(opened, qtbot, answers, tmp_path / "window.pt").accept()
    command = ["prune", str(trained), "--plan", str(file), "-o", str(tmp_path / "command.pt")]
    assert main(command) == 0
    one, two = (core.load(tmp_path / f"{name}.pt").model for name in ("window", "command"))
    assert weights_sha256(one) == weights_sha256(two)
    capsys.readouterr()
    assert main(["prune", str(other), "--plan", str(file), "-o", str(tmp_path / "no.pt")]) == 1
    assert "The plan was made for another model file" in capsys.readouterr().err
    assert not (tmp_path / "no.pt").exists()


def test_the_window_maps_a_plan_of_another_file_and_says_so(
    window, other, plan, tmp_path, drop, answers, qtbot, heard
):
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        drop(window, other)
    drop(window, plan)
    window.session.flush()
    assert heard()[-1] == "The plan was made for another model file. Check its effect on this one."
    assert window.said[-1].kind == "warning"
    assert window.session.plan.selection == core.read_plan(plan).selection
    prune(window, qtbot, answers, tmp_path / "mapped.pt").accept()
    assert core.verify(core.load(other), core.load(tmp_path / "mapped.pt")).passed


def test_a_project_whose_model_was_replaced_can_still_be_pruned(
    window, other, plan, tmp_path, drop, answers, qtbot, heard
):
    """Its plan holds the hash of the file that was there before."""
    bound = core.read_plan(plan)
    reference = ModelReference(path="here.pt", sha256=bound.model_sha256, family="yolov8n")
    shutil.copy(other, tmp_path / "here.pt")
    project = Project(model=reference, plan=bound, data=None)
    write_project(tmp_path / "p.secateur", project)
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        drop(window, tmp_path / "p.secateur")
    assert any("changed since the project was saved" in words for words in heard())
    window.session.flush()
    prune(window, qtbot, answers, tmp_path / "small.pt").accept()
    assert core.verify(core.load(other), core.load(tmp_path / "small.pt")).passed
