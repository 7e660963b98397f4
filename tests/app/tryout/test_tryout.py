"""Networks tried on a person's own images: dropped, shown side by side, counted, saved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QFileDialog

from app.engine.protocol import Failure
from app.tryout import tables
from app.tryout.feature import TryoutFeature
from app.tryout.panel import summary
from core.history.results import of_result
from core.project import Result
from resources.scenes import write_dataset
from tests.app.conftest import ENGINE_MS, QUICK_MS
from tests.app.files.test_drop import SHIFT, Drag

LEFT, KEYS = Qt.MouseButton.LeftButton, Qt.Key


@pytest.fixture(scope="session")
def scenes(tmp_path_factory) -> Path:
    """A folder of images that the demo's network has not seen."""
    folder = tmp_path_factory.mktemp("scenes")
    write_dataset(folder, train=1, val=4)
    return folder / "images" / "val"


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    paths = []
    for name in ("one", "two", "three"):
        picture = QImage(60, 40, QImage.Format.Format_RGB32)
        picture.fill(QColor("#306090"))
        paths.append(tmp_path / "photos" / f"{name}.png")
        paths[-1].parent.mkdir(exist_ok=True)
        assert picture.save(str(paths[-1]))
    return paths


@pytest.fixture
def panel(opened):
    return opened.workspace["tryout"].widget()


def thing(confidence: float, x: float, name: str = "apple") -> dict:
    return {"class": name, "x": x, "y": 0.5, "width": 0.2, "height": 0.2,
            "confidence": confidence}  # fmt: skip


def times(inference: float) -> dict:
    return {"preprocess": 1.0, "inference": inference, "postprocess": 2.0}


def tried(*paths: Path, networks: tuple[str, ...] = ("/x/a.pt", "/x/b.pt")) -> dict:
    """A result: the first image differs at 0.25, the second at 0.5 and the third never."""
    images = [
        ([thing(0.9, 0.2), thing(0.4, 0.6)], [thing(0.8, 0.2), thing(0.3, 0.9)], [(0, 0, 0.9)]),
        ([thing(0.9, 0.5)], [thing(0.4, 0.5)], [(0, 0, 0.8)]),
        ([thing(0.9, 0.5)], [thing(0.9, 0.5)], [(0, 0, 0.8)]),
    ]
    return {
        "task": "detect", "image_size": 160, "device": "cpu", "confidence": 0.05,
        "networks": [{"path": path, "family": "yolov8n", "parameters": 1} for path in networks],
        "images": [
            {"image": str(path), "title": path.name, "objects": [first, second],
             "milliseconds": [times(10.0), times(7.0)], "overlaps": [[], pairs]}
            for path, (first, second, pairs) in zip(paths, images, strict=False)
        ],
        "skipped": [], "left_out": [],
    }  # fmt: skip


def outcomes(panel) -> list[list[str]]:
    return [[m["outcome"] for m in view.marks] for view in panel.view.panes.views]


def cells(table) -> list[list[str]]:
    model = table.model()
    return [
        [model.index(r, c).data() for c in range(model.columnCount())]
        for r in range(model.rowCount())
    ]


# ---- with the engine -------------------------------------------------------------------------


def test_a_dropped_folder_is_tried_and_shown(opened, panel, scenes, qtbot):
    drag = Drag(opened, opened.host.view.viewport(), scenes)
    drag.enter()
    assert opened.drop_overlay.texts[0] == "Try trained.pt on 4 images"
    controller = opened.features[TryoutFeature].controller
    with qtbot.waitSignal(controller.tried, timeout=ENGINE_MS):
        drag.drop()
        assert opened.workspace.mode.id == "compare" and panel.isVisible()
        assert panel.progress.running and not panel.run.isVisible()
    assert not panel.progress.running and panel.run.isEnabled()
    assert panel.view.isVisible() and panel.view.heading.whole == "scene-0000.jpg"
    (view,) = (one for one in panel.view.panes.views if one.isVisible())
    qtbot.waitUntil(lambda: view.picture is not None, timeout=QUICK_MS)
    assert view.marks and {mark["outcome"] for mark in view.marks} == {"found"}
    (network,) = cells(panel.view.network_table)
    assert network[0] == "trained" and int(network[1]) == len(view.marks)
    assert "4 images at 160 px" in panel.status.text()


