"""Models side by side; the engine says what the test says."""

import pytest
from PySide6.QtCore import Qt

from app.comparing import _ranges, tables
from tests.app.conftest import QUICK_MS

LEFT = Qt.MouseButton.LeftButton


def model(path, figure, parameters, macs):
    figures = {"map50_95": figure, "map50": 1.5 * figure, "precision": 0.6, "recall": 0.5}
    classes = {"person": {"map50_95": figure}, "car": {"map50_95": 0.1}}
    return {
        "path": str(path), "family": "yolov8n", "sha256": "", "parameters": parameters,
        "macs": macs, "figures": figures, "classes": classes, "milliseconds": 12.34, "images": 32,
    }  # fmt: skip


def comparison(*models):
    count = len(models)
    layer = {
        "layer": "model.0.conv", "block": 0, "outputs": [16, 8, 8][:count],
        "parameters": [432, 216, 216][:count], "macs": [100, 50, 50][:count],
        "survived": [None, [0, 1, 2, 5, 7, 8, 9, 15], [0, 1, 2, 5, 7, 8, 9, 15]][:count],
    }  # fmt: skip
    image = {"image": "/x/one.jpg", "change": -0.25, "scores": [0.75, 0.25, 0.5][:count],
             "truth": [], "boxes": [[]] * count}  # fmt: skip
    return {"models": list(models), "split": "val", "images": [image], "channels": [layer]}


THREE = (
    model("a.pt", 0.4, 3_000_000, 4_000_000_000),
    model("a-small.pt", 0.2, 1_500_000, 2_000_000_000),
    model("a-small-tuned.pt", 0.3, 1_500_000, 2_000_000_000),
)


def test_tables_hold_what_was_measured():
    found = tables(comparison(*THREE))
    rows = found["Models"].rows
    assert rows[0] == (
        "a.pt", "0.4000", "0.6000", "0.6000", "0.5000", "3.00 M", "4.00 G", "12.3"
    )  # fmt: skip
    assert rows[2][5:7] == ("1.50 M (−50.0 %)", "2.00 G (−50.0 %)")
    person, car = found["Classes"].rows
    assert person == ("person", "0.4000", "0.2000", "0.3000", "-0.1000")
    assert car[-1] == "+0.0000"
    ((*_, macs, kept),) = found["Layers"].rows
    assert (macs, kept) == ("−50.0 %", "0–2, 5, 7–9, 15")
    assert found["Images"].rows == (("one.jpg", "0.75", "0.25", "0.50", "-0.25"),)
    for table in found.values():
        assert {len(row) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([0, 1], "0–1"), ([0, 2, 3, 4], "0, 2–4")]
)
def test_channels_are_written_as_ranges(numbers, text):
    assert _ranges(numbers) == text


def test_models_are_ticked_compared_and_shown(opened, fake, dataset, coco, tmp_path, qtbot):
    from core.project import Result

    opened.docks["compare"].raise_()
    panel = opened.docks["compare"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    assert panel.chosen == [str(coco)]
    assert not panel.run.isEnabled()
    assert "dataset" in panel.status.text()
    small = tmp_path / "small.pt"
    small.write_bytes(b"x")
    cost = {"parameters_before": 2, "parameters_after": 1, "macs_before": 2, "macs_after": 1}
    opened.session.add_result(Result(output=str(small), date="", relative_error=0.0, **cost))
    opened.choosing.set_data(str(dataset))
    assert panel.chosen == [str(coco), str(small)]
    qtbot.mouseClick(panel.run, LEFT)
    asked = fake.last("compare").args
    assert asked["paths"] == [str(coco), str(small)]
    assert (asked["data"]["split"], asked["data"]["images"]) == ("val", None)
    fake.done("compare", comparison(*THREE))
    assert panel._table.model().rowCount() == 3
    assert "32 images of the split val" in panel.status.text()
    assert "a-small-tuned: 0.3000 at 2.00 G" in panel._chart.accessibleDescription()
    panel.views.setCurrentIndex(2)
    assert panel._table.model().rowCount() == 1
    assert panel._table.accessibleName() == "Layers"
    opened.choosing.change_data(image_size=640)  # other images: the figures are not about them
    assert panel._table is None
    panel.models.item(1).setCheckState(Qt.CheckState.Unchecked)
    assert not panel.run.isEnabled()
