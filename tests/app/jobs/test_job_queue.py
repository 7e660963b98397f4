"""The panel “Jobs”: a queue that can be ordered, outlives the window, and tells the results."""

from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from app.jobs.log_dialog import JobLogDialog, tail_of
from core.runs import queue
from core.runs.folder import read_job, told, write_job
from core.runs.life import this_process
from core.system.paths import data_folder
from tests.app.conftest import QUICK_MS
from tests.app.fake_runs import FakeRun

LEFT = Qt.MouseButton.LeftButton
Buttons = QMessageBox.StandardButton


@pytest.fixture
def started(monkeypatch):
    """Jobs whose process was to be started; they count as running then, by this process."""
    folders = []

    def launcher(folder):
        folders.append(folder)
        job = read_job(folder)
        write_job(folder, job.model_copy(update={"state": "running", "process": this_process()}))

    monkeypatch.setattr(queue, "go_on", partial(queue.go_on, launcher))
    yield folders
    for folder in folders:
        end(folder)


def end(folder, state="done", **more):
    write_job(folder, read_job(folder).model_copy(update={"state": state, **more}))


def begin(window, name):
    """Start a tuning as the form does."""
    arguments = {"model": f"/nowhere/{name}.pt", "preset": "recover_quickly", "device": "cpu"}
    window.context.jobs.start("finetune", arguments, {}, str(data_folder() / "jobs"))


@pytest.fixture
def panel(opened, started, qtbot):
    opened.workspace.go_to("jobs")
    panel = opened.workspace["jobs"].widget()
    yield panel.long_jobs
    opened.context.jobs.entries = ()


def rows(panel):
    return [(entry.title, entry.state, entry.place) for entry in panel.model.rows]


def shows(qtbot, panel, *wanted):
    qtbot.waitUntil(lambda: rows(panel) == list(wanted), timeout=QUICK_MS)


@pytest.fixture
def three(panel, opened, qtbot):
    """One that runs and two that wait."""
    for name in "abc":
        begin(opened, name)
    shows(qtbot, panel, ("a.pt", "running", 0), ("b.pt", "ready", 1), ("c.pt", "ready", 2))
    return panel


def pick(panel, title):
    panel.view.selectRow(next(n for n, e in enumerate(panel.model.rows) if e.title == title))


def test_several_are_started_and_one_runs_at_a_time(three, opened, started, qtbot, heard):
    assert [read_job(folder).arguments["model"] for folder in started] == ["/nowhere/a.pt"]
    assert opened.context.jobs.watched == str(started[0])
    assert "c.pt is waiting in the queue" in heard()[-1]
    assert "1 running, 2 waiting" in three.status.whole
    told_of_b = three.model.data(three.model.index(1, 3))
    assert told_of_b == "after a.pt"
    result = {"before": {"map50_95": 0.2}, "after": {"map50_95": 0.3}, "output": "t.pt"}
    end(started[0], result=result)
    shows(qtbot, three, ("b.pt", "running", 0), ("c.pt", "ready", 1), ("a.pt", "done", 0))
    assert three.model.data(three.model.index(2, 3)) == "mAP50-95 0.2000 → 0.3000"
    assert opened.context.jobs.watched == str(started[0])  # what is shown stays
    assert any("of b.pt has started" in text for text in heard())