def test_an_image_waits_for_a_model(window, scenes, trained, qtbot, heard):
    image = sorted(scenes.iterdir())[0]
    drag = Drag(window, window.pane, image)
    drag.enter()
    assert window.drop_overlay.texts[0] == f"Open a model to try it on {image.name}"
    drag.drop()
    assert heard()[-1].startswith(f"Open a model to try it on {image.name}.")
    controller = window.features[TryoutFeature].controller
    with qtbot.waitSignal(controller.tried, timeout=ENGINE_MS):
        window.open_paths([str(trained)])
    assert controller.result["networks"][0]["path"] == str(trained)
    assert window.workspace.mode.id == "compare"


def test_a_model_and_images_that_are_dropped_together(window, scenes, trained, tmp_path, qtbot):
    other = tmp_path / "other.pt"
    shutil.copy(trained, other)
    images = sorted(scenes.iterdir())[:2]
    drag = Drag(window, window.pane, trained, other, *images)
    drag.enter()
    assert window.drop_overlay.texts[0] == "Open trained.pt and try it on 2 images"
    controller = window.features[TryoutFeature].controller
    with qtbot.waitSignal(controller.tried, timeout=ENGINE_MS):
        drag.drop()
    assert [one["path"] for one in controller.result["networks"]] == [str(trained), str(other)]
    assert window.session.model.path == str(trained)


def test_what_is_no_image_says_so_in_one_sentence(opened, panel, tmp_path, qtbot, heard, drop):
    (tmp_path / "text.jpg").write_text("no image")
    drop(opened, tmp_path / "text.jpg")
    qtbot.waitUntil(lambda: any("text.jpg" in text for text in heard()), timeout=ENGINE_MS)
    assert heard()[-1] == (
        f"{tmp_path / 'text.jpg'} cannot be used. It is not an image, or of a kind that is not "
        "supported. Choose other images."
    )
    assert not panel.view.isVisible() and opened.features[TryoutFeature].controller.result is None


def test_frames_of_a_video_are_shown_and_removed(opened, panel, tmp_path, qtbot, drop):
    from PIL import Image

    frames = [Image.new("RGB", (64, 48), (40 * n, 90, 0)) for n in range(4)]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])
    controller = opened.features[TryoutFeature].controller
    with qtbot.waitSignal(controller.tried, timeout=ENGINE_MS):
        drop(opened, tmp_path / "clip.gif")
    assert panel.view.heading.whole.startswith("clip.gif, frame 1")
    view = panel.view.panes.views[0]
    qtbot.waitUntil(lambda: view.picture is not None, timeout=QUICK_MS)
    assert not view.picture.image.isNull()
    folder = Path(controller.result["images"][0]["image"]).parent
    assert len(list(folder.iterdir())) == 4
    controller.close()
    assert not folder.exists()


# ---- what shows ------------------------------------------------------------------------------


@pytest.fixture
def shown(opened, fake, panel, photos, drop):
    """Three images with a result of two networks."""
    drop(opened, photos[0].parent)
    fake.done("try", tried(*photos))
    return panel


def test_the_confidence_acts_at_once_and_leaves_the_view(shown, fake, qtbot):
    asked = len(fake.requests)
    assert outcomes(shown) == [["found", "found"], ["lost", "kept", "new"]]
    shown.view.panes.viewpoint.look(3.0, shown.view.panes.viewpoint.centre)
    shown.view.slider.setValue(50)
    assert shown.view.value.value() == 0.5
    assert outcomes(shown) == [["found"], ["kept"]]
    assert cells(shown.view.network_table)[1][:5] == ["b", "1", "1 of 1", "0", "0"]
    shown.view.value.setValue(0.85)
    assert shown.view.slider.value() == 85
    assert outcomes(shown) == [["found"], ["lost"]]
    assert cells(shown.view.network_table)[1][:5] == ["b", "0", "0 of 1", "1", "0"]
    assert shown.view.panes.viewpoint.zoom == 3.0
    assert len(fake.requests) == asked


def test_keys_go_from_image_to_image_and_to_differences(shown, qtbot):
    view = shown.view.panes.views[0]
    titles = []
    for key in (KEYS.Key_Right, KEYS.Key_Right, KEYS.Key_Right, KEYS.Key_Home, KEYS.Key_End,
                KEYS.Key_Left, KEYS.Key_D):  # fmt: skip
        qtbot.keyClick(view, key)
        titles.append(shown.view.heading.whole.removesuffix(".png"))
    # At 0.25 only the first image differs; the files are in the order of their names.
    assert titles == ["two", "three", "three", "one", "three", "two", "one"]
    shown.view.value.setValue(0.6)
    qtbot.mouseClick(shown.view.different, LEFT)
    assert shown.view.heading.whole == "two.png"
    assert shown.view.place.text() == "2 of 3"


