"""Alternatives measured from the window, against an engine that answers as the test says."""

import math

import pytest
from PySide6.QtCore import Qt

from app.choose.feature import ChooseFeature
from app.data.feature import DataFeature
from app.files.feature import FilesFeature
from app.state import plan_edits
from core.choose.measured import MeasuredPoint
from tests.app.choose.test_suggest import answer, exact, panel_of
from tests.app.conftest import ENGINE_MS

LEFT = Qt.MouseButton.LeftButton
SMALL, MIDDLE, LARGE = exact(*range(64)), exact(*range(32)), exact(0, 1)


def point(accuracy, ms, spread=0.05):
    return MeasuredPoint(
        accuracy, accuracy - spread, accuracy + spread, ms, ms - 0.2, ms + 0.2,
        "map50_95", 32, 320, "onnx", 40.0, "bn,refit",
    ).to_json()  # fmt: skip


UNPRUNED = {"plan": None, **point(0.40, 10.0, spread=0.0)}


@pytest.fixture
def suggested(opened, fake, dataset, tmp_path):
    """A window with a suggestion of three networks, the second of which is the plan."""
    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.workspace.go_to("choose")
    opened.features[ChooseFeature].controller.suggest()
    answered = answer(opened, tmp_path, MIDDLE, (0.9, LARGE), (0.5, SMALL), (0.7, MIDDLE))
    fake.done("suggest", answered)
    opened.session.flush()
    return opened


def measure(window, fake, qtbot):
    """Press the button, and confirm."""
    qtbot.mouseClick(panel_of(window).front.measure, LEFT)
    dialog = window.features[ChooseFeature].front._dialog
    fake.done("estimate_front", {"seconds": 190.0, "networks": 3, "known": 0, "images": 32})
    dialog.go.click()
    return fake.last("measure_front").args


def test_an_estimate_is_shown_before_anything_is_measured(suggested, fake, qtbot):
    front = panel_of(suggested).front
    assert "Predicted from the ranking, not measured." in front.note.text()
    qtbot.mouseClick(front.measure, LEFT)
    dialog = suggested.features[ChooseFeature].front._dialog
    asked = fake.last("estimate_front").args
    assert asked["repair"] == ["bn", "refit"]
    assert len(asked["plans"]) == 3
    assert asked["data"]["split"] == "val"
    assert dialog.estimate.text() == "Estimating…"
    assert dialog.repair.currentText() == "BatchNorm statistics and refit"
    fake.done("estimate_front", {"seconds": 190.0, "networks": 2, "known": 1, "images": 32})
    told = dialog.estimate.text()
    assert told == "2 networks on 32 images: about 3 min. 1 is measured already."
    dialog.repair.setCurrentIndex(2)
    assert fake.last("estimate_front").args["repair"] == []
    assert dialog.estimate.text() == "Estimating…"
    fake.done("estimate_front", {"seconds": 0.0, "networks": 0, "known": 3, "images": 32})
    assert dialog.estimate.text() == "All 3 networks are measured already on 32 images."
    assert not dialog.go.isEnabled()
    dialog.reject()
    assert not suggested.engine.running()
    assert not [r for r in fake.requests if r.task == "measure_front"]


def test_the_chart_fills_in_while_points_arrive(suggested, fake, qtbot):
    session, front = suggested.session, panel_of(suggested).front
    chart = front._chart
    asked = measure(suggested, fake, qtbot)
    first = asked["plans"][0]["selection"]
    assert first == MIDDLE.to_json()["selection"]  # the plan's network comes first
    assert front.progress.isVisibleTo(front)
    assert not front.measure.isVisibleTo(front)
    fake.partial("measure_front", UNPRUNED)
    assert not chart.measured
    fake.partial("measure_front", {"plan": 0, **point(0.36, 8.0)})
    assert chart.measured
    assert [session.measured.front[n].macs for n in chart.shown] == [0.7]
    assert len(chart._points.points()) == 1  # nothing is invented for the others
    place = chart._points.points()[0].pos()
    assert (place.x(), place.y()) == pytest.approx((8.0, 90.0))
    x, y = chart._bars.getData()
    assert (x[0], y[0], x[1], y[1]) == pytest.approx((8.0, 77.5, 8.0, 102.5))
    assert "1 of 3 networks. Measured on 32 images at 320 px, repaired (bn, refit)" in (
        front.note.text()
    )
    fake.partial("measure_front", {"plan": 1, **point(0.20, 6.0)})
    assert [session.measured.front[n].macs for n in chart.shown] == [0.5, 0.7]
    assert panel_of(suggested).folds["front"].summary.toolTip() != "3 networks"


