"""A search in the window: its front, and its networks opened; the test plays the engine."""

import pytest
from PySide6.QtCore import QPointF, Qt

from app.data.feature import DataFeature
from app.search.controller import UNPRUNED
from app.search.feature import SearchFeature
from core.plan.schema import Target
from tests.app.conftest import QUICK_MS

LEFT = Qt.MouseButton.LeftButton


def point(ms, accuracy):
    spread = {"low": accuracy - 0.01, "high": accuracy + 0.01}
    times = {"latency_ms": ms, "latency_low": ms - 1, "latency_high": ms + 1}
    told = {"metric": "map50_95", "images": 8, "image_size": 320, "runtime": "onnx"}
    return {"accuracy": accuracy, **spread, **times, **told, "seconds": 1.0, "repair": "bn"}


UNTOUCHED = {"point": point(20.0, 0.8), "parameters": 100, "macs": 100}


def trial(number, state="measured", at=None, file=""):
    told = {"trial": number, "settings": {}, "state": state, "seconds": 1.0, "file": str(file)}
    return told if at is None else {**told, "point": point(*at)}


@pytest.fixture
def searching(opened, fake, dataset, qtbot):
    """A search that has begun."""
    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.workspace.go_to("search")
    panel = opened.workspace["search"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    panel.trials.setValue(12)
    panel.tune.setValue(0.5)
    qtbot.mouseClick(panel.search, LEFT)
    return panel


def hear(window, fake, qtbot, *items):
    with qtbot.waitSignal(window.features[SearchFeature].controller.changed, timeout=QUICK_MS):
        for item in items:
            fake.partial("search", item)


INT8 = {"format": "openvino", "point": {**point(8.0, 0.78), "runtime": "openvino"}, "figures": {}}


def begun(*trials, front=(), int8=INT8):
    return {"unpruned": UNTOUCHED, "int8": int8, "trials": list(trials), "front": list(front)}


def more(record, *front):
    return {"unpruned": UNTOUCHED, "int8": INT8, "trial": record, "front": list(front)}


def test_it_asks_for_what_is_set(opened, fake, searching, dataset):
    asked = fake.last("search").args
    told = asked["search"]
    assert (told["trials"], told["minutes"], told["tune_minutes"]) == (12, 30.0, 0.5)
    assert told["data"] == str(dataset)
    assert Target.model_validate(told["budget"]) == opened.session.measured.aim
    assert told["plan"]["selection"] == []
    assert asked["path"] == opened.session.model.path
    assert searching.progress.isVisibleTo(searching)
    assert not searching.search.isEnabled()
    from core.search.settings import parse_search

    assert parse_search({**told, "model": asked["path"]}).trials == 12


def test_more_time_continues_the_search_and_other_settings_begin_one(
    opened, fake, searching, qtbot
):
    first = fake.last("search").args["folder"]
    fake.done("search", {"front": []})
    searching.minutes.setValue(90)
    qtbot.mouseClick(searching.search, LEFT)
    assert fake.last("search").args["folder"] == first
    fake.done("search", {"front": []})
    searching.tune.setValue(2)
    qtbot.mouseClick(searching.search, LEFT)
    assert fake.last("search").args["folder"] != first


@pytest.mark.parametrize(
    ("kind", "line", "place"),
    [
        ("", "", ""),
        ("ray", "", "ray"),
        ("cluster", "head:6000", "ray://head:6000"),
        ("slurm", "", "slurm"),
        ("slurm", "gpu minutes=240 gpus=1", "slurm:gpu minutes=240 gpus=1"),
    ],
)
def test_where_trials_are_made_is_asked_for_and_another_place_continues(
    opened, fake, searching, kind, line, place, qtbot
):
    first = fake.last("search").args
    assert first["on"] == ""
    assert not searching.on.isEnabled()
    fake.done("search", {"front": []})
    on = searching.on
    on.box.setCurrentIndex(on.box.findData(kind))
    if line:
        {"cluster": on.address, "slurm": on.limits}[kind].setText(line)
    qtbot.mouseClick(searching.search, LEFT)
    asked = fake.last("search").args
    assert (asked["on"], asked["folder"]) == (place, first["folder"])


@pytest.mark.parametrize(
    ("kind", "line"), [("cluster", ""), ("cluster", "no host"), ("slurm", "a b"), ("slurm", "x=$y")]
)
def test_a_place_that_is_none_starts_nothing(opened, fake, searching, kind, line, qtbot):
    fake.done("search", {"front": []})
    before, messages = len(fake.requests), []
    opened.session.messageRaised.connect(messages.append)
    on = searching.on
    on.box.setCurrentIndex(on.box.findData(kind))
    {"cluster": on.address, "slurm": on.limits}[kind].setText(line)
    qtbot.mouseClick(searching.search, LEFT)
    assert len(fake.requests) == before
    assert messages[-1].hint == on.hint and on.hint


def test_the_front_grows_while_it_runs(opened, fake, searching, qtbot):
    hear(opened, fake, qtbot, begun())
    chart = searching._chart
    assert chart.places == {UNPRUNED: (20.0, 0.8)}
    hear(opened, fake, qtbot, more(trial(0, at=(15.0, 0.7)), 0))
    hear(opened, fake, qtbot, more(trial(1, "stopped", at=(16.0, 0.6)), 0))
    hear(opened, fake, qtbot, more(trial(2, "refused"), 0))
    hear(opened, fake, qtbot, more(trial(3, at=(10.0, 0.65)), 3, 0))
    assert list(chart.places) == [3, 0, UNPRUNED]
    rows = chart.data().rows
    assert [row[0] for row in rows] == [1, 2, 4, None, "unpruned, INT8"]
    assert [row[-1] for row in rows] == [1, 0, 1, 0, 0]
    assert "4 trials, 2 on the front" in searching.status.text()
    assert "1 not possible" in searching.status.text()
    assert "3 networks measured" in chart.accessibleDescription()
    assert "Trial 4: 10.0 ms, mAP50-95 0.6500" in chart.accessibleDescription()


def test_a_search_that_continues_shows_what_it_had(opened, fake, searching, qtbot):
    hear(
        opened, fake, qtbot, begun(trial(0, at=(15.0, 0.7)), trial(1, at=(9.0, 0.6)), front=(1, 0))
    )
    assert list(searching._chart.places) == [1, 0, UNPRUNED]


def test_the_unpruned_network_as_int8_is_a_diamond(opened, fake, searching, qtbot):
    hear(opened, fake, qtbot, begun(trial(0, at=(15.0, 0.7)), front=(0,)))
    chart = searching._chart
    (spot,) = chart._small.points()
    assert (spot.pos().x(), spot.pos().y()) == (8.0, 0.78)
    assert list(chart.places) == [0, UNPRUNED]  # there is no file of it to open
    assert "Unpruned as INT8: 8.0 ms, mAP50-95 0.7800" in chart.accessibleDescription()
    assert "the diamond the same as INT8" in searching.status.text()
    assert [entry.sign for entry in chart.legend()] == ["●", "○", "□", "◇"]


@pytest.mark.parametrize("why", ["Not installed: nncf.", "It cannot be exported."])
def test_without_int8_the_panel_says_why(opened, fake, searching, qtbot, why):
    hear(opened, fake, qtbot, begun(int8={"format": "openvino", "missing": why}))
    assert f"INT8 was not measured: {why}" in searching.status.text()
    assert [entry.sign for entry in searching._chart.legend()] == ["●", "○", "□"]
    assert len(searching._chart.data().rows) == 1


def test_int8_can_be_left_out(opened, fake, searching, qtbot):
    """It is another search then, and nothing is said of INT8."""
    first = fake.last("search").args
    assert "int8" not in first["search"] and not searching.int8.isEnabled()
    fake.done("search", {"front": []})
    searching.int8.setChecked(False)
    qtbot.mouseClick(searching.search, LEFT)
    asked = fake.last("search").args
    assert asked["search"]["int8"] is False
    assert asked["folder"] != first["folder"]
    hear(opened, fake, qtbot, begun(int8={}))
    assert "INT8" not in searching.status.text()
    assert [entry.sign for entry in searching._chart.legend()] == ["●", "○", "□"]


def test_partial_results_of_its_parts_are_not_trials(opened, fake, searching, qtbot):
    hear(opened, fake, qtbot, begun())
    fake.partial("search", {"units": []})
    fake.partial("search", {"step": "refit", "kept": True})
    assert opened.features[SearchFeature].controller.trials == ()


def test_a_click_opens_the_network_of_a_point(opened, fake, searching, qtbot, tmp_path):
    file = tmp_path / "trial-000.pt"
    file.write_bytes(b"")
    model = opened.session.model.path
    hear(opened, fake, qtbot, begun(trial(0, at=(10.0, 0.7), file=file), front=(0,)))
    chart, wanted = searching._chart, []
    opened.session.requests.openWanted.disconnect()
    opened.session.requests.openWanted.connect(wanted.append)
    chart.resize(400, 240)
    for number in (0, UNPRUNED):
        item = chart._best if number == 0 else chart._whole
        place = chart.getPlotItem().vb.mapViewToScene(QPointF(*chart.places[number]))
        assert item.pointsAt(item.mapFromScene(place))
        item.sigClicked.emit(item, item.points(), None)
    assert wanted == [str(file), model]


def test_keys_go_along_the_front_and_open(opened, fake, searching, qtbot):
    trials = [trial(0, at=(10.0, 0.7)), trial(1, at=(5.0, 0.5)), trial(2, at=(7.0, 0.1))]
    hear(opened, fake, qtbot, begun(*trials, front=(1, 0)))
    chart, picked = searching._chart, []
    opened.session.requests.openWanted.disconnect()  # it would ask what to do with the plan
    chart.picked.connect(picked.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Return, Qt.Key.Key_Right, Qt.Key.Key_Return):
        qtbot.keyClick(chart, key)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Enter):  # no further than the last
        qtbot.keyClick(chart, key)
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    qtbot.keyClick(chart, Qt.Key.Key_Return)
    assert picked == [1, 0, UNPRUNED, 0]