def test_the_images_of_all_are_counted(shown, qtbot):
    shown.view.tabs.setCurrentIndex(1)
    rows = cells(shown.view.network_table)
    assert [row[:6] for row in rows] == [
        ["a", "4", "", "", "", ""],
        ["b", "4", "3 of 4", "1", "1", ""],
    ]
    assert [row[6] for row in rows] == ["13.00", "10.00"]
    assert shown.view.network_table.isColumnHidden(5)  # that is about maps
    shown.view.tabs.setCurrentIndex(2)
    assert cells(shown.view.class_table) == [["apple", "4", "4"]]
    assert shown.view.class_table.isVisible() and not shown.view.network_table.isVisible()


def test_an_image_opens_larger_and_follows_the_confidence(shown, qtbot):
    view = shown.view
    view.panes.views[1].setFocus()
    qtbot.keyClick(view.panes.views[1], KEYS.Key_Return)
    dialog = view.dialog
    assert dialog.isVisible() and len(dialog.pages) == 3
    assert [m["outcome"] for m in dialog.views[1].marks] == ["lost", "kept", "new"]
    view.slider.setValue(50)
    assert [m["outcome"] for m in dialog.views[1].marks] == ["kept"]
    qtbot.keyClick(dialog.views[0], KEYS.Key_Right)
    assert view.heading.whole == "two.png" and dialog.heading.whole == "two.png"
    dialog.close()


def test_a_picture_is_saved(shown, opened, answers, tmp_path, qtbot, heard):
    target = tmp_path / "saved.png"
    answers["save"].append(str(target))
    qtbot.mouseClick(shown.view.save, LEFT)
    qtbot.waitUntil(lambda: bool(heard()), timeout=QUICK_MS)
    assert heard()[-1].startswith("Saved saved.png.")
    picture = QImage(str(target))
    assert picture.width() > 2 * 60 and picture.height() > 40
    answers["save"].append(str(tmp_path / "none" / "saved.png"))
    qtbot.mouseClick(shown.view.save, LEFT)
    qtbot.waitUntil(lambda: len(heard()) == 2, timeout=QUICK_MS)
    assert "Could not write" in heard()[-1]


def test_one_image_needs_no_buttons_to_move(opened, fake, panel, photos, drop):
    drop(opened, photos[0])
    fake.done("try", tried(photos[0]))
    assert not panel.view.next.isVisible() and not panel.view.tabs.isTabVisible(1)
    assert panel.view.heading.whole == "one.png"


def test_classes_of_whole_images_are_named(opened, fake, panel, photos, drop):
    result = tried(photos[0])
    result["task"] = "classify"
    guesses = [{"class": name, "confidence": c} for name, c in (("cat", 0.7), ("dog", 0.28))]
    other = [{"class": "dog", "confidence": 0.6}]
    result["images"][0].update(objects=[guesses, other], overlaps=[[], []])
    drop(opened, photos[0])
    fake.done("try", result)
    first, second = (view.marks for view in panel.view.panes.views)
    assert [mark["class"] for mark in first] == ["cat", "dog"]
    assert [(mark["class"], mark["outcome"]) for mark in second] == [
        ("cat", "lost"),
        ("dog", "new"),
    ]
    assert cells(panel.view.network_table)[1][:5] == ["b", "1", "0 of 1", "1", "1"]
    panel.grab()  # painted without an outcome, too


def test_maps_of_pixels_are_shown_in_the_place_of_objects(
    opened, fake, panel, photos, tmp_path, drop, qtbot
):
    result = tried(*photos)
    result["task"] = "semantic"
    road = {"class": "road", "share": 0.42, "colour": "#20c040"}
    maps = []
    for name in ("first", "second"):
        picture = QImage(60, 40, QImage.Format.Format_RGB32)
        picture.fill(QColor("#a03010" if name == "first" else "#10a030"))
        maps.append(str(tmp_path / f"{name}.png"))
        assert picture.save(maps[-1])
    for image in result["images"]:
        image.update(objects=[[road], [road]], overlaps=[[], []], maps=maps, same=[1.0, 0.931])
    drop(opened, *photos)
    fake.done("try", result)
    view = panel.view
    qtbot.waitUntil(lambda: all(v.picture for v in view.panes.views), timeout=QUICK_MS)
    tones = [v.picture.image.pixelColor(5, 5).name() for v in view.panes.views]
    assert tones == ["#a03010", "#10a030"]
    assert [m["class"] for m in view.panes.views[0].marks] == ["road"]
    assert "road 42%" in view.panes.views[0].accessibleDescription()
    assert "93.1% of the pixels alike" in view.panes.page.panes[1].title
    assert not view.slider.isVisible() and not view.different.isVisible()
    assert not view.tabs.isTabVisible(2)
    rows = cells(view.network_table)
    assert [row[5] for row in rows] == ["", "93.1%"]
    assert [n for n in range(1, 6) if not view.network_table.isColumnHidden(n)] == [5]
    view.open_large()
    assert view.dialog.views[0].picture.image.pixelColor(5, 5).name() == "#a03010"
    view.dialog.close()
    panel.grab()
    view.show_result(tried(*photos))
    assert view.slider.isVisible() and view.tabs.isTabVisible(2)
    assert view.network_table.isColumnHidden(5) and not view.network_table.isColumnHidden(1)