def test_tip_table_and_reader_say_the_same(suggested, fake, qtbot):
    chart = panel_of(suggested).front._chart
    measure(suggested, fake, qtbot)
    fake.partial("measure_front", UNPRUNED)
    fake.partial("measure_front", {"plan": 0, **point(0.36, 8.0)})
    tip = chart._words(8.0, 90.0, 1)
    assert "mAP50-95 0.3600, 90.0% of the unpruned 0.4000; 95% interval 0.3100 to 0.4100" in tip
    assert "no difference that 32 images can show" in tip
    assert "8.0 ms per image of 10.0" in tip
    assert "0.3100 to 0.4100" in chart.accessibleDescription()
    assert "1 of them measured on 32 images" in chart.accessibleDescription()
    data = chart.data()
    rows = [dict(zip(data.columns, row, strict=True)) for row in data.rows]
    assert rows[1]["mAP50-95"] == 0.36
    assert rows[1]["mAP50-95 of unpruned (%)"] == pytest.approx(90)
    assert rows[0]["mAP50-95"] is None
    assert rows[-1]["time (ms)"] == 10.0
    assert "Unpruned: mAP50-95 0.4000" in chart._words(10.0, 100.0, -1)
    assert b"<svg" in chart.svg()
    assert chart.measured


def test_measured_points_are_picked_by_key(suggested, fake, qtbot):
    session, chart = suggested.session, panel_of(suggested).front._chart
    measure(suggested, fake, qtbot)
    fake.partial("measure_front", UNPRUNED)
    for number, (accuracy, ms) in enumerate([(0.36, 8.0), (0.20, 9.0), (0.39, 9.5)]):
        fake.partial("measure_front", {"plan": number, **point(accuracy, ms)})
    qtbot.keyClick(chart, Qt.Key.Key_Right)  # by time, not by GFLOPs
    assert session.plan.selection == SMALL.selection
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    assert session.plan.selection == LARGE.selection


def test_a_cancelled_measurement_keeps_its_points(suggested, fake, qtbot, heard):
    front = panel_of(suggested).front
    measure(suggested, fake, qtbot)
    fake.partial("measure_front", UNPRUNED)
    fake.partial("measure_front", {"plan": 0, **point(0.36, 8.0)})
    front.progress.cancel.click()
    assert "stopped. 1 network measured so far" in heard()[-1]
    assert front._chart.measured
    assert front.measure.isVisibleTo(front)
    assert front.measure.text() == "Measure the rest…"


def test_a_plan_made_by_hand_is_measured_too(suggested, fake, qtbot, choose):
    session, chart = suggested.session, panel_of(suggested).front._chart
    session.edit(plan_edits.clear(session.plan))
    choose(suggested, 4, ratio=0.25)
    asked = measure(suggested, fake, qtbot)
    assert asked["plans"][0]["selection"] == [{"block": 4, "ratio": 0.25}]
    assert len(asked["plans"]) == 4
    assert len(chart.shown) == 3  # nothing is predicted of it
    (own,) = [one for one in session.measured.front if math.isnan(one.score)]
    assert 0.9 < own.macs < 1
    fake.partial("measure_front", UNPRUNED)
    fake.partial("measure_front", {"plan": 0, **point(0.38, 9.8)})
    assert [session.measured.front[n] for n in chart.shown] != []
    assert session.measured.alternative_of(session.plan) == chart.shown[0]
    assert chart.data().rows[chart.shown[0]][2] is None


