"""Models side by side; the engine reports what the test says."""

import copy

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QFileDialog

from app.compare import tables
from app.compare.point_labels import place_names
from app.compare.tables import ranges
from app.data.feature import DataFeature
from app.pictures.panes import best_columns
from tests.app.conftest import QUICK_MS

LEFT = Qt.MouseButton.LeftButton
SURVIVED = [0, 1, 2, 5, 7, 8, 9, 15]


def model(path, figure, parameters, macs, ratio=None):
    figures = {"map50_95": figure, "map50": 1.5 * figure, "precision": 0.6, "recall": 0.5}
    classes = {"person": {"map50_95": figure}, "car": {"map50_95": 0.1}}
    speed = {} if ratio is None else {"speed": {"ratio": ratio}}
    return {
        "path": str(path), "family": "yolov8n", "sha256": "", "parameters": parameters,
        "macs": macs, "figures": figures, "classes": classes, "milliseconds": 12.34, "images": 32,
        **speed,
    }  # fmt: skip


def thing(outcome, x=0.5):
    return {"class": "car", "x": x, "y": 0.5, "width": 0.2, "height": 0.2, "outcome": outcome,
            "confidence": 0.5}  # fmt: skip


def image(path, *scores):
    boxes = [[thing("found"), thing("wrong", 0.2)] if n == 0 else [] for n in range(len(scores))]
    truth = [{key: value for key, value in thing("").items() if key != "outcome"}]
    missed = [[] if n == 0 else [0] for n in range(len(scores))]
    return {"image": str(path), "change": scores[-1] - scores[0], "scores": list(scores),
            "truth": truth, "boxes": boxes, "missed": missed}  # fmt: skip


def comparison(*models, images=("/x/one.jpg",)):
    count = len(models)
    layer = {
        "layer": "model.0.conv", "block": 0, "outputs": [16, 8, 8][:count], "original": 16,
        "parameters": [432, 216, 216][:count], "macs": [100, 50, 50][:count],
        "survived": [list(range(16)), SURVIVED, SURVIVED][:count], "inputs": [3, 3, 3][:count],
    }  # fmt: skip
    block = {"block": 0, **{k: layer[k] for k in ("inputs", "outputs", "parameters", "macs")}}
    norm = layer | {"layer": "model.0.bn", "macs": [0, 0, 0][:count]}
    rows = [image(path, *(0.75, 0.25, 0.5)[:count]) for path in images]
    own = copy.deepcopy(list(models))
    return {"models": own, "split": "val", "task": "detect", "images": rows,
            "channels": [layer, norm], "blocks": [block]}  # fmt: skip


THREE = (
    model("a.pt", 0.4, 3_000_000, 4_000_000_000, 1.0),
    model("a-small.pt", 0.2, 1_500_000, 2_000_000_000, 0.7),
    model("a-small-tuned.pt", 0.3, 1_500_000, 2_000_000_000, 0.7),
)


def shown(table):
    return [tuple(column.show(row) for column in table.columns) for row in table.rows]


def test_tables_hold_what_was_measured():
    result = comparison(*THREE)
    rows = shown(tables.models_table(result))
    assert rows[0] == (
        "a", "0.4000", "3.00 M", "8.00", "12.3", "0.6000", "0.6000", "0.5000"
    )  # fmt: skip
    assert rows[2][2:5] == ("1.50 M (−50.0%)", "4.00 (−50.0%)", "12.3 (−30.0%)")
    person, car = shown(tables.classes_table(result, (0, 2)))
    assert person == ("person", "0.4000", "0.2000", "0.3000", "−0.1000")
    assert car[-1] == "+0.0000"
    assert shown(tables.classes_table(result, (1, 2)))[1][-1] == "+0.1000"
    assert shown(tables.layers_table(result, (0, 1))) == [
        ("model.0.conv", "16", "8", "8", "−50.0%", "−50.0%")
    ]
    assert shown(tables.images_table(result, (0, 2))) == [("one.jpg", "−0.25", "0.75", "0.50")]
    assert shown(tables.images_table(result, (0, 1))) == [("one.jpg", "−0.50", "0.75", "0.25")]


