import json
from pathlib import Path

import pytest

from core.errors import UserError
from core.plan.schema import Plan, Target
from core.project import (
    DataSetting,
    ModelReference,
    Project,
    Result,
    View,
    place,
    read_project,
    reference,
    upgrade,
    write_project,
)


def example():
    return Project(
        model=ModelReference(path="models/n.pt", sha256="0" * 64, family="yolov8n"),
        plan=Plan(selection=({"block": 5, "ratio": 0.5},), locked=(2, "model.3")),
        view=View(selection=(5, 6), focused=5, overlay="macs"),
        results=(
            Result(
                output="n-pruned.pt",
                date="2026-11-23T12:00:00+00:00",
                parameters_before=10,
                parameters_after=5,
                macs_before=100,
                macs_after=60,
                relative_error=1e-7,
            ),
        ),
        data=DataSetting(path="data/own.yaml", images=32, seed=3, device="cpu"),
        goal=Target(macs=0.7),
        sensitivity="a.sensitivity.jsonl",
        steps="a-steps",
    )


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "a.secateur"
    write_project(path, example())
    assert read_project(path) == example()
    assert json.loads(path.read_text())["version"] == 3
    assert list(tmp_path.iterdir()) == [path]


SAMPLE_1 = {
    "version": 1,
    "model": {"path": "n.pt", "sha256": None, "family": ""},
    "plan": {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]},
    "view": {"selection": [5], "focused": 5, "overlay": "none"},
    "results": [],
}


def test_a_file_of_version_1_stays_readable(tmp_path):
    path = tmp_path / "old.secateur"
    path.write_text(json.dumps(SAMPLE_1))
    project = read_project(path)
    assert project.plan.selection[0].block == 5
    assert (project.data, project.goal, project.sensitivity, project.steps) == (None,) * 4
    assert json.loads(path.read_text()) == SAMPLE_1  # opening writes nothing


SAMPLE_2 = {
    **SAMPLE_1,
    "version": 2,
    "data": {"path": "own.yaml", "images": 96, "image_size": 320, "seed": 0, "device": ""},
    "goal": {"macs": None, "params": 0.5, "latency_ms": None},
    "sensitivity": "n.sensitivity.jsonl",
    "steps": None,
}


def test_a_file_of_version_2_stays_readable(tmp_path):
    path = tmp_path / "old.secateur"
    path.write_text(json.dumps(SAMPLE_2))
    project = read_project(path)
    assert project.data == DataSetting(path="own.yaml")
    assert project.tuned == ()
    assert project.goal == Target(params=0.5)
    assert place(project.sensitivity, path) == tmp_path / "n.sensitivity.jsonl"


SAMPLE_3 = {
    **SAMPLE_2,
    "version": 3,
    "tuned": [
        {
            "output": "small-tuned.pt", "date": "2026-11-25T10:00:00+00:00", "source": "small.pt",
            "job": "n.jobs/finetune-1", "parameters": 12, "before": {"map50_95": 0.2},
            "after": {"map50_95": 0.3},
        }
    ],
}  # fmt: skip


def test_a_file_of_version_3_stays_readable(tmp_path):
    path = tmp_path / "old.secateur"
    path.write_text(json.dumps(SAMPLE_3))
    (tuned,) = read_project(path).tuned
    assert (tuned.output, tuned.source, tuned.after) == (
        "small-tuned.pt",
        "small.pt",
        {"map50_95": 0.3},
    )


def test_steps_lead_from_version_to_version():
    steps = {0: lambda data: {"model": None, "plan": data["old plan"]}, 1: dict, 2: dict}
    assert upgrade({"version": 0, "old plan": {}}, steps) == {
        "version": 3,
        "model": None,
        "plan": {},
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ("{}", "no version"),
        ('{"version": true}', "no version"),
        ('{"version": 4}', "newer Secateur"),
        ('{"version": 0}', "which does not exist"),
        ('{"version": 1, "plan": {"version": 7}}', "damaged"),
        ('{"version": 1, "unknown": 1}', "damaged"),
        ('{"version": 2, "data": {"path": "a.yaml", "images": 0}}', "damaged"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "bad.secateur"
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        read_project(path)


def test_a_missing_file_and_a_missing_folder_are_said(tmp_path):
    with pytest.raises(UserError, match="Could not read"):
        read_project(tmp_path / "none.secateur")
    with pytest.raises(UserError, match="Could not write"):
        write_project(tmp_path / "none" / "a.secateur", example())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.secateur"
    write_project(path, example())
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(UserError, match="no space left"):
        write_project(path, Project())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_models_beneath_the_project_are_named_relatively(tmp_path):
    project = tmp_path / "a.secateur"
    inside = tmp_path / "models" / "n.pt"
    assert reference(inside, project) == "models/n.pt"
    assert reference("/elsewhere/n.pt", project) == "/elsewhere/n.pt"
    named = Project(model=ModelReference(path="models/n.pt"))
    assert named.model_path(project) == inside
    assert Project().model_path(project) is None


def test_names_lead_to_the_same_files_however_the_project_is_named(tmp_path, monkeypatch):
    """Of a project that is named relative to the current folder, too."""
    monkeypatch.chdir(tmp_path)
    own = Path("work") / "own.secateur"
    for name in ("model.pt", "data/own.yaml"):
        assert place(name, own) == tmp_path / "work" / name
        assert reference(place(name, own), own) == name