def test_other_images_or_another_repair_start_over(suggested, fake, qtbot):
    session, chart = suggested.session, panel_of(suggested).front._chart
    data = suggested.features[DataFeature].controller
    measure(suggested, fake, qtbot)
    fake.partial("measure_front", UNPRUNED)
    fake.partial("measure_front", {"plan": 0, **point(0.36, 8.0)})
    data.change_data(images=12)
    assert not chart.measured
    fake.partial("measure_front", {"plan": 1, **point(0.20, 6.0)})
    assert not chart.measured  # it is of the images before
    data.change_data(images=96)
    assert chart.measured  # and back, they are there again
    suggested.engine.cancel(suggested.engine.running("measure_front")[0].number)
    suggested.features[ChooseFeature].front.measure(())
    assert fake.last("measure_front").args["repair"] == []
    assert not any(one.measured for one in session.measured.front)


def test_points_measured_before_come_with_the_suggestion(suggested, fake, tmp_path):
    suggested.features[ChooseFeature].controller.suggest()
    asked = fake.last("suggest").args
    assert asked["val"]["split"] == "val"
    assert asked["repair"] == ["bn", "refit"]
    answered = answer(suggested, tmp_path, MIDDLE, (0.9, LARGE), (0.5, SMALL), (0.7, MIDDLE))
    known = [None, point(0.2, 6.0), point(0.36, 8.0)]
    answered["measured"] = {"unpruned": UNPRUNED, "points": known, "refused": []}
    fake.done("suggest", answered)
    measured = suggested.session.measured
    told = [one.measured.accuracy if one.measured else None for one in measured.front]
    assert told == [0.2, 0.36, None]
    assert panel_of(suggested).front._chart.measured


def test_what_was_measured_is_there_when_the_model_is_opened_again(
    suggested, fake, qtbot, trained, drop, dataset
):
    measure(suggested, fake, qtbot)
    fake.partial("measure_front", UNPRUNED)
    fake.partial("measure_front", {"plan": 0, **point(0.36, 8.0)})
    suggested.engine.cancel(suggested.engine.running("measure_front")[0].number)
    suggested.session.undo_stack.setClean()
    suggested.session._extra_unsaved = False
    suggested.features[FilesFeature].documents.close_model()
    measured = suggested.session.measured
    assert measured.front == ()
    del suggested.engine._submit, suggested.engine._cancel  # the engine itself opens the model
    with qtbot.waitSignal(suggested.session.scoresChanged, timeout=ENGINE_MS):
        drop(suggested, trained)
    assert len(measured.front) == 3
    assert not any(one.measured for one in measured.front)  # of images that are not set
    suggested.features[DataFeature].controller.set_data(str(dataset))
    assert [one.measured is not None for one in measured.front] == [False, True, False]
    assert measured.unpruned.accuracy == 0.4


def test_what_cannot_be_measured_is_said(suggested, fake, qtbot, heard):
    measure(suggested, fake, qtbot)
    refused = [{"plan": 2, "message": "The plan removes nothing."}]
    points = [point(0.36, 8.0), point(0.2, 6.0), None]
    fake.done("measure_front", {"unpruned": UNPRUNED, "points": points, "refused": refused})
    assert "2 networks measured." in heard()[-1]
    assert "1 could not be measured: The plan removes nothing." in heard()[-1]


def test_without_a_dataset_the_button_says_what_is_missing(opened, fake, tmp_path):
    opened.features[ChooseFeature].controller.suggest()
    fake.done("suggest", answer(opened, tmp_path, MIDDLE, (0.7, MIDDLE)))
    front = panel_of(opened).front
    assert not front.measure.isEnabled()
    assert "Choose a dataset" in front.measure.toolTip()
    assert "Choose a dataset" in front.note.text()