# ---- what is tried ---------------------------------------------------------------------------


def test_networks_of_the_project_and_added_ones_are_ticked(
    opened, fake, panel, photos, trained, tmp_path, drop, answers, qtbot
):
    small, other = tmp_path / "small.pt", tmp_path / "other.pt"
    for path in (small, other):
        path.write_bytes(b"weights")
    cost = {"parameters_before": 2, "parameters_after": 1, "macs_before": 2, "macs_after": 1}
    made = Result(output=str(small), date="", relative_error=0.0, **cost)
    opened.session.take([of_result(made)])
    drop(opened, photos[0])
    asked = fake.last("try").args
    assert asked["paths"] == [str(trained), str(small)]
    assert asked["sources"] == [str(photos[0])]
    assert Path(asked["keep"]).is_dir()
    fake.done("try", tried(photos[0]))
    answers["open"].append(str(other))
    qtbot.mouseClick(panel.add, LEFT)
    assert panel.models.chosen == [str(trained), str(small), str(other)]
    panel.models.item(1).setCheckState(Qt.CheckState.Unchecked)
    qtbot.mouseClick(panel.run, LEFT)
    assert fake.last("try").args["paths"] == [str(trained), str(other)]


def test_images_and_folders_are_chosen(opened, fake, panel, photos, monkeypatch, qtbot):
    names = [str(path) for path in photos[:2]]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a: (names, ""))
    opened.actions_table.by_id["try_images"].trigger()
    assert fake.last("try").args["sources"] == names
    assert panel.source.text() == "On 2 images"
    fake.done("try", tried(*photos[:2]))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(photos[0].parent))
    qtbot.mouseClick(panel.folder, LEFT)
    assert fake.last("try").args["sources"] == [str(photos[0].parent)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a: ([], ""))
    count = len(fake.requests)
    qtbot.mouseClick(panel.images, LEFT)
    assert len(fake.requests) == count


def test_it_can_be_cancelled_and_nothing_is_left(opened, fake, panel, photos, drop, qtbot):
    drop(opened, photos[0])
    keep = Path(fake.last("try").args["keep"])
    qtbot.mouseClick(panel.progress.cancel, LEFT)
    assert fake.cancels and not keep.exists()
    assert panel.run.isVisible() and panel.run.isEnabled() and not panel.view.isVisible()
    qtbot.mouseClick(panel.run, LEFT)
    keep = Path(fake.last("try").args["keep"])
    fake.failed("try", Failure("No.", "Do."))
    assert not keep.exists()


def test_images_appear_as_they_are_done_and_stay_when_it_is_cancelled(
    opened, fake, panel, photos, drop, qtbot
):
    controller = opened.features[TryoutFeature].controller
    drop(opened, photos[0].parent)
    keep, whole = Path(fake.last("try").args["keep"]), tried(*photos)
    parts = [{**whole, "images": [image]} for image in whole["images"]]
    fake.partial("try", parts[0])
    assert panel.view.heading.whole == "one.png" and not panel.view.next.isVisible()
    panel.view.panes.viewpoint.look(2.0, panel.view.panes.viewpoint.centre)
    fake.partial("try", parts[1])
    assert panel.view.panes.viewpoint.zoom == 2.0
    assert panel.view.place.text() == "1 of 2" and panel.progress.running
    qtbot.keyClick(panel.view.panes.views[0], KEYS.Key_Right)
    fake.partial("try", parts[2])
    assert panel.view.place.text() == "2 of 3"
    qtbot.mouseClick(panel.progress.cancel, LEFT)
    assert panel.view.place.text() == "2 of 3" and "Cancelled" in panel.status.text()
    assert keep.exists()  # frames that show
    qtbot.mouseClick(panel.run, LEFT)
    fake.done("try", whole)
    assert panel.view.place.text() == "1 of 3" and "Cancelled" not in panel.status.text()
    assert not keep.exists() and len(controller._frames) == 1


