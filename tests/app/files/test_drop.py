"""Files dropped on any pixel of the window, and an overlay that reports what will happen."""

from __future__ import annotations

import warnings

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QMessageBox, QTableView

from app.files.feature import FilesFeature
from app.state import plan_edits
from tests.app.conftest import ENGINE_MS, QUICK_MS

COPY, LEFT = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


class Drag:
    """A drag as the platform delivers it: to the native window, at a place over a widget."""

    def __init__(self, window, widget, *paths, modifiers=NONE):
        self.window, self.modifiers = window, modifiers
        self.place = widget.mapTo(window, widget.rect().center())
        self.data = QMimeData()
        self.data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])

    def _send(self, kind, place):
        with warnings.catch_warnings():  # Qt has deprecated the only way to make one
            warnings.simplefilter("ignore", DeprecationWarning)
            event = kind(place, COPY, self.data, LEFT, self.modifiers)
        QApplication.sendEvent(self.window.windowHandle(), event)
        return event.isAccepted()

    def enter(self):
        accepted = self._send(QDragEnterEvent, self.place)
        assert self._send(QDragMoveEvent, self.place) == accepted
        return accepted

    def drop(self):
        return self._send(QDropEvent, QPointF(self.place))

    def leave(self):
        QApplication.sendEvent(self.window.windowHandle(), QDragLeaveEvent())


def targets(window):
    """Every kind of widget that would take a drag for itself, and the graph."""
    shown = [w for w in window.findChildren(QLineEdit) if w.isVisible()]
    shown += [t.viewport() for t in window.findChildren(QTableView) if t.isVisible()]
    return {type(w.parent()).__name__: w for w in [window.host.view.viewport(), *shown]}


def test_a_file_dropped_over_the_graph_a_table_or_a_field_opens(opened, qtbot, trained, tmp_path):
    opened.session.requests.panelWanted.emit("blocks")
    opened.pane.search.open_search()
    over = targets(opened)
    assert len(over) >= 3
    for number, widget in enumerate(over.values()):
        path = tmp_path / f"other{number}.pt"
        path.write_bytes(trained.read_bytes())
        drag = Drag(opened, widget, path)
        assert drag.enter()
        assert opened.drop_overlay.isVisible()
        assert opened.drop_overlay.texts[0] == f"Open {path.name}"
        with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
            assert drag.drop()
        assert opened.session.model.path == str(path)
        assert not opened.drop_overlay.isVisible()
        opened.pane.search.open_search()


def test_a_text_field_keeps_the_text_that_is_dragged_to_it(opened):
    opened.pane.search.open_search()
    drag = Drag(opened, opened.pane.search.field)
    drag.data.clear()
    drag.data.setText("model.6")
    assert drag.enter()
    assert not opened.drop_overlay.isVisible()
    assert drag.drop()
    assert opened.pane.search.field.text() == "model.6"


def test_the_overlay_goes_when_the_files_do(opened, qtbot, trained):
    drag = Drag(opened, opened.host.view, trained)
    drag.enter()
    assert opened.drop_overlay.isVisible()
    assert opened.drop_overlay.geometry() == opened.rect()
    drag.leave()
    qtbot.waitUntil(lambda: not opened.drop_overlay.isVisible(), timeout=QUICK_MS)


