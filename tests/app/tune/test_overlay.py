"""Several fine-tunings in one chart: which are offered, their curves, and that they are live."""

import csv

import pytest
from PySide6.QtCore import Qt

from app.tune.charts.epoch_chart import LETTERS, LINES, ROLES
from app.tune.charts.overlay_chart import SAMPLES
from tests.app.conftest import QUICK_MS
from tests.app.tune.test_tuning import STARTED, batch, epoch, fake_run, listed, shown

__all__ = ["fake_run", "shown"]  # fixtures
BASELINE = {"event": "baseline", "metrics": {"map50_95": 0.25}}
ON, OFF = Qt.CheckState.Checked, Qt.CheckState.Unchecked


def tick(panel, run, state=ON):
    others = panel.watch.others
    items = [others.item(n) for n in range(others.count())]
    (item,) = (i for i in items if i.data(Qt.ItemDataRole.UserRole) == str(run.folder))
    item.setCheckState(state)
    return item


@pytest.fixture
def several(opened, shown, qtbot, trained, fake_run):
    """One job that runs, which shows, and two that are over."""
    runs = [fake_run(trained) for _ in range(3)]
    for number, run in enumerate(runs):
        run.emit(STARTED, BASELINE, batch(1, 6), epoch(1, 0.1 + number / 10))
    for run in runs[1:]:
        run.emit(epoch(2, 0.5), {"event": "done"})
        run.set("done")
    listed(opened, qtbot, lambda e: sorted(x.state for x in e) == ["done", "done", "running"])
    opened.context.jobs.watch(str(runs[0].folder))
    qtbot.waitUntil(lambda: shown.watch.others.count() == 2, timeout=QUICK_MS)
    return runs


def curves(panel):
    chart = panel.watch.overlay
    return {} if chart is None else chart.plot.curves


def test_ticked_jobs_share_one_chart_and_the_running_one_is_live(opened, shown, several, qtbot):
    first, second, third = several
    tick(shown, second)
    qtbot.waitUntil(lambda: len(curves(shown)) == 2, timeout=QUICK_MS)
    chart = shown.watch.overlay
    assert chart.isVisible()
    assert not shown.watch.charts.isVisible()
    assert chart.figure.currentText() == "mAP50-95"
    ((name, a), (_, b)) = curves(shown).items()
    assert name.startswith("A trained.pt, ")
    assert a == ((0.0, 1.0), (0.25, 0.1))  # before training, and after the first epoch
    assert b == ((0.0, 1.0, 2.0), (0.25, 0.2, 0.5))
    first.emit(epoch(2, 0.3))
    grown = ((0.0, 1.0, 2.0), (0.25, 0.1, 0.3))
    qtbot.waitUntil(lambda: next(iter(curves(shown).values())) == grown, timeout=QUICK_MS)
    tick(shown, third)
    qtbot.waitUntil(lambda: len(curves(shown)) == 3, timeout=QUICK_MS)
    assert chart.plot.accessibleDescription().count("trained.pt") == 3
    figures = [chart.figure.itemText(n) for n in range(chart.figure.count())]
    assert figures == ["mAP50-95", "mAP50", "box loss", "cls loss", "learning rate"]
    chart.figure.setCurrentIndex(2)
    chart.figure.activated.emit(2)
    assert {y[-1] for _, y in curves(shown).values()} == {1.0}
    head, *rows = csv.reader(chart.plot.data().csv().splitlines())
    assert [column[:1] for column in head] == ["e", "A", "B", "C"]
    assert rows
    for run in (second, third):
        tick(shown, run, OFF)
    assert shown.watch.charts.isVisible()
    assert opened.context.jobs.overlaid == ()


def test_a_job_that_is_chosen_itself_leaves_the_list_of_others(opened, shown, several, qtbot):
    _, second, third = several
    tick(shown, second)
    tick(shown, third)
    qtbot.waitUntil(lambda: len(curves(shown)) == 3, timeout=QUICK_MS)
    opened.context.jobs.watch(str(second.folder))
    assert str(second.folder) not in shown.watch.others.chosen
    assert shown.watch.others.chosen == [str(third.folder)]
    qtbot.waitUntil(lambda: len(curves(shown)) == 2, timeout=QUICK_MS)
    a, b = curves(shown)
    assert a.startswith("A ") and b.startswith("B ")
    opened.context.jobs.watch("")
    assert opened.context.jobs.overlaid == ()


def test_no_more_are_ticked_than_the_chart_can_tell_apart(opened, shown, qtbot, trained, fake_run):
    runs = [fake_run(trained) for _ in range(8)]
    listed(opened, qtbot, lambda e: len(e) == 8)
    opened.context.jobs.watch(str(runs[0].folder))
    for run in runs[1:6]:
        tick(shown, run)
    others = shown.watch.others
    items = [others.item(n) for n in range(others.count())]
    open_to_tick = [bool(i.flags() & Qt.ItemFlag.ItemIsEnabled) for i in items]
    assert open_to_tick.count(False) == 2
    assert all(ok == (i.checkState() == ON) for ok, i in zip(open_to_tick, items, strict=True))
    tick(shown, runs[1], OFF)
    assert all(i.flags() & Qt.ItemFlag.ItemIsEnabled for i in items)


def test_looks_differ_without_colours():
    """Letters differ throughout; dashes in every three, colours in all."""
    assert len(set(LETTERS)) == len(LETTERS) == len(ROLES) == len(set(ROLES))
    assert len(SAMPLES) == len(LINES) == len(set(LINES))