def test_an_exported_file_is_compared_by_its_size():
    """It says neither its parameters nor its GFLOPs; older results have no sizes."""
    sizes = (6_400_000, 3_500_000, None)
    models = [
        {**one, **({} if size is None else {"bytes": size})}
        for one, size in zip((THREE[0], {**THREE[1], "parameters": None}, THREE[2]), sizes,
                             strict=True)
    ]  # fmt: skip
    table = tables.models_table(comparison(*models))
    (place,) = [n for n, column in enumerate(table.columns) if column.title == "Size"]
    assert [row[place] for row in shown(table)] == ["6.4 MB", "3.5 MB (−45.3%)", "–"]
    assert [table.columns[place].value(row) for row in table.rows] == [*sizes[:2], -1]


def test_models_of_one_name_are_told_apart():
    result = comparison(model("/x/a.pt", 0.4, 3, 4), model("/y/a.pt", 0.4, 3, 4))
    assert tables.names(result) == ["x/a", "y/a"]
    assert tables.pairs(result) == {(0, 1): "x/a → y/a"}
    assert next(iter(tables.pairs(comparison(*THREE)))) == (0, 2)


def test_a_comparison_without_images_has_widths_and_costs():
    bare = [{k: one[k] for k in ("path", "parameters", "macs")} for one in THREE]
    result = {"models": bare, "channels": comparison(*THREE)["channels"]}
    assert not tables.has_images(result)
    assert shown(tables.models_table(result))[1] == ("a-small", "1.50 M (−50.0%)",
                                                       "4.00 (−50.0%)")  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([0, 1], "0–1"), ([0, 2, 3, 4], "0, 2–4")]
)
def test_channels_are_written_as_ranges(numbers, text):
    assert ranges(numbers) == text


@pytest.mark.parametrize(
    "points",
    [
        [(80.0, 50.0), (150.0, 50.0), (150.0, 50.0)],  # of equal cost and figure
        [(150.0, 40.0), (150.0, 46.0), (150.0, 52.0), (290.0, 99.0)],
        [(5.0, 0.0), (5.0, 2.0)],
    ],
)
def test_names_of_points_cover_neither_points_nor_one_another(points):
    width, height = 60.0, 15.0
    found = place_names(points, [(width, height)] * len(points), (300.0, 110.0))
    boxes = [(x, y, x + width, y + height) for x, y in found]

    def apart(one, other):
        return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]

    for number, box in enumerate(boxes):
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= 300 and box[3] <= 110
        assert all(apart(box, other) for other in boxes[:number])
        assert all(apart(box, (x - 4, y - 4, x + 4, y + 4)) for x, y in points)


def test_views_of_a_picture_are_laid_out_to_show_it_large():
    assert best_columns(3, (1100, 660), (640, 427)) == 2
    assert best_columns(3, (1100, 200), (640, 427)) == 3
    assert best_columns(2, (500, 900), (640, 427)) == 1