def test_the_overlay_leaves_the_pointer_to_what_lies_below(opened, trained):
    Drag(opened, opened.host.view, trained).enter()
    assert opened.childAt(QPoint(opened.width() // 2, 300)) is not opened.drop_overlay
    opened.drop_overlay.hide()


@pytest.mark.parametrize(
    ("names", "model", "compare", "text", "more"),
    [
        (["a.pt"], "", False, "Open a.pt", ""),
        (["a.pt"], "m.pt", False, "Open a.pt", "Hold Shift to compare it with m.pt"),
        (["a.pt"], "m.pt", True, "Compare a.pt with m.pt", ""),
        (["a.pt", "b.pt"], "m.pt", True, "Compare 2 models with m.pt", ""),
        (["a.pt", "own.yaml"], "", False, "Open a.pt with the dataset own.yaml", ""),
        (["own.yaml", "net.yaml"], "", False, "Open net.yaml with the dataset own.yaml", ""),
        (["own.yaml"], "m.pt", False, "Use the dataset own.yaml", "for m.pt"),
        (["images"], "m.pt", False, "Use the dataset images", "for m.pt"),
        (["own.yaml"], "", False, "Open a model to use own.yaml", None),
        (["p.json"], "m.pt", False, "Use the plan p.json", "for m.pt"),
        (["p.secateur"], "m.pt", False, "Open p.secateur", ""),
        (["w.onnx"], "m.pt", False, "Compare w.onnx with m.pt", ""),
        (["w_ncnn_model"], "m.pt", True, "Compare w_ncnn_model with m.pt", ""),
        (["w_ncnn_model/w.param"], "m.pt", False, "Compare w_ncnn_model with m.pt", ""),
        (["w.onnx", "w.engine"], "m.pt", False, "Compare 2 models with m.pt", ""),
        (["w.onnx"], "", False, "Open a model to compare w.onnx with it", None),
        (["w.onnx", "a.jpg"], "m.pt", False, "Try m.pt and w.onnx on a.jpg", ""),
        (["w.onnx", "a.jpg"], "", False, "Open a model to try it on a.jpg", None),
        (["a.pt", "b.pt"], "", False, "Choose which of 2 files to open", ""),
        (["a.pt", "p.secateur", "own.yaml"], "m.pt", False, "Choose which of 3 files to open", ""),
    ],
)
def test_what_a_drop_will_do_is_said(tmp_path, names, model, compare, text, more):
    from app.files.dropped import announce, sort_dropped

    (tmp_path / "images").mkdir()
    (tmp_path / "w_ncnn_model").mkdir()
    (tmp_path / "w_ncnn_model" / "metadata.yaml").write_text("task: detect")
    (tmp_path / "own.yaml").write_text("train: images\nval: images\nnames: [a]\n")
    (tmp_path / "net.yaml").write_text("nc: 1\nbackbone: []\nhead: []\n")
    dropped = sort_dropped([str(tmp_path / name) for name in names])
    said = announce(dropped, str(tmp_path / model) if model else "", compare)
    assert said[0] == text
    assert more is None or said[1] == more


def test_a_model_and_a_dataset_open_together(window, qtbot, trained, dataset):
    drag = Drag(window, window.pane, dataset, trained)
    drag.enter()
    assert window.drop_overlay.texts[0] == f"Open {trained.name} with the dataset {dataset.name}"
    with qtbot.waitSignal(window.session.measured.dataChanged, timeout=ENGINE_MS):
        drag.drop()
        qtbot.waitUntil(lambda: window.session.model is not None, timeout=ENGINE_MS)
    assert window.session.model.path == str(trained)
    qtbot.waitUntil(lambda: window.session.measured.data is not None, timeout=QUICK_MS)
    assert window.session.measured.data.path == str(dataset)
    assert window.workspace.mode.id == "explore"  # the model is what was opened


def test_shift_compares_with_the_open_model(opened, tmp_path, trained):
    other = tmp_path / "other.pt"
    other.write_bytes(trained.read_bytes())
    asked = []
    opened.session.requests.compareWanted.connect(asked.append)
    drag = Drag(opened, opened.host.view, other, modifiers=SHIFT)
    drag.enter()
    assert opened.drop_overlay.texts[0] == f"Compare other.pt with {trained.name}"
    drag.drop()
    assert asked == [[str(trained), str(other)]]
    assert opened.session.model.path == str(trained)


@pytest.mark.parametrize("name", ["w.onnx", "w_openvino_model"])
def test_an_exported_file_is_compared_and_not_opened(opened, tmp_path, trained, name):
    asked = []
    opened.session.requests.compareWanted.connect(asked.append)
    path = tmp_path / name
    path.mkdir() if "." not in name else path.write_bytes(b"x")
    drag = Drag(opened, opened.host.view, path)
    drag.enter()
    drag.drop()
    assert asked == [[str(trained), str(path)]]
    opened.features[FilesFeature].documents.open_path(str(path))
    (said,) = [one for one in opened.said if one.key == "drop"]
    assert said.text == f"{name} is an exported file, which has no layers to show or to prune."
    assert [words for words, _ in said.actions] == [f"Compare it with {trained.name}"]
    said.actions[0][1]()
    assert len(asked) == 2
    assert opened.session.model.path == str(trained)


def test_exported_files_without_a_model_say_what_to_do(window, tmp_path):
    for name in ("a.onnx", "b.torchscript"):
        (tmp_path / name).write_bytes(b"x")
    drag = Drag(window, window.pane, tmp_path / "a.onnx", tmp_path / "b.torchscript")
    drag.enter()
    drag.drop()
    assert [(one.text[:7], one.hint) for one in window.said if one.key == "drop"] == [
        ("a.onnx ", "Open its checkpoint, and drop the file again to compare it.")
    ]
    assert window.session.model is None


# ---- checked before anyone is asked ------------------------------------------------------------


@pytest.mark.parametrize("name", ["web.pt", "empty.secateur"])
def test_a_file_that_cannot_be_opened_asks_nothing(opened, qtbot, tmp_path, choose, answers, name):
    choose(opened, 5)
    (tmp_path / name).write_bytes(b"<!DOCTYPE html><html></html>")
    opened.said.clear()
    with qtbot.waitSignal(opened.session.messageRaised, timeout=ENGINE_MS):
        Drag(opened, opened.host.view, tmp_path / name).drop()  # a question would fail: no answer
    assert opened.said[-1].kind == "error"
    assert opened.session.plan.selection


def test_a_file_that_can_be_opened_asks_first(opened, qtbot, tmp_path, choose, answers, trained):
    choose(opened, 5)
    other = tmp_path / "other.pt"
    other.write_bytes(trained.read_bytes())
    buttons = QMessageBox.StandardButton
    answers["ask"].append(buttons.Cancel)
    Drag(opened, opened.host.view, other).drop()
    qtbot.waitUntil(lambda: not answers["ask"], timeout=ENGINE_MS)
    assert opened.session.model.path == str(trained)
    assert plan_edits.entry_of(opened.session.plan, 5) is not None
    answers["ask"].append(buttons.Discard)
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        Drag(opened, opened.host.view, other).drop()
    assert opened.session.model.path == str(other)
    assert not opened.session.plan.selection
