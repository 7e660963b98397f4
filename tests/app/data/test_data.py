"""The panel “Data”: a dataset that is dropped is checked, shown and paged through."""

import json
import threading

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QFileDialog

from app.data.feature import DataFeature
from app.data.panel import IMAGE
from app.data.samples_part import PAGE
from app.pictures.drawing import Pens
from app.pictures.loader import WAITING, Pictures, Wish, decode
from app.pictures.view import PictureView
from core.data.index import Index, Split, write_index
from resources.scenes import CLASSES
from tests.app.conftest import ENGINE_MS, QUICK_MS

IMAGES = PAGE + 3


def picture(path, colour, width=60, height=40):
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    assert image.save(str(path))


@pytest.fixture
def pictured(tmp_path, monkeypatch):
    """A dataset of plain pictures, each with one object; every third is a lemon."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "pictured"
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for number in range(IMAGES if split == "train" else 2):
            picture(folder / "images" / split / f"{number:03d}.png", "#c03030")
            label = folder / "labels" / split / f"{number:03d}.txt"
            label.write_text(f"{int(number % 3 == 0)} 0.5 0.5 0.4 0.6\n")
    path = folder / "data.yaml"
    path.write_text(json.dumps({"train": "images/train", "val": "images/val", "names": CLASSES}))
    return path


def report(path, problems=()):
    """What the engine finds in the dataset above."""
    splits, listed = {}, {}
    for split in ("train", "val"):
        images = sorted((path.parent / "images" / split).iterdir())
        labels = [path.parent / "labels" / split / f"{image.stem}.txt" for image in images]
        lemons = sum(n % 3 == 0 for n in range(len(images)))
        listed[split] = Split(
            tuple(map(str, images)), tuple(map(str, labels)),
            tuple((int(n % 3 == 0),) for n in range(len(images))),
        )  # fmt: skip
        splits[split] = {
            "images": len(images), "labelled": len(images), "background": 0, "unreadable": 0,
            "objects": len(images), "messages": [], "samples": [],
            "classes": {"apple": len(images) - lemons, "lemon": lemons},
        }  # fmt: skip
    index = write_index(Index(str(path), "detect", dict(enumerate(CLASSES)), listed))
    usable = all(problem["severity"] != "error" for problem in problems)
    return {
        "path": str(path), "task": "detect", "usable": usable, "problems": list(problems),
        "classes": {str(n): name for n, name in enumerate(CLASSES)}, "splits": splits,
        "duplicates": [], "index": str(index),
    }  # fmt: skip


@pytest.fixture
def panel(opened, fake, pictured, drop, qtbot):
    """The panel, with the dataset dropped and checked."""
    drop(opened, pictured.parent)
    request = fake.last("check_data")
    assert request.args == {"path": opened.session.model.path, "data": str(pictured)}
    image = str(pictured.parent / "images/train/001.png")
    problems = [
        {"severity": "warning", "message": "Few images.", "hint": "Add some.", "details": []},
        {"severity": "warning", "message": "One is odd.", "hint": "",
         "details": [{"image": image, "text": "looks odd"}]},
    ]  # fmt: skip
    fake.done("check_data", report(pictured, problems))
    panel = opened.workspace["data"].widget()
    qtbot.waitUntil(lambda: panel.samples.kind.count() > 1, timeout=QUICK_MS)
    return panel


def test_a_dropped_folder_is_taken_and_checked(opened, panel, pictured, heard):
    measured = opened.session.measured
    assert measured.data.path == str(pictured)
    assert measured.check["usable"]
    assert panel.shown  # it came to the front
    assert panel.name.whole == "data.yaml"
    assert f"train {IMAGES} images, val 2 images" in panel.summary.text()
    assert any(
        "can be used, with a warning: Few images. 1 more in Data" in text for text in heard()
    )
    opened.features[DataFeature].controller.change_data(
        images=5
    )  # the check is about all images, whatever is shown
    assert measured.check is not None
    opened.features[DataFeature].controller.drop_data()
    assert panel.summary.text().startswith("No dataset")
    assert panel.samples.grid.entries.rowCount() == 0


def test_problems_lead_to_their_images(panel, qtbot):
    tree = panel.problems
    texts = [tree.topLevelItem(n).text(0) for n in range(tree.topLevelItemCount())]
    assert texts == ["Few images. Add some.", "One is odd."]
    child = tree.topLevelItem(1).child(0)
    assert (child.text(0), child.data(0, IMAGE)[-7:]) == ("001.png: looks odd", "001.png")
    tree.itemActivated.emit(child, 0)
    dialog = panel.samples._dialog
    assert dialog.isVisible() and dialog.heading.whole == "001.png"
    view = dialog.views[0]
    qtbot.waitUntil(lambda: bool(view.marks), timeout=QUICK_MS)
    assert view.marks[0]["class"] == "apple"
    dialog.close()


def test_samples_by_page_split_and_class(panel, qtbot):
    samples = panel.samples
    grid = samples.grid.entries
    assert grid.rowCount() == PAGE and samples.place.text() == f"1–{PAGE} of {IMAGES}"
    qtbot.mouseClick(samples.forth, Qt.MouseButton.LeftButton)
    assert grid.rowCount() == IMAGES - PAGE
    assert samples.place.text() == f"{PAGE + 1}–{IMAGES} of {IMAGES}"
    assert samples.back.isEnabled() and not samples.forth.isEnabled()
    qtbot.waitUntil(lambda: grid.picture(0) is not None, timeout=QUICK_MS)
    assert grid.picture(0).objects[0]["class"] in ("apple", "lemon")
    view = panel.classes.view
    row = next(n for n in range(view.model().rowCount())
               if view.model().index(n, 0).data() == "lemon")  # fmt: skip
    view.selectRow(row)
    lemons = len(range(0, IMAGES, 3))
    assert grid.rowCount() == lemons
    assert samples.kind.currentText() == f"lemon ({lemons})"
    qtbot.waitUntil(lambda: grid.picture(1) is not None, timeout=QUICK_MS)
    assert "lemon 1" in grid.data(grid.index(1), Qt.ItemDataRole.AccessibleTextRole)
    samples.split.setCurrentIndex(1)
    samples.split.activated.emit(1)
    assert (grid.rowCount(), samples.kind.currentData()) == (1, "lemon")


def test_classes_are_counted_by_split(panel):
    model = panel.classes.view.model()
    first = [model.index(0, n).data() for n in range(3)]
    assert first == ["apple", "", f"{IMAGES - len(range(0, IMAGES, 3))} · 1"]
    assert model.rowCount() == len(CLASSES)  # also those that never occur


def test_full_size_by_keyboard(panel, qtbot):
    samples = panel.samples
    samples.grid.setCurrentIndex(samples.grid.model().index(2))
    samples.open(2)
    dialog = samples._dialog
    qtbot.waitUntil(lambda: dialog.views[0].picture is not None, timeout=QUICK_MS)
    view = dialog.views[0]
    assert dialog.heading.whole == "002.png"
    for key, name in (
        (Qt.Key.Key_Right, "003.png"), (Qt.Key.Key_Left, "002.png"), (Qt.Key.Key_Home, "000.png"),
        (Qt.Key.Key_Left, "000.png"), (Qt.Key.Key_PageDown, "010.png"),
        (Qt.Key.Key_End, f"{IMAGES - 1:03d}.png"), (Qt.Key.Key_Right, f"{IMAGES - 1:03d}.png"),
    ):  # fmt: skip
        qtbot.keyClick(view, key)
        assert dialog.heading.whole == name
    assert dialog.place.text() == f"{IMAGES} of {IMAGES}"
    qtbot.waitUntil(lambda: view.picture is not None, timeout=QUICK_MS)
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert dialog.viewpoint.zoom > 1
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert dialog.viewpoint.zoom == 1
    dialog.close()


def test_data_that_does_not_fit_is_shown_and_not_taken(opened, fake, pictured, drop, heard, qtbot):
    text = json.loads(pictured.read_text())
    pictured.write_text(json.dumps({**text, "names": ["cat", "dog"]}))
    drop(opened, pictured)
    problem = {"severity": "error", "message": "2 classes, not 5.", "hint": "", "details": []}
    fake.done("check_data", report(pictured, [problem]))
    measured, panel = opened.session.measured, opened.workspace["data"].widget()
    assert measured.data is None and measured.check is None
    assert measured.refused["path"] == str(pictured)
    assert panel.summary.text().startswith("It was not selected.")
    assert panel.problems.topLevelItem(0).text(0) == "2 classes, not 5."
    assert any("data.yaml cannot be used: 2 classes" in text for text in heard())


def test_a_folder_without_a_dataset(opened, fake, tmp_path, drop, heard):
    (tmp_path / "empty").mkdir()
    drop(opened, tmp_path / "empty")
    assert "is not a dataset" in heard()[-1]
    assert not [r for r in fake.requests if r.task == "check_data"]


def test_the_engine_checks_what_a_person_chooses(opened, pictured, qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(pictured.parent))
    panel = opened.workspace["data"].widget()
    with qtbot.waitSignal(opened.session.measured.dataChecked, timeout=ENGINE_MS):
        panel.folderRequested.emit()
        qtbot.waitUntil(lambda: opened.session.measured.check is not None, timeout=ENGINE_MS)
    check = opened.session.measured.check
    assert check["usable"] and check["splits"]["train"]["images"] == IMAGES
    opened.workspace.go_to("data")
    qtbot.waitUntil(lambda: panel.samples.kind.count() == 3, timeout=QUICK_MS)


# ---- pictures -----------------------------------------------------------------------------------


def test_decoding_scales_and_says_what_is_wrong(tmp_path):
    path = tmp_path / "a.png"
    picture(path, "#306090", 300, 200)
    small = decode(Wish(str(path), 60))
    assert (small.image.width(), small.image.height()) == (60, 40)
    assert small.size.width() == 300 and small.image.pixelColor(5, 5) == QColor("#306090")
    assert "no longer exists" in decode(Wish(str(tmp_path / "none.png"), 60)).trouble
    path.write_bytes(b"nothing")
    broken = decode(Wish(str(path), 60))
    assert broken.image.isNull() and "cannot be read" in broken.trouble


def test_the_newest_wish_comes_first_and_no_more_than_fit_wait(tmp_path, qtbot):
    pictures, seen = Pictures(), []
    paths = [tmp_path / f"{n}.png" for n in range(WAITING + 5)]
    for path in paths:
        picture(path, "#306090", 8, 8)
    begun, go_on = threading.Event(), threading.Event()

    def hold():
        begun.set()
        go_on.wait(QUICK_MS / 1000)
        return []

    pictures.ready.connect(seen.append)
    pictures.get(Wish(str(paths[0]), 8, hold, "held"))
    assert begun.wait(QUICK_MS / 1000)
    wishes = [Wish(str(path), 8) for path in paths]
    for wish in wishes:
        assert pictures.get(wish) is None
    go_on.set()
    qtbot.waitUntil(lambda: len(seen) == WAITING + 1, timeout=QUICK_MS)
    assert seen == ["held", *(wish.name for wish in reversed(wishes[5:]))]
    assert pictures.get(wishes[-1]).image.width() == 8
    pictures.shutdown()
    assert pictures.get(wishes[0]) is None


def test_zooming_keeps_what_is_under_the_pointer(tmp_path, qtbot):
    path = tmp_path / "a.png"
    picture(path, "#306090", 300, 200)
    view = PictureView()
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.set_picture(decode(Wish(str(path), 300)), [], Pens())
    at = QPointF(450, 100)

    def under():
        frame = view.frame()
        return (at.x() - frame.left()) / frame.width(), (at.y() - frame.top()) / frame.height()

    before = under()
    for _ in range(4):
        view.zoom(1.25, at)
    assert under() == pytest.approx(before, abs=1e-6)
    view.move_by(10_000, 10_000)  # never beyond the picture's corner
    assert view.frame().left() == pytest.approx(0) and view.frame().top() == pytest.approx(0)
    view.viewpoint.fit()
    assert view.frame().getRect() == pytest.approx((0, 0, 600, 400))
