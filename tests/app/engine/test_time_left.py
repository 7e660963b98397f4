"""The time left of tasks and jobs, wherever the window shows how far they are."""

from PySide6.QtWidgets import QApplication, QTableView

from app.engine.client import TaskRecord
from app.engine.task_line import TaskLine
from core.progress import TimeLeft
from tests.app.conftest import QUICK_MS
from tests.app.fake_runs import FakeRun


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def column(view: QTableView, title: str) -> list[str]:
    model = view.model()
    names = [column.title for column in model.columns]
    place = names.index(title)
    return [model.index(n, place).data() for n in range(model.rowCount())]


def test_it_shows_from_the_second_step_in_every_place(fake, qtbot):
    window, clock = fake.engine.parent(), Clock()
    client = fake.engine
    lines = [TaskLine(client, "sensitivity"), TaskLine(client, "sensitivity", tall=True)]
    for line in lines:
        qtbot.addWidget(line)
    window.workspace.go_to("jobs")
    part = window.workspace["jobs"].widget().engine
    number = client.submit("sensitivity", "Scan", {})
    client.record(number).estimate = TimeLeft(clock)

    def report(share):
        clock.now += 60.0
        client._on_progress(number, share, "Scanning block 3")

    report(0.0)
    report(0.1)
    assert [line.left.text() for line in lines] == ["", ""]
    assert column(part.view, "Time left")[0] == ""
    report(0.2)
    assert [line.left.text() for line in lines] == ["about 8 min left"] * 2
    assert not any(line.left.isHidden() for line in lines)
    assert column(part.view, "Time left")[0] == "about 8 min"
    assert "about 8 min left" in part._text.text()
    assert window.statusBar()._job.whole == "Scanning block 3, about 8 min left"
    clock.now += 60.0
    client._on_tick()
    assert lines[0].left.text() == "about 7 min left"
    client._on_done(number, {})
    assert client.record(number).left == ""
    assert column(part.view, "Time left")[0] == ""
    client._on_tick()
    assert not client._tick.isActive()


def test_the_status_bar_cancels_what_it_shows(fake):
    window, client = fake.engine.parent(), fake.engine
    bar = window.statusBar()
    assert not bar.cancel.isVisible()
    height = bar.height()
    number = client.submit("prune", "Prune", {})
    QApplication.processEvents()
    assert bar.height() == height  # or the graph would move
    assert bar.cancel.isVisible() and bar.cancel.isEnabled()
    bar.cancel.click()
    assert fake.cancels == [number]
    client._on_cancelled(number)
    assert not bar.cancel.isVisible()


def test_a_job_shows_what_its_events_say_while_it_runs(window, qtbot):
    run = FakeRun("a.pt")
    event = {"event": "batch", "epoch": 1, "epochs": 9, "batch": 2, "batches": 8}
    run.emit({**event, "seconds_left": None})
    window.workspace.go_to("jobs")
    view = window.workspace["jobs"].widget().long_jobs.view

    def shows(text):
        qtbot.waitUntil(lambda: column(view, "Figures, progress") == [text], timeout=QUICK_MS)

    shows("epoch 1 of 9, batch 2 of 8")
    run.emit({**event, "batch": 3, "seconds_left": 180.0})
    shows("epoch 1 of 9, batch 3 of 8, about 3 min left")
    run.set("done")
    shows("")
    window.context.jobs.entries = ()


def test_a_task_that_waits_or_is_over_has_none():
    record = TaskRecord(1, "prune", "Prune", text="Pruning")
    for share in (0.0, 0.3, 0.6):
        record.estimate.step(share)
    assert (record.left, record.words) == ("", "Pruning")
    record.state = "running"
    assert record.words == "Pruning, a few seconds left"
