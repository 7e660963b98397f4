"""The heat map and the curves, while a scan runs and after; the test plays the engine."""

import json

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from app.data.feature import DataFeature
from app.engine.place_choice import PlaceChoice
from app.files.feature import FilesFeature
from app.sensitivity.controller import read_scan
from app.sensitivity.feature import SensitivityFeature
from app.sensitivity.panel import PLACES, read_ratios
from app.state.files import scan_file
from app.state.measurements import HEAT_FULL, Point
from app.window.graph_binding import graph_state
from tests.app.conftest import QUICK_MS

LEFT = Qt.MouseButton.LeftButton
BASE = {"block": None, "ratio": None, "map50_95": 0.4, "map50": 0.6, "share": 1.0}


def figures(block, ratio, share):
    return {"block": block, "ratio": ratio, "map50_95": 0.4 * share, "share": share}


@pytest.fixture
def scanning(opened, fake, dataset, qtbot):
    """A scan that has begun."""
    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.workspace.go_to("sensitivity")
    panel = opened.workspace["sensitivity"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    qtbot.mouseClick(panel.scan, LEFT)
    return panel


def hear(window, fake, qtbot, *items):
    with qtbot.waitSignal(window.session.measured.scanChanged, timeout=QUICK_MS):
        for item in items:
            fake.partial("sensitivity", item)


def test_a_scan_fills_graph_and_curves_while_it_runs(opened, fake, dataset, scanning, qtbot):
    session, panel = opened.session, scanning
    asked = fake.last("sensitivity").args
    assert asked["ratios"] == [0.25, 0.5, 0.75, 0.9]
    assert asked["blocks"] is None
    assert asked["data"]["split"] == "val"
    assert asked["plan"]["selection"] == []
    assert session.overlay == "sensitivity"
    assert panel.progress.isVisibleTo(panel)
    assert not panel.scan.isEnabled()
    hear(opened, fake, qtbot, BASE, figures(2, 0.5, 0.9), figures(4, 0.5, 0.4))
    state = graph_state(session)
    assert state.overlay_values == pytest.approx({2: 0.1 / HEAT_FULL, 4: 0.6 / HEAT_FULL})
    assert state.overlay_texts[4] == "−60.0%"
    assert state.overlay_texts[5] == ""  # not measured: no other figure in its place
    assert state.overlay_title == "Accuracy lost at 50%"
    assert "by 50%: 60.0%" in state.notes[4]
    view = opened.host.view
    spot = view.mapFromScene(view.scene().blocks[4].sceneBoundingRect().center())
    assert "Accuracy lost when pruned by 50%: 60.0%" in view.tip_at(spot)
    assert set(panel._chart._curves) == {2, 4}
    assert "Unpruned: 0.4000" in panel.status.text()
    assert "Block 4 loses most" in panel.status.text()
    hear(opened, fake, qtbot, figures(2, 0.25, 1.01), figures(5, 0.5, 0.8))
    assert [p.ratio for p in panel._chart._curves[2]] == [0.25, 0.5]
    fake.done("sensitivity", {"points": [figures(2, 0.5, 0.9)], "resumed": 3, "baseline": BASE})
    assert panel.scan.isEnabled()
    assert panel.scan.text() == "Continue"


def test_a_stream_of_points_is_shown_at_the_screens_pace(opened, fake, scanning, qtbot):
    drawn = []
    opened.session.measured.scanChanged.connect(lambda: drawn.append(1))
    items = [figures(b, r / 100, 0.5) for b in range(20) for r in range(5, 95)]
    hear(opened, fake, qtbot, *items)
    assert len(opened.session.measured.points) == len(items)
    assert len(drawn) == 1


def test_a_curve_is_picked_hovered_and_highlighted(opened, fake, scanning, qtbot):
    session, panel = opened.session, scanning
    hear(opened, fake, qtbot, *(figures(2, r, 1 - r / 4) for r in (0.25, 0.5, 0.9)),
         *(figures(4, r, 1 - r) for r in (0.25, 0.5, 0.9)))  # fmt: skip
    chart = panel._chart
    with qtbot.waitExposed(chart):
        pass
    place = chart._to_scene(50.0, 50.0)
    assert chart.point_at(place).block == 4
    assert chart.curve_at(chart._to_scene(70.0, 30.0)) == 4
    assert chart.curve_at(chart._to_scene(70.0, 80.0)) == 2
    assert chart.curve_at(chart._to_scene(10.0, 5.0)) is None
    chart._moved((place,))
    assert chart._note.toPlainText() == "Block 4 − 50%: 0.2000 mAP50-95, 50.0% lost"
    qtbot.mouseClick(chart.viewport(), LEFT, pos=chart.mapFromScene(place))
    assert session.selection == {4}
    assert chart._names[4].isVisible()
    assert not chart._names[2].isVisible()
    assert "Block 4: 75.0% kept at 25%" in chart.accessibleDescription()
    session.select({2})
    assert chart._names[2].isVisible()


def test_the_ratio_of_the_heat_map_can_be_chosen(opened, fake, scanning, qtbot):
    hear(opened, fake, qtbot, figures(2, 0.25, 0.95), figures(2, 0.9, 0.2), figures(4, 0.9, 0.5))
    panel = scanning
    panel.heat.setCurrentIndex(panel.heat.findData(0.9))
    panel.heat.activated.emit(panel.heat.currentIndex())
    assert graph_state(opened.session).overlay_values == pytest.approx({2: 1.6, 4: 1.0})
    assert "at 90%" in opened.host.view.legend.accessibleDescription()


def test_a_stopped_scan_keeps_its_points_and_goes_on(opened, fake, scanning, qtbot, heard):
    hear(opened, fake, qtbot, figures(2, 0.5, 0.9))
    first = fake.last("sensitivity").args["output"]
    scanning.progress.cancel.click()
    assert "the next scan continues there" in heard()[-1]
    assert opened.session.measured.points
    opened.session.select({3})
    scanning.only.setChecked(True)
    scanning.ratios.setText("30 60%")
    qtbot.mouseClick(scanning.scan, LEFT)
    asked = fake.last("sensitivity").args
    assert (asked["ratios"], asked["blocks"]) == ([0.3, 0.6], [3])
    assert asked["output"] == first


def test_other_images_are_another_scan(opened, fake, scanning, qtbot):
    hear(opened, fake, qtbot, figures(2, 0.5, 0.9))
    opened.features[DataFeature].controller.change_data(image_size=640)
    assert not opened.session.measured.points
    assert graph_state(opened.session).overlay_values == {}


def journal(path, sha256, *records, size=320):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {"secateur": "sensitivity", "version": 1},
        {"scan": "a", "settings": {"model": "another", "image_size": size}},
        {"scan": "a", **figures(7, 0.5, 0.1)},
        {"scan": "b", "settings": {"model": sha256, "image_size": size}},
        *({"scan": "b", **record} for record in records),
    ]
    text = "\n".join(map(json.dumps, lines)) + '\n{"scan": "b", "block": 9, "rat'
    path.write_text(text)  # as a process leaves it that was killed while it wrote