@pytest.fixture
def panel(opened, fake, dataset, trained, tmp_path, qtbot):
    """The panel in sight, with the open model and one pruned from it, and a dataset."""
    from core.history.results import of_result
    from core.project import Result

    opened.workspace.go_to("compare")
    panel = opened.workspace["compare"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    assert panel.chosen == [str(trained)] and not panel.run.isEnabled()
    small = tmp_path / "small.pt"
    small.write_bytes(b"x")
    cost = {"parameters_before": 2, "parameters_after": 1, "macs_before": 2, "macs_after": 1}
    result = Result(output=str(small), date="", relative_error=0.0, **cost)
    opened.session.take([of_result(result)])
    return panel


def test_without_a_dataset_widths_are_compared(opened, fake, panel, trained, tmp_path, qtbot):
    assert "Without a dataset" in panel.status.text()
    qtbot.mouseClick(panel.run, LEFT)
    paths = [str(trained), str(tmp_path / "small.pt")]
    assert fake.last("compare").args == {"paths": paths, "data": None}
    bare = [{k: one[k] for k in ("path", "parameters", "macs")} for one in THREE]
    fake.done("compare", {"models": bare, "channels": comparison(*THREE)["channels"]})
    visible = [panel.tabs.tabText(n) for n in range(4) if panel.tabs.isTabVisible(n)]
    assert visible == ["Models", "Layers"]
    assert "without images" in panel.status.text()


def test_models_are_ticked_compared_and_shown(
    opened, fake, panel, dataset, trained, tmp_path, qtbot
):
    opened.features[DataFeature].controller.set_data(str(dataset))
    assert panel.chosen == [str(trained), str(tmp_path / "small.pt")]
    qtbot.mouseClick(panel.run, LEFT)
    asked = fake.last("compare").args
    assert asked["paths"] == panel.chosen
    assert (asked["data"]["split"], asked["data"]["images"]) == ("val", None)
    width = opened.width()
    fake.done("compare", comparison(*THREE))
    models = panel.view
    assert models.table.model().rowCount() == 3
    assert "32 images of the split val" in panel.status.text()
    assert "a-small-tuned: 0.3000 at 4.00" in models.chart.accessibleDescription()
    models.cost.setCurrentIndex(1)
    models.cost.activated.emit(1)
    assert "a-small-tuned: 0.3000 at 1.50" in models.chart.accessibleDescription()
    panel.tabs.setCurrentIndex(2)
    assert panel.view.table.model().rowCount() == 1
    assert panel.view.table.accessibleName() == "Layers"
    assert opened.width() == width  # the window does not grow with what it shows
    opened.features[DataFeature].controller.change_data(
        image_size=640
    )  # other images: the figures are not about them
    assert not panel.stack.isVisible()
    panel.models.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert not panel.run.isEnabled()


def test_exported_files_are_added_and_shown(
    opened, fake, panel, dataset, trained, tmp_path, qtbot, monkeypatch
):
    opened.features[DataFeature].controller.set_data(str(dataset))
    folder = tmp_path / "small_openvino_model"
    folder.mkdir()
    chosen = [str(folder / "small.xml"), str(tmp_path / "small.onnx")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a: (chosen, ""))
    qtbot.mouseClick(panel.add, LEFT)
    added = [str(folder), str(tmp_path / "small.onnx")]
    assert panel.chosen == [str(trained), str(tmp_path / "small.pt"), *added]
    qtbot.mouseClick(panel.run, LEFT)
    assert fake.last("compare").args["paths"] == panel.chosen
    file = model("a.onnx", 0.4, None, None, 0.5)
    fake.done("compare", comparison(THREE[0], file))
    assert shown(tables.models_table(comparison(THREE[0], file)))[1] == (
        "a.onnx", "0.4000", "–", "–", "12.3 (−50.0%)", "0.6000", "0.6000", "0.5000"
    )  # fmt: skip
    assert "a.onnx: 0.4000 at 12.34" in panel.view.chart.accessibleDescription()
    panel.view.cost.setCurrentIndex(0)
    panel.view.cost.activated.emit(0)
    assert panel.view.chart.accessibleDescription().endswith("; a.pt: 0.4000 at 8.00")


@pytest.mark.parametrize("cost", ["macs", "parameters", "milliseconds"])
def test_files_alone_are_charted_by_what_is_known(opened, panel, cost):
    files = [model(f"{name}.onnx", 0.4, None, None) for name in "ab"]
    opened.session.measured.set_comparison(comparison(*files))
    chart, view = panel.view.chart, panel.view
    view.cost.setCurrentIndex(view.cost.findData(cost))
    view.cost.activated.emit(0)
    drawn = sum(name in chart.accessibleDescription() for name in ("a: ", "b: "))
    assert drawn == (2 if cost == "milliseconds" else 0)


def test_changes_are_about_the_pair_that_is_chosen(opened, panel):
    opened.session.measured.set_comparison(comparison(*THREE))
    panel.tabs.setCurrentIndex(1)
    table = panel.view.table.model()
    assert [table.index(0, n).data() for n in (0, 4)] == ["person", "−0.1000"]
    panel.pair.setCurrentIndex(panel.pair.findText("a-small → a-small-tuned"))
    panel.pair.activated.emit(panel.pair.currentIndex())
    assert opened.session.measured.pair == (1, 2)
    table = panel.view.table.model()
    assert [table.index(0, n).data() for n in (0, 4)] == ["car", "+0.0000"]
    panel.view.table.selectRow(1)
    assert panel.view.chart._current == 1


def test_many_classes_are_brought_into_sight(opened, panel):
    result = comparison(*THREE)
    for number, one in enumerate(result["models"]):
        one["classes"] = {f"c{n:02d}": {"map50_95": n / 100 + number / 10} for n in range(60)}
    opened.session.measured.set_comparison(result)
    panel.tabs.setCurrentIndex(1)
    chart = panel.view.chart
    assert chart.first == 0
    panel.view.table.selectRow(50)
    rows = chart._rows()
    assert chart.first <= 50 < chart.first + rows


def test_layers_show_which_channels_are_left(opened, panel):
    opened.session.measured.set_comparison(comparison(*THREE))
    panel.tabs.setCurrentIndex(2)
    view = panel.view
    assert view.layer.whole.startswith("model.0.conv")
    assert view.strips[0].accessibleName() == "16 of 16 channels kept"
    assert view.strips[1].accessibleName() == "8 of 16 channels kept"
    assert view._words[1].whole == "a-small: 8 of 16: 0–2, 5, 7–9, 15"


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for name in ("one", "two", "three"):
        picture = QImage(60, 40, QImage.Format.Format_RGB32)
        picture.fill(QColor("#306090"))
        assert picture.save(str(tmp_path / f"{name}.png"))
        paths.append(tmp_path / f"{name}.png")
    return paths


def test_images_with_labels_and_both_models_boxes(opened, panel, pictures, qtbot):
    result = comparison(*THREE, images=pictures)
    result["images"][1]["scores"] = [1.0, 0.5, 0.1]
    opened.session.measured.set_comparison(result)
    panel.tabs.setCurrentIndex(3)
    view = panel.view
    table = view.table.model()
    assert table.index(0, 0).data() == "two.png"  # the worst change comes first
    panes = view.panes
    qtbot.waitUntil(lambda: panes.views[0].picture is not None, timeout=QUICK_MS)
    labels, first, last = panes.views
    assert [mark["outcome"] for mark in labels.marks] == ["label"]
    assert [mark["outcome"] for mark in first.marks] == ["found", "wrong"]
    assert [mark["outcome"] for mark in last.marks] == ["missed"]
    assert "a-small-tuned: F1 0.10, 1 missed" in last.accessibleName()
    for key, row in ((Qt.Key.Key_Right, 1), (Qt.Key.Key_Right, 2), (Qt.Key.Key_Right, 2),
                     (Qt.Key.Key_Left, 1)):  # fmt: skip
        qtbot.keyClick(last, key)
        assert view.current == row
    qtbot.mouseClick(view.large, LEFT)
    dialog = view.dialog
    assert dialog.number == 1 and len(dialog.pages) == 3
    shown = dialog.views[0]
    qtbot.waitUntil(lambda: shown.picture is not None, timeout=QUICK_MS)
    qtbot.keyClick(shown, Qt.Key.Key_Plus)
    assert dialog.viewpoint.zoom > 1 and all(
        one.viewpoint is dialog.viewpoint for one in dialog.views
    )
    qtbot.keyClick(shown, Qt.Key.Key_Right)
    assert (dialog.number, view.current) == (2, 2)  # the list follows
    dialog.close()


def test_an_image_that_is_gone_says_so(opened, panel, tmp_path, qtbot):
    opened.session.measured.set_comparison(comparison(*THREE, images=(tmp_path / "gone.png",)))
    panel.tabs.setCurrentIndex(3)
    view = panel.view.panes.views[0]
    qtbot.waitUntil(lambda: view.picture is not None, timeout=QUICK_MS)
    assert "no longer exists" in view.picture.trouble


def kin(opened, result):
    """Report that the compared models resulted from the open one."""
    for one in result["models"]:
        one["origin"] = opened.session.model.facts.sha256
    return result


def test_the_graph_shows_a_comparison(opened, panel, qtbot):
    from app.window.graph_binding import graph_state

    session, actions = opened.session, opened.actions_table.by_id
    action = actions["overlay_compared_channels"]
    assert not action.isEnabled()
    session.measured.set_comparison(kin(opened, comparison(*THREE)))
    assert action.isEnabled()
    panel.tabs.setCurrentIndex(2)
    view = panel.view
    assert view.graph.isEnabled()
    view.graph.setCurrentIndex(1)
    view.graph.activated.emit(1)
    assert session.overlay == "compared_channels" and action.isChecked()
    state = graph_state(session)
    assert (state.widths_in[0], state.widths_out[0]) == (3, 8)
    assert state.share_kept[0] == state.overlay_values[0] == 0.5
    assert state.overlay_texts[0] == "50%"
    assert state.overlay_title == "Channels left: a-small-tuned"
    assert state.layer_widths["model.0.conv"] == (3, 3, 16, 8)
    assert "16 → 8 channels out" in state.notes[0] and "−50.0%" in state.notes[0]
    session.set_overlay("compared_macs")
    assert view.graph.currentText() == "Graph: GFLOPs saved"
    assert graph_state(session).overlay_texts[0] == "−50%"
    session.measured.set_pair((1, 2))  # both have the same channels, and cost the same
    state = graph_state(session)
    assert state.overlay_texts[0] == "0%" and state.share_kept[0] == 1.0
    assert opened.host.view.scene().state.overlay_texts[0] == "0%"


def test_the_plan_shows_again_when_it_is_edited(opened, panel, choose):
    session = opened.session
    session.measured.set_comparison(kin(opened, comparison(*THREE)))
    session.set_overlay("compared_macs")
    choose(opened, 4)
    assert session.overlay == "none"
    session.set_overlay("compared_macs")
    session.measured.set_comparison(None)
    assert session.overlay == "none"


def test_models_of_another_network_are_not_drawn_on_this_one(opened, panel):
    result = comparison(*THREE)
    opened.session.measured.set_comparison(result)
    assert not opened.actions_table.by_id["overlay_compared_channels"].isEnabled()
    panel.tabs.setCurrentIndex(2)
    assert not panel.view.graph.isEnabled()


def test_layers_and_graph_follow_one_another(opened, panel):
    session = opened.session
    result = kin(opened, comparison(*THREE))
    second = {**result["channels"][0], "layer": "model.1.conv", "block": 1}
    result["channels"] += [second, {**second, "layer": "model.2.cv1.conv", "block": 2}]
    session.measured.set_comparison(result)
    panel.tabs.setCurrentIndex(2)
    view = panel.view
    assert session.focused is None  # showing a layer moves nothing on the graph
    view.table.selectRow(2)
    assert (session.focused, session.focused_layer) == (2, "model.2.cv1.conv")
    session.select({1})
    assert view.layer.whole.startswith("model.1.conv")
    assert (session.focused, session.focused_layer) == (1, "")