def test_closing_the_model_ends_it(opened, fake, panel, photos, drop):
    drop(opened, photos[0])
    keep = Path(fake.last("try").args["keep"])
    opened.actions_table.by_id["close"].trigger()
    assert fake.cancels and not keep.exists()


def test_who_is_elsewhere_is_told_and_led_there(opened, fake, panel, photos, drop):
    drop(opened, *photos)
    opened.workspace.set_mode("plan")
    fake.done("try", tried(*photos))
    message = opened.said[-1]
    assert message.text == "Done: Try 1 network on 3 images."
    ((_, show),) = message.actions
    show()
    assert panel.isVisible() and panel.view.heading.whole == "one.png"


def test_only_one_runs_at_a_time(opened, fake, panel, photos, drop, heard):
    drop(opened, photos[0])
    drop(opened, photos[1])
    assert len([one for one in fake.requests if one.task == "try"]) == 1
    assert "is still running" in heard()[-1]


def test_another_model_takes_the_result_away(shown, opened, trained, tmp_path, qtbot, monkeypatch):
    monkeypatch.undo()  # the engine answers again
    controller = opened.features[TryoutFeature].controller
    assert controller.result is not None
    other = tmp_path / "again.pt"
    shutil.copy(trained, other)
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        opened.open_paths([str(other)])
    assert controller.result is None and not shown.view.isVisible()


def test_compare_leads_to_it(opened, panel, qtbot):
    opened.session.requests.panelWanted.emit("compare")
    compare = opened.workspace["compare"].widget()
    qtbot.mouseClick(compare.own, LEFT)
    assert panel.isVisible() and not panel.run.isEnabled()
    assert panel.how.isVisible() and panel.how.text().startswith("Drop an image")


# ---- in words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "model", "text"),
    [
        (["a.jpg"], "m.pt", "Try m.pt on a.jpg"),
        (["a.jpg", "b.png"], "m.pt", "Try m.pt on 2 images"),
        (["a.jpg", "clip.mp4"], "m.pt", "Try m.pt on 1 image, 1 video"),
        (["folder"], "m.pt", "Try m.pt on 3 images"),
        (["folder"], "", "Open a model to try it on 3 images"),
        (["a.jpg", "x.pt"], "m.pt", "Try m.pt and x.pt on a.jpg"),
        (["a.jpg", "x.pt", "y.pt"], "m.pt", "Try m.pt and 2 models on a.jpg"),
        (["a.jpg", "x.pt"], "", "Open x.pt and try it on a.jpg"),
        (["a.jpg", "p.secateur"], "m.pt", "Choose which of 2 files to open"),
    ],
)
def test_what_a_drop_of_images_will_do_is_said(tmp_path, names, model, text):
    from app.files.dropped import announce, sort_dropped

    (tmp_path / "folder").mkdir()
    for name in ("1.jpg", "2.PNG", "3.webp", "notes.txt"):
        (tmp_path / "folder" / name).touch()
    dropped = sort_dropped([str(tmp_path / name) for name in names])
    assert announce(dropped, str(tmp_path / model) if model else "", False)[0] == text


def test_shift_makes_no_difference_to_images(opened, photos):
    drag = Drag(opened, opened.host.view.viewport(), photos[0], modifiers=SHIFT)
    drag.enter()
    assert opened.drop_overlay.texts[0] == "Try trained.pt on one.png"
    drag.leave()
    QApplication.processEvents()


def test_what_was_left_out_and_skipped_is_said(photos):
    result = tried(*photos)
    result["left_out"] = ["40 frames of clip.avi are used, taken evenly from 100."]
    result["skipped"] = [{"file": "/x/bad.jpg", "reason": "It is damaged."}]
    assert summary(result) == (
        "3 images at 160 px. 40 frames of clip.avi are used, taken evenly from 100. "
        "Skipped bad.jpg. It is damaged."
    )
    result["skipped"] *= 2
    assert summary(result).endswith("2 files were skipped because they cannot be read.")


@pytest.mark.parametrize(
    ("faster", "words"), [(1.0, "no difference"), (0.5, "−38.5%"), (2.0, "+76.9%")]
)
def test_a_difference_inside_the_spread_is_none(photos, faster, words):
    result = tried(*photos)
    result["images"] *= 3
    for number, image in enumerate(result["images"]):
        noise = 1.0 if faster != 1.0 else (0.9, 1.1)[number % 2]
        image["milliseconds"] = [times(10.0), times(10.0 * faster * noise)]
    rows = tables.all_rows(result, 0.25)
    change = tables.network_columns()[tables.CHANGE_PLACE]
    assert change.title == "Change"
    assert [change.show(row) for row in rows] == ["", words]