def test_a_scan_is_there_again_when_its_model_is(opened, fake, qtbot, trained, tmp_path):
    session = opened.session
    journal(scan_file(session), session.model.facts.sha256, BASE, figures(4, 0.5, 0.25))
    opened.features[FilesFeature].documents.close_model()
    with qtbot.waitSignal(session.measured.scanChanged, timeout=QUICK_MS):
        opened.open_paths([str(trained)])
    qtbot.waitUntil(lambda: bool(session.measured.points), timeout=QUICK_MS)
    assert list(session.measured.points.values()) == [Point(4, 0.5, 0.1, 0.25)]
    assert session.measured.baseline == 0.4
    assert read_scan(scan_file(session), session.model.facts.sha256, 640) == []
    assert not session.dirty


def test_the_project_names_its_scan(opened, fake, answers, dataset, tmp_path, drop, qtbot):
    path = tmp_path / "mine.secateur"
    answers["save"].append(str(path))
    opened.actions_table.by_id["save"].trigger()
    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.features[SensitivityFeature].controller.scan((0.5,))
    assert scan_file(opened.session) == tmp_path / "mine.sensitivity.jsonl"
    fake._stop(fake.last("sensitivity").number)
    opened.actions_table.by_id["save"].trigger()
    assert json.loads(path.read_text())["sensitivity"] == "mine.sensitivity.jsonl"


def test_without_data_the_scan_says_what_it_needs(opened, fake, heard):
    panel = opened.workspace["sensitivity"].widget()
    assert not panel.scan.isEnabled()
    assert "Choose a dataset first" in panel.status.text()
    opened.features[SensitivityFeature].controller.scan((0.5,))
    assert "no dataset was given" in heard()[-1]
    assert not fake.requests


@pytest.mark.parametrize(
    ("text", "ratios"),
    [
        ("25, 50", (0.25, 0.5)),
        ("90% 10%;10", (0.1, 0.9)),
        ("", ()),
        ("a", ()),
        ("0, 50", ()),
        ("100", ()),
    ],
)
def test_ratios_are_read_as_people_write_them(text, ratios):
    assert read_ratios(text) == ratios