def test_a_network_that_was_not_kept_is_said_to_be_gone(opened, fake, searching, qtbot):
    hear(opened, fake, qtbot, begun(trial(0, at=(10.0, 0.7), file="/gone.pt"), front=(0,)))
    messages, wanted = [], []
    opened.session.messageRaised.connect(messages.append)
    opened.session.requests.openWanted.connect(wanted.append)
    opened.features[SearchFeature].controller.open(0)
    assert wanted == []
    assert "trial 1 was not kept" in messages[-1].text


def test_it_needs_a_dataset_and_can_be_cancelled(opened, fake, qtbot, dataset):
    opened.workspace.go_to("search")
    panel = opened.workspace["search"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    assert not panel.search.isEnabled()
    opened.features[DataFeature].controller.set_data(str(dataset))
    assert panel.search.isEnabled()
    qtbot.mouseClick(panel.search, LEFT)
    messages = []
    opened.session.messageRaised.connect(messages.append)
    qtbot.mouseClick(panel.progress.cancel, LEFT)
    assert fake.cancels == [fake.last("search").number]
    assert "The search was stopped" in messages[-1].text
    assert panel.search.isEnabled()


def test_why_it_cannot_begin_is_in_sight(opened, fake, dataset, qtbot):
    opened.workspace.go_to("search")
    panel = opened.workspace["search"].widget()
    assert not panel.search.isEnabled() and "Choose a dataset first" in panel.status.text()
    opened.features[DataFeature].controller.set_data(str(dataset))
    qtbot.waitUntil(panel.search.isEnabled, timeout=QUICK_MS)
    assert "Choose a dataset" not in panel.status.text()
