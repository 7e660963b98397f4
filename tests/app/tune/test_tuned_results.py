"""Tuned files become results of their project, whenever and wherever their training ended."""

import json

import pytest

from app.files.feature import FilesFeature
from core.project import read_project
from core.runs.folder import read_job, write_job
from core.system.files import sha256_of
from tests.app.conftest import ENGINE_MS, QUICK_MS
from tests.app.fake_runs import FakeRun

FIGURES = {"before": {"map50_95": 0.2}, "after": {"map50_95": 0.3}}


@pytest.fixture
def ends(tmp_path):
    """Let a job's process end with a tuned file."""

    def act(run, name="small-tuned.pt", **more):
        output = tmp_path / name
        output.write_bytes(name.encode())
        result = {"output": str(output), "parameters": 12, "seconds": 3.0, **FIGURES, **more}
        run.set("done", result=result)
        return str(output)

    return act


def tuned(window):
    return [one.output for one in window.session.lineage.tuned]


def offered(window):
    """What the panels offer: to compare, export, and to tune further."""
    compare, export, form = (window.workspace[n].widget() for n in ("compare", "export", "tuning"))
    boxes = (export.network, form.form.network)
    listed = [compare.models.item(n) for n in range(compare.models.count())]
    names = [{item.text() for item in listed}]
    names += [{box.itemText(n).split(" ")[0] for n in range(box.count())} for box in boxes]
    return set.intersection(*names)


def saved(window, answers, path):
    answers["save"].append(str(path))
    window.actions_table.by_id["save"].trigger()
    assert not window.session.dirty


def test_a_job_that_ends_becomes_a_result_that_is_offered_and_kept(
    opened, qtbot, trained, ends, answers, tmp_path, heard
):
    saved(opened, answers, tmp_path / "p.secateur")
    run = FakeRun(trained, tmp_path / "p.jobs")
    qtbot.waitUntil(lambda: len(opened.context.jobs.active) == 1, timeout=QUICK_MS)
    output = ends(run)
    qtbot.waitUntil(lambda: tuned(opened) == [output], timeout=QUICK_MS)
    assert opened.session.dirty
    assert "small-tuned.pt" in offered(opened)
    opened.actions_table.by_id["save"].trigger()
    (stored,) = read_project(tmp_path / "p.secateur").tuned
    assert (stored.output, stored.job) == ("small-tuned.pt", f"p.jobs/{run.folder.name}")
    assert (stored.before, stored.after, stored.parameters) == (
        FIGURES["before"], FIGURES["after"], 12
    )  # fmt: skip
    assert not any("while the window was closed" in text for text in heard())


def test_one_that_ended_without_the_window_is_found_when_the_project_is_opened(
    opened, qtbot, trained, ends, answers, tmp_path, heard
):
    path = tmp_path / "p.secateur"
    saved(opened, answers, path)
    run = FakeRun(trained, tmp_path / "p.jobs")
    qtbot.waitUntil(lambda: len(opened.context.jobs.active) == 1, timeout=QUICK_MS)
    opened.features[FilesFeature].documents.close_model()
    output = ends(run)
    with qtbot.waitSignal(opened.session.scoresChanged, timeout=ENGINE_MS):
        opened.open_paths([str(path)])
    qtbot.waitUntil(lambda: tuned(opened) == [output], timeout=QUICK_MS)
    assert "small-tuned.pt" in offered(opened)
    assert opened.session.dirty
    opened.actions_table.by_id["save"].trigger()
    assert not opened.session.dirty
    # The project knows it from now on, also where the job's folder is gone.
    opened.features[FilesFeature].documents.close_model()
    (run.folder / "job.json").unlink()
    with qtbot.waitSignal(opened.session.scoresChanged, timeout=ENGINE_MS):
        opened.open_paths([str(path)])
    assert tuned(opened) == [output]
    assert "small-tuned.pt" in offered(opened)


def test_what_came_of_other_networks_stays_out(opened, qtbot, trained, ends, tmp_path):
    other = tmp_path / "other.pt"
    other.write_bytes(b"another network")
    theirs, ours = FakeRun(other), FakeRun(other)
    ends(theirs, "theirs-tuned.pt")
    job = read_job(ours.folder)
    hashes = {"model": "0", "teacher": sha256_of(trained)}  # of the open one, wherever it is
    write_job(ours.folder, job.model_copy(update={"hashes": hashes}))
    output = ends(ours, "ours-tuned.pt")
    qtbot.waitUntil(lambda: len(opened.context.jobs.entries) == 2, timeout=QUICK_MS)
    qtbot.waitUntil(lambda: tuned(opened) == [output], timeout=QUICK_MS)


def test_jobs_of_other_days_make_no_unsaved_work_of_a_model_that_is_only_opened(
    opened, qtbot, trained, ends
):
    run = FakeRun(trained)
    run.set("cancelled")
    output = ends(run)
    qtbot.waitUntil(lambda: tuned(opened) == [output], timeout=QUICK_MS)
    assert not opened.session.dirty


def test_a_tuned_file_that_was_tuned_again_brings_both(opened, qtbot, trained, ends, tmp_path):
    first = FakeRun(trained)
    output = ends(first, "one.pt")
    second = FakeRun(output)
    other = ends(second, "two.pt")
    qtbot.waitUntil(lambda: set(tuned(opened)) == {output, other}, timeout=QUICK_MS)


def test_a_pruning_in_turns_is_a_result_with_its_last_step(opened, qtbot, trained, ends):
    run = FakeRun(trained)
    job = read_job(run.folder)
    write_job(run.folder, job.model_copy(update={"kind": "iterative"}))
    steps = [
        {"step": 1, "accepted": True, "parameters": 9, "macs": 2, "after": {"map50_95": 0.28}},
        {"step": 2, "accepted": False, "parameters": 5, "macs": 1, "after": {"map50_95": 0.1}},
    ]
    ends(run, baseline={"map50_95": 0.3}, steps=steps)
    qtbot.waitUntil(lambda: len(tuned(opened)) == 1, timeout=QUICK_MS)
    (one,) = opened.session.lineage.tuned
    assert (one.parameters, one.after, one.before) == (9, {"map50_95": 0.28}, {"map50_95": 0.3})
    assert json.loads(one.model_dump_json())["output"].endswith("small-tuned.pt")