def test_accuracy_is_measured_where_there_are_images(opened, fake, dataset, qtbot):
    panel = opened.workspace["model"].widget()
    assert not panel._measuring.isVisibleTo(panel)
    opened.features[DataFeature].controller.set_data(str(dataset))
    assert panel._measuring.isVisibleTo(panel)
    panel.evaluate.click()
    asked = fake.last("evaluate").args["data"]
    assert (asked["split"], asked["images"]) == ("val", None)
    fake.done("evaluate", {"map50_95": 0.344, "map50": 0.5, "images": 32, "skipped": 1})
    assert panel.accuracy.text() == "mAP50-95 0.3440, mAP50 0.5000 on 32 images, 1 unreadable"
    opened.features[DataFeature].controller.change_data(image_size=640)
    assert "not measured" in panel.accuracy.text()


def test_the_legend_covers_no_heading(opened, choose):
    opened.resize(1440, 900)
    choose(opened, 4, 5)
    view = opened.host.view
    legend = view.legend.geometry()
    for lane in view.scene().layout.lanes:
        corner = view.mapFromScene(QPointF(lane.x, 8))
        end = view.mapFromScene(QPointF(lane.x + lane.width, 32))
        assert not legend.contains(corner) and not legend.contains(end)
    for box in view.scene().layout.boxes:
        middle = view.mapFromScene(QPointF(*box.middle))
        assert not legend.contains(QPoint(middle.x(), middle.y()))


@pytest.mark.parametrize(
    ("kind", "line", "place"),
    [
        ("", "", ""),
        ("ray", "", "ray"),
        ("cluster", "head:6000", "ray://head:6000"),
        ("cluster", " ray://10.0.0.1 ", "ray://10.0.0.1:10001"),
        ("slurm", "", "slurm"),
        ("slurm", "minutes=30", "slurm minutes=30"),
        ("slurm", " gpu  minutes=240 gpus=1 ", "slurm:gpu minutes=240 gpus=1"),
        ("slurm", "gpu account=vision", "slurm:gpu account=vision"),
    ],
)
def test_where_a_scan_runs_is_asked_for_and_remembered(
    opened, fake, scanning, kind, line, place, qtbot
):
    fake.done("sensitivity", {"points": [], "resumed": 0, "baseline": BASE})
    on = scanning.on
    on.box.setCurrentIndex(on.box.findData(kind))
    on.box.activated.emit(on.box.currentIndex())
    lines = {"cluster": on.address, "slurm": on.limits}
    assert [lines[k].isVisibleTo(scanning) for k in lines] == [k == kind for k in lines]
    if line:
        lines[kind].setText(line)
        lines[kind].editingFinished.emit()
    qtbot.mouseClick(scanning.scan, LEFT)
    assert fake.last("sensitivity").args["on"] == place
    assert opened.context.settings.place() == place
    again = PlaceChoice(PLACES, place)
    assert (again.place().line if again.place() else "") == place


@pytest.mark.parametrize("address", ["", "no host", "head:0", "head:10001; ls", "user@head"])
def test_an_address_that_is_none_starts_nothing(opened, fake, scanning, address, qtbot, heard):
    fake.done("sensitivity", {"points": [], "resumed": 0, "baseline": BASE})
    before = len(fake.requests)
    on = scanning.on
    on.box.setCurrentIndex(on.box.findData("cluster"))
    on.address.setText(address)
    qtbot.mouseClick(scanning.scan, LEFT)
    assert "is not a place to run on" in heard()[-1]
    assert opened.context.settings.place() == ""
    assert len(fake.requests) == before


@pytest.mark.parametrize("limits", ["minutes=soon", "gpu cpu", "gpu; rm -rf", "=1", "gpu nodes=0"])
def test_limits_that_are_none_start_nothing(opened, fake, scanning, limits, qtbot, heard):
    fake.done("sensitivity", {"points": [], "resumed": 0, "baseline": BASE})
    before = len(fake.requests)
    on = scanning.on
    on.box.setCurrentIndex(on.box.findData("slurm"))
    on.limits.setText(limits)
    qtbot.mouseClick(scanning.scan, LEFT)
    assert "limit" in heard()[-1] or "place" in heard()[-1]
    assert opened.context.settings.place() == ""
    assert len(fake.requests) == before


@pytest.mark.parametrize("text", ["pbs", "slurm minutes=soon", "ray://", "slurm:gpu a b"])
def test_a_place_that_was_remembered_and_is_none_is_this_computer(qtbot, text):
    choice = PlaceChoice(PLACES, text)
    qtbot.addWidget(choice)
    assert choice.place() is None and choice.kind == ""


def test_a_place_that_is_not_offered_is_this_computer(qtbot):
    choice = PlaceChoice({k: PLACES[k] for k in ("", "slurm")}, "ray://head:1")
    qtbot.addWidget(choice)
    assert choice.place() is None