def test_the_queue_is_ordered_by_buttons_and_keys(three, qtbot):
    pick(three, "c.pt")
    assert three.up.isEnabled()
    assert not three.down.isEnabled()
    qtbot.mouseClick(three.up, LEFT)
    shows(qtbot, three, ("a.pt", "running", 0), ("c.pt", "ready", 1), ("b.pt", "ready", 2))
    assert three.chosen.title == "c.pt"  # the job stays chosen, wherever it went
    three.view.setFocus()
    qtbot.keyClick(three.view, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    shows(qtbot, three, ("a.pt", "running", 0), ("b.pt", "ready", 1), ("c.pt", "ready", 2))
    pick(three, "b.pt")
    assert three.stop.text() == "&Remove"
    qtbot.mouseClick(three.stop, LEFT)
    shows(qtbot, three, ("a.pt", "running", 0), ("c.pt", "ready", 1), ("b.pt", "cancelled", 0))
    qtbot.mouseClick(three.resume, LEFT)
    shows(qtbot, three, ("a.pt", "running", 0), ("b.pt", "cancelled", 1), ("c.pt", "ready", 2))


def test_a_running_one_is_paused_and_stopped_from_the_list(three, started, qtbot):
    pick(three, "a.pt")
    qtbot.mouseClick(three.pause, LEFT)
    qtbot.waitUntil(lambda: three.pause.text() == "&Continue", timeout=QUICK_MS)
    assert told(started[0]) == "pause"
    qtbot.mouseClick(three.stop, LEFT)
    qtbot.waitUntil(lambda: told(started[0]) == "cancel", timeout=QUICK_MS)


def test_the_log_shows_events_settings_and_what_was_printed(three, started, qtbot, opened):
    (started[0] / "log.txt").write_text("a warning of a library\n")
    (started[0] / "events.jsonl").write_text('{"event": "epoch"}\n')
    pick(three, "a.pt")
    qtbot.mouseClick(three.log, LEFT)
    dialog = opened.findChild(JobLogDialog)
    said = []
    for number in range(3):
        dialog.tabs.setCurrentIndex(number)
        said.append(dialog.words)
    assert '"epoch"' in said[0]
    assert "a warning of a library" in said[1]
    assert "/nowhere/a.pt" in said[2]
    dialog.accept()


def test_a_long_log_shows_its_end_in_whole_lines(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("".join(f"line {n}\n" for n in range(10_000)))
    lines = tail_of(path, 1000).splitlines()
    assert lines[0].startswith("…")
    assert lines[1].startswith("line ")
    assert lines[-1] == "line 9999"
    assert tail_of(tmp_path / "none") == ""


@pytest.mark.parametrize("answer", [Buttons.Yes, Buttons.No])
def test_the_queue_outlives_the_window(three, opened, started, qtbot, answers, answer):
    from app.window.main_window import MainWindow

    opened.session.undo_stack.setClean()
    opened.session._extra_unsaved = False
    answers["ask"].append(answer)
    assert opened.close()
    stopped = answer == Buttons.No
    assert told(started[0]) == ("cancel" if stopped else "run")
    if stopped:
        end(started[0], "cancelled")
    again = MainWindow()
    said = []
    again.session.messageRaised.connect(said.append)
    try:
        runs = again.context.jobs
        qtbot.waitUntil(
            lambda: [e.title for e in runs.waiting] == ["b.pt", "c.pt"], timeout=QUICK_MS
        )
        assert all(entry.held is stopped for entry in runs.waiting)
        if stopped:
            qtbot.waitUntil(lambda: any("is paused" in m.text for m in said), timeout=QUICK_MS)
            next(m for m in said if "is paused" in m.text).actions[0][1]()
        else:
            end(started[0])
        qtbot.waitUntil(lambda: len(started) == 2, timeout=QUICK_MS)
        assert read_job(started[1]).arguments["model"] == "/nowhere/b.pt"
    finally:
        for folder in started:
            end(folder)
        again.context.jobs.hold(True)
        again.context.jobs.entries = ()
        again.close()
        again.deleteLater()


def test_one_that_cannot_start_says_why(opened, panel, monkeypatch, heard, qtbot):
    from core.errors import UserError

    def refuses(folder):
        raise UserError("The model is gone.", "Put it back.")

    monkeypatch.setattr(queue, "go_on", partial(queue.go_on.func, refuses))
    begin(opened, "a")
    qtbot.waitUntil(lambda: any("The model is gone." in text for text in heard()), timeout=QUICK_MS)
    shows(qtbot, panel, ("a.pt", "failed", 0))
    assert panel.model.data(panel.model.index(0, 3)) == "The model is gone."


def test_an_interrupted_one_is_resumed_before_those_that_wait(
    opened, panel, started, qtbot, trained
):
    run = FakeRun(trained)
    run.set("running", alive=False)
    queue.hold(True)
    begin(opened, "b")
    name = trained.name
    shows(qtbot, panel, ("b.pt", "ready", 1), (name, "interrupted", 0))
    pick(panel, name)
    qtbot.mouseClick(panel.resume, LEFT)
    shows(qtbot, panel, (name, "interrupted", 1), ("b.pt", "ready", 2))
    assert panel.held.text() == "Resume &queue"
    qtbot.mouseClick(panel.held, LEFT)
    shows(qtbot, panel, (name, "running", 0), ("b.pt", "ready", 1))


@pytest.mark.parametrize("content", ["", "[]", '{"id": 7}', '{"version": 1, "kind": []}'])
def test_a_damaged_job_is_named_and_the_rest_is_shown(panel, opened, qtbot, content):
    bad = data_folder() / "jobs" / "bad"
    bad.mkdir(parents=True)
    (bad / "job.json").write_text(content)
    begin(opened, "good")
    qtbot.waitUntil(lambda: any("Left out" in m.text for m in opened.said), timeout=QUICK_MS)
    qtbot.waitUntil(lambda: [row[0] for row in rows(panel)] == ["good.pt"], timeout=QUICK_MS)
    said = [m for m in opened.said if "Left out" in m.text]
    assert len(said) == 1 and str(bad) in said[0].text
