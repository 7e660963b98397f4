"""The demo in the window: tried by hand, walked as one job, stopped."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton

from app.engine.protocol import Failure
from app.files.feature import FilesFeature
from app.tune.feature import TuneFeature
from app.welcome.demo import demo_folder
from app.welcome.feature import WelcomeFeature
from core.demo import HEAD, STEPS, set_up
from core.plan.schema import Entry
from core.project import read_project, write_project
from tests.app.conftest import ENGINE_MS, QUICK_MS, FakeEngine

LEFT = Qt.MouseButton.LeftButton
TINY = {"train": 4, "val": 3, "images": 2, "repair_images": 4, "target": 0.8, "epochs": 1,
        "repair_minutes": 0.02, "repeats": 1}  # fmt: skip


@pytest.fixture
def asked(window, monkeypatch):
    """An empty window whose engine answers as the test says."""
    yield FakeEngine(window.engine, monkeypatch)
    for record in window.engine.running():
        window.engine._on_cancelled(record.number)


@pytest.fixture
def laid_out():
    return set_up(demo_folder(), train=4, val=3)


def rows(dialog):
    return [text.whole for text in dialog.steps.texts]


def button(dialog, text):
    (found,) = [b for b in dialog.findChildren(QPushButton) if b.text().replace("&", "") == text]
    return found


def follow(window, qtbot, start):
    """Start a walk, and return the modes it went through, each with the open project and plan."""
    session, seen = window.session, []
    session.requests.modeChanged.connect(
        lambda mode: seen.append((mode, session.project_path, session.plan.selection))
    )
    session.requests.demoRuns.connect(lambda runs: seen.append(runs))
    qtbot.mouseClick(start, LEFT)
    qtbot.waitUntil(lambda: False in seen, timeout=3 * ENGINE_MS)
    return seen[1 : seen.index(False)]


def test_it_is_laid_out_opened_and_walked(window, qtbot):
    qtbot.mouseClick(window.pane.start_page.demo_button, LEFT)
    assert not window.pane.start_page.demo_button.isEnabled()
    with qtbot.waitSignal(window.session.modelChanged, timeout=ENGINE_MS):
        pass
    session, place = window.session, demo_folder()
    assert session.project_path == place / "demo.secateur"
    assert session.model.facts.image_size == 160
    assert session.measured.data.path == str(place / "scenes" / "data.yaml")
    assert session.measured.goal.macs < 1
    (row,) = [r for r in window.pane.messages.rows if r.message.key == "demo"]
    assert [b.text() for b in row.buttons] == ["Run it all", "Take the tour"]
    demo = window.features[WelcomeFeature].demo
    demo.settings = TINY
    walked = place / "all"
    followed = follow(window, qtbot, row.buttons[0])
    modes = ["plan", "prune", "tune", "compare", "ship", "compare"]
    assert [mode for mode, _, _ in followed] == modes
    assert {path for _, path, _ in followed[1:]} == {walked / "demo.secateur"}
    assert all(plan for _, _, plan in followed[1:])  # the plan is there once it is found
    qtbot.waitUntil(lambda: demo._waiting is None, timeout=ENGINE_MS)
    qtbot.waitUntil(lambda: bool(session.lineage.results), timeout=ENGINE_MS)
    assert session.project_path == walked / "demo.secateur"
    assert [r.output for r in session.lineage.results] == [str(walked / "pruned.pt")]
    assert len(session.measured.comparison["models"]) == 3
    assert session.prediction.changes
    assert not session.dirty
    dialog = demo.dialog
    assert dialog.isVisible()
    assert all(rows(dialog))
    qtbot.mouseClick(button(dialog, "Open in window"), LEFT)
    qtbot.waitUntil(lambda: window.features[WelcomeFeature].demo.dialog is None, timeout=QUICK_MS)
    listed = window.workspace["compare"].widget()
    assert listed.isVisible()
    assert [one.output for one in session.lineage.tuned] == [str(walked / "tuned.pt")]
    qtbot.waitUntil(lambda: bool(window.context.jobs.entries), timeout=QUICK_MS)
    window.features[TuneFeature].results.take()
    assert len(session.lineage.tuned) == 1, "it is known already, and no news"
    assert not session.dirty
    assert not (place / "demo.jobs").exists()  # what was done by hand is left as it was


def test_it_is_opened_again_as_it_was_left(window, qtbot, laid_out):
    """Whatever the user saved in it stays."""
    project = read_project(laid_out.project)
    plan = project.plan.model_copy(update={"selection": (Entry(block=5, ratio=0.5),)})
    write_project(laid_out.project, project.model_copy(update={"plan": plan}))
    with qtbot.waitSignal(window.session.modelChanged, timeout=ENGINE_MS):
        window.actions_table.by_id["demo"].trigger()
    assert [entry.block for entry in window.session.plan.selection] == [5]


def test_steps_and_progress_show(window, qtbot, asked):
    window.actions_table.by_id["run_demo"].trigger()
    dialog, number = window.features[WelcomeFeature].demo.dialog, asked.last("demo").number
    assert dialog.isVisible()
    for step in STEPS[:2]:
        news = {"step": step.name, "title": step.title, "text": f"did {step.name}", "seconds": 1.2}
        asked.partial("demo", news)
    asked.partial("demo", {"repair": {"step": "refit"}})  # another step's own news
    window.engine._on_progress(number, 0.25, "3 of 10, Suggest")
    assert rows(dialog)[:3] == ["did data", "did open", ""]
    assert dialog.now.whole == "3 of 10, Suggest"
    assert dialog.bar.value() == 250


def test_hidden_it_goes_on_and_comes_back(window, qtbot, asked):
    window.features[WelcomeFeature].demo.run_all()
    dialog = window.features[WelcomeFeature].demo.dialog
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        qtbot.keyClick(dialog, key)
    assert not dialog.isVisible()
    assert not asked.cancels
    window.features[WelcomeFeature].demo.run_all()
    assert window.features[WelcomeFeature].demo.dialog is dialog
    assert dialog.isVisible()
    assert len([r for r in asked.requests if r.task == "demo"]) == 1


def test_it_can_be_stopped_and_run_again(window, qtbot, asked):
    window.features[WelcomeFeature].demo.run_all()
    qtbot.mouseClick(window.features[WelcomeFeature].demo.dialog.cancel_button, LEFT)
    assert asked.cancels == [asked.last("demo").number]
    qtbot.waitUntil(lambda: window.features[WelcomeFeature].demo.dialog is None, timeout=QUICK_MS)
    (row,) = window.pane.messages.rows
    assert row.message.text == "The demo was stopped."
    qtbot.mouseClick(row.buttons[0], LEFT)
    assert len([r for r in asked.requests if r.task == "demo"]) == 2


def test_a_failure_is_said(window, qtbot, asked, heard):
    window.features[WelcomeFeature].demo.run_all()
    asked.failed("demo", Failure("The disk is full.", "Free disk space."))
    qtbot.waitUntil(lambda: window.features[WelcomeFeature].demo.dialog is None, timeout=QUICK_MS)
    assert heard() == ["The disk is full. Free disk space."]


def test_unsaved_work_is_not_left_for_the_results(
    window, qtbot, laid_out, choose, answers, monkeypatch
):
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        window.features[FilesFeature].documents.open_path(str(laid_out.project))
    choose(window, 5)
    asked = FakeEngine(window.engine, monkeypatch)
    window.features[WelcomeFeature].demo.run_all()
    assert asked.last("demo").args["folder"] == str(demo_folder() / "all")
    asked.done("demo", result_of(laid_out))
    assert window.features[WelcomeFeature].demo.dialog.over
    answers["ask"].append(QMessageBox.StandardButton.Cancel)
    qtbot.mouseClick(button(window.features[WelcomeFeature].demo.dialog, "Open in window"), LEFT)
    # A person is asked once the project's network is there to be shown.
    qtbot.waitUntil(lambda: not answers["ask"], timeout=ENGINE_MS)
    assert window.session.dirty


def result_of(place):
    models = [("original", "1 M", "2 M", "3 ms", "0.9", "0.9", "demo.pt")] * 3
    return {
        "folder": str(place.folder), "project": str(place.project), "report": "report.html",
        "pictures": [], "missing": [], "seconds": 1.0, "head": HEAD, "rows": models,
        "verification": {"relative_error": 1e-7, "tolerance": 1e-5}, "comparison": None,
    }  # fmt: skip


def test_the_window_asks_before_it_ends_the_walk(window, qtbot, asked, answers):
    window.features[WelcomeFeature].demo.run_all()
    answers["ask"].append(QMessageBox.StandardButton.Cancel)
    assert not window.close()
    assert window.isVisible()
    answers["ask"].append(QMessageBox.StandardButton.Yes)
    assert window.close()
