"""Other devices in the window: chosen, and their milliseconds shown as this computer's are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from app.engine.protocol import Failure
from app.latency.add_dialog import AddDialog
from app.latency.devices_dialog import DevicesDialog
from app.latency.feature import LatencyFeature
from app.latency.kit_dialog import KitDialog
from app.pruning.feature import PruningFeature
from app.state import plan_edits
from app.window.graph_binding import graph_state
from core.plan.latency import files
from core.plan.latency.devices import Device, device_of, devices_file, known_devices, remember
from core.plan.latency.files import describe, table_path, write_latency
from core.system.files import sha256_of
from tests.app.conftest import QUICK_MS
from tests.core.ship.tables import latency_of

PI, NANO, KIT = "ssh://pi@pi.local", "ssh://nano:2222", "kit:hall"
LIBRARIES = {"onnxruntime": "1.30", "openvino": None, "ncnn": None}


def device(name, address, **changes):
    told = {"processor": "Cortex-A72", "cores": 4, "libraries": LIBRARIES, **changes}
    return Device(name=name, address=address, **told)


@pytest.fixture
def times(trained, monkeypatch, tmp_path):
    """Put tables of this computer and of devices into the cache, of one speed each."""
    folder = tmp_path / "latency"
    for module in ("files", "devices"):
        monkeypatch.setattr(f"core.plan.latency.{module}.latency_folder", lambda: folder)
    sha256 = sha256_of(trained)

    def act(on="", scale=1.0):
        about = {**describe("onnx", image_size=160), "sha256": sha256}
        about |= {"on": on, "device": "Cortex-A72", "threads": 4} if on else {}
        made = latency_of("yolov8n", 16)
        grids = tuple(replace(grid, ms=grid.ms * scale) for grid in made.grids)
        path = table_path(sha256, about)
        write_latency(path, replace(made, about=about, grids=grids))
        return path

    return act


@pytest.fixture
def panel(opened):
    return opened.workspace["latency"].widget()


@pytest.fixture
def pi(opened):
    remember(device("kitchen", PI))
    opened.session.devices.refresh()


def pick(panel, address):
    """Choose a device as a person does."""
    box = panel.where.box
    box.setCurrentIndex(box.findData(address))
    box.activated.emit(box.currentIndex())
    panel._session.flush()


RUNTIMES = [("torch", "PyTorch"), ("onnx", "ONNX Runtime"), ("openvino", "OpenVINO")]


def runtimes(session, **elsewhere):
    listed = [{"name": name, "title": title, "missing": None} for name, title in RUNTIMES]
    listed += [{"name": "ncnn", "title": "NCNN", "missing": "On other devices only.", **elsewhere}]
    session.shipped.set_runtimes({"runtimes": listed, "threads": 2, "gpu": False})


def test_choosing_a_device_is_an_edit_that_shows_its_milliseconds(opened, panel, times, pi):
    session = opened.session
    times(scale=1.0)
    times(PI, scale=10.0)
    session.look_up_clock()
    here = session.unpruned_ms
    assert [panel.where.box.itemText(n) for n in range(2)] == ["This computer", "kitchen"]
    pick(panel, PI)
    assert session.plan.device == PI
    assert session.unpruned_ms > 5 * here
    assert "on kitchen" in panel.target.now.text() and "Cortex-A72" in panel.where._words()
    session.set_overlay("latency")
    assert graph_state(session).overlay_title.startswith("Milliseconds on kitchen, ")
    card = opened.scorecard
    assert card.time.title.text() == "Latency, kitchen" and "on kitchen" in card.time.toolTip()
    assert "of kitchen" in opened.statusBar().engine.text()
    assert "on kitchen" in opened.workspace["choose"].widget().goal.time.text()
    session.undo_stack.undo()
    session.flush()
    assert session.plan.device == "" and session.unpruned_ms == pytest.approx(here)
    assert (
        card.time.title.text() == "Latency" and "of kitchen" not in opened.statusBar().engine.text()
    )
    session.undo_stack.redo()
    assert panel.where.box.currentData() == PI


@pytest.mark.parametrize("named", [PI, "kitchen"])
def test_a_plan_that_comes_with_a_device_shows_its_milliseconds(opened, panel, times, pi, named):
    session = opened.session
    times(scale=1.0)
    session.look_up_clock()
    here = session.unpruned_ms
    path = times(PI, scale=10.0)
    plan = session.plan.model_copy(update={"device": named})
    session.edit(plan_edits.replace_plan(plan, "Import plan.json"))
    session.flush()
    assert session.unpruned_ms > 5 * here and panel.where.box.currentText() == "kitchen"
    path.unlink()
    session.look_up_clock()
    assert session.unpruned_ms is None  # not those of this computer
    assert "press Measure layers" in panel.where._words()
    assert not panel.target.now.text().startswith("Predicted")


@pytest.mark.parametrize("named", ["ssh://nobody", "nowhere", "<b>x</b>", "\u202eyob", "x" * 300])
def test_a_device_that_is_not_known_here_is_said_to_be(opened, panel, times, named):
    session = opened.session
    times()
    session.look_up_clock()
    session.edit(plan_edits.replace_plan(session.plan.model_copy(update={"device": named}), "Take"))
    session.flush()
    assert session.clock is None and "(unknown)" in panel.where.box.currentText()
    assert "choose another device" in panel.where._words() and not panel.target.time.isEnabled()
    for text in (opened.statusBar().engine.toolTip(), opened.scorecard.time.toolTip()):
        assert "<b>" not in text and "\u202e" not in text
    assert len(opened.scorecard.time.title.text()) < 40
    pick(panel, "")
    assert session.unpruned_ms is not None and "unknown" not in panel.where.box.currentText()


def test_a_measurement_goes_to_the_device_that_counts(opened, panel, fake, times, pi):
    runtimes(opened.session)
    session, control = opened.session, opened.features[LatencyFeature].controller
    panel.where.deviceChosen.emit(PI)
    panel.target.time.click()
    asked = fake.last("latency_table").args
    assert asked["on"] == PI and asked["runtime"] == "onnx" and not asked["again"]
    times(PI)
    fake.done("latency_table", {"table": "anywhere"})
    assert session.unpruned_ms is not None
    panel.target.time.click()
    assert fake.last("latency_table").args["again"]
    fake.done("latency_table", {"table": "anywhere"})
    session.requests.layerTimesWanted.emit({})
    assert fake.last("latency_table").args["on"] == PI
    fake.engine._on_cancelled(fake.engine.running("latency_table")[0].number)
    control.time_networks([session.model.path], {"runtimes": ["onnx"], "batches": [1]})
    assert fake.last("latency").args["on"] == PI
    fake.done("latency", told(session, PI))
    assert panel.status.text().startswith("kitchen: Cortex-A72, 4 threads")
    panel.where.deviceChosen.emit("")
    panel.target.time.click()
    assert "on" not in fake.last("latency_table").args


def told(session, on):
    spread = {"median": 20.0, "low": 19.0, "high": 21.0, "iqr": 2.0}
    timing = {
        "model": session.model.path, "runtime": "onnx", "precision": "fp32", "batch": 1,
        "image_size": 160, "threads": 4, "ms": spread, "cpu_ms": None, "ratio": None,
        "cpu_ratio": None, "predicted_ms": None,
    }  # fmt: skip
    machine = {"device": "Cortex-A72", "name": "kitchen", "on": on, "libraries": LIBRARIES}
    models = {session.model.path: session.model.facts.sha256}
    return {"machine": machine, "timings": [timing], "missing": [], "models": models}


def test_what_a_device_can_run_is_offered(opened, panel, fake, pi):
    runtimes(opened.session)
    boxes = panel.runtimes
    assert boxes["torch"].isChecked() and boxes["openvino"].isEnabled()
    boxes["openvino"].setChecked(True)
    pick(panel, PI)
    assert [n for n, b in boxes.items() if b.isEnabled()] == ["onnx"] and boxes["onnx"].isChecked()
    assert "pip install openvino" in boxes["openvino"].toolTip()
    assert "not measured on other devices" in boxes["torch"].toolTip()
    assert not panel.device.isVisibleTo(panel) and "4 on kitchen" in panel.threads.toolTip()
    pick(panel, "")
    assert all(boxes[n].isChecked() for n, _ in RUNTIMES) and panel.device.isVisibleTo(panel)
    assert not boxes["ncnn"].isEnabled()


@pytest.mark.parametrize("problem", [None, "NCNN needs pnnx, which is not installed."])
def test_ncnn_is_offered_where_it_is_and_can_be_sent(opened, panel, pi, problem):
    runtimes(opened.session, elsewhere=problem)
    remember(device("kitchen", PI, libraries={**LIBRARIES, "ncnn": "1.0"}))
    opened.session.devices.refresh()
    pick(panel, PI)
    box = panel.runtimes["ncnn"]
    assert box.isEnabled() == (problem is None) and not box.isChecked()
    assert box.toolTip() == (problem or "Measure the networks in NCNN")


def test_an_unreachable_device_is_said_and_nothing_is_lost(opened, panel, fake, times, pi, heard):
    session = opened.session
    times(PI)
    pick(panel, PI)
    before, plan = session.unpruned_ms, session.plan
    panel.target.time.click()
    words = "ssh://pi@pi.local does not answer."
    fake.failed("latency_table", Failure(words, "Check that it is on, and its address and port."))
    assert words in heard()[-1] and "Check that it is on" in heard()[-1]
    assert session.unpruned_ms == before and session.plan == plan
    assert panel.target.time.isEnabled()


def test_a_device_is_added_by_address_and_name(opened, panel, fake, qtbot, heard):
    panel.where.add.click()
    (dialog,) = opened.findChildren(AddDialog)
    for address, name, words in (
        ("pi", "", "is not an address"),
        ("ssh://-oProxyCommand=x", "", "is not an address"),
        ("ssh://me:secret@pi", "", "is not an address"),
        (PI, "-x", "is not a name"),
    ):
        dialog.address.setText(address)
        dialog.name.setText(name)
        dialog.go.click()
        assert dialog.isVisible() and words in dialog.problem.text()
    dialog.name.setText("kitchen")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert fake.last("device_add").args == {"address": PI, "name": "kitchen"}
    fake.failed("device_add", Failure(f"{PI} does not answer.", "Check that it is on."))
    assert f"{PI} does not answer." in heard()[-1]
    ((text, act),) = opened.said[-1].actions
    assert text == "Change the address…"
    act()
    again = next(d for d in opened.findChildren(AddDialog) if d.isVisible())
    assert (again.address.text(), again.name.text()) == (PI, "kitchen")
    again.go.click()
    found = remember(device("kitchen", PI))
    fake.done("device_add", {"device": found.model_dump()})
    assert opened.session.plan.device == PI and panel.where.box.currentText() == "kitchen"
    assert "Press Measure layers" in heard()[-1]


def test_devices_are_renamed_measured_again_and_forgotten(opened, panel, fake, times, pi, answers,
                                                          monkeypatch, qtbot, heard):  # fmt: skip
    session = opened.session
    remember(device("nano", NANO, libraries={}))
    remember(device("hall", KIT))
    table = times(PI)
    pick(panel, PI)
    assert session.clock is not None
    opened.actions_table.by_id["devices"].trigger()
    (dialog,) = opened.findChildren(DevicesDialog)
    assert [d.name for d in dialog.model.rows] == ["hall", "kitchen", "nano"]
    assert dialog.chosen.name == "kitchen" and dialog.measure.isEnabled()
    qtbot.keyClick(dialog.view, Qt.Key.Key_Up)
    assert not dialog.measure.isEnabled() and "kit" in dialog.measure.toolTip()
    qtbot.keyClick(dialog.view, Qt.Key.Key_Down)
    assert dialog.chosen.name == dialog.name.text() == "kitchen" and not dialog.rename.isEnabled()
    dialog.name.setText("nano")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert "Another device is called nano." in heard()[-1] and device_of(PI).name == "kitchen"
    dialog.name.setText("attic")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert dialog.chosen.address == PI and device_of(PI).name == "attic"
    assert panel.where.box.currentText() == "attic" and "on attic" in panel.target.now.text()
    monkeypatch.setattr(QMessageBox, "clickedButton", lambda box: None)
    answers["ask"].append(0)
    dialog.forget.click()
    assert table.exists() and len(known_devices()) == 3
    press = QMessageBox.ButtonRole.DestructiveRole
    first = lambda box: next(b for b in box.buttons() if box.buttonRole(b) == press)  # noqa: E731
    monkeypatch.setattr(QMessageBox, "clickedButton", first)
    answers["ask"].append(0)
    dialog.forget.click()
    assert not table.exists() and [d.name for d in known_devices()] == ["hall", "nano"]
    assert session.clock is None and "unknown" in panel.where.box.currentText()
    dialog.view.selectRow(1)
    dialog.measure.click()
    asked = fake.last("latency_table").args
    assert asked["on"] == NANO and asked["again"] and not dialog.isVisible()


def test_what_the_command_line_changes_is_followed(opened, panel, pi, qtbot):
    with qtbot.waitSignal(opened.session.devices.changed, timeout=QUICK_MS):
        remember(device("nano", NANO))
    assert panel.where.box.findData(NANO) > 0


def test_what_else_is_in_the_folder_of_the_list_reads_no_table(opened, panel, times, qtbot):
    controller = opened.features[LatencyFeature].controller
    for folder, reads in ((devices_file().parent, False), (files.latency_folder(), True)):
        controller._watch_tables()
        with qtbot.waitSignal(controller._tables.directoryChanged, timeout=QUICK_MS):
            (folder / "something").mkdir()
        assert controller._settling.isActive() is reads


def test_a_kit_is_written_and_its_answers_are_read(opened, panel, fake, answers, times, tmp_path,
                                                   heard):  # fmt: skip
    session = opened.session
    opened.actions_table.by_id["latency_kit"].trigger()
    (dialog,) = opened.findChildren(KitDialog)
    for name, able in (("-x", False), ("hall", True)):
        dialog.name.setText(name)
        assert dialog.go.isEnabled() == able
    dialog.path.setText(str(tmp_path / "kit.txt"))
    assert not dialog.go.isEnabled() and ".zip" in dialog.go.toolTip()
    dialog.path.setText(str(tmp_path / "kit"))
    dialog.threads.setValue(3)
    dialog.go.click()
    asked = fake.last("latency_kit").args
    assert asked["output"] == str(tmp_path / "kit.zip") and asked["name"] == "hall"
    assert (asked["threads"], asked["batch"], asked["image_size"]) == (3, 1, None)
    fake.done("latency_kit", {"output": asked["output"], "bytes": 2_000_000})
    assert "2.0 MB" in heard()[-1] and "bench.py" in heard()[-1]
    answers["open"].append(str(tmp_path / "answers.jsonl"))
    opened.actions_table.by_id["read_answers"].trigger()
    assert fake.last("latency_answers").args["file"] == str(tmp_path / "answers.jsonl")
    found = remember(device("hall", KIT))
    times(KIT)
    fake.done("latency_answers", {"device": found.model_dump(), "measured_ms": 80.0})
    session.flush()
    assert session.plan.device == KIT and session.clock is not None
    assert panel.target.time.text() == "Measurement &kit…"
    panel.target.time.click()
    assert next(d for d in opened.findChildren(KitDialog) if d.isVisible()).name.text() == "hall"
    session.requests.layerTimesWanted.emit({})
    assert "hall cannot be reached from here" in heard()[-1]
    assert "latency_table" not in [request.task for request in fake.requests]


def test_the_device_stays_in_what_is_asked_and_answered(opened, fake, pi, choose, monkeypatch,
                                                        tmp_path):  # fmt: skip
    session = opened.session
    opened.features[LatencyFeature].devices.choose(PI)
    choose(opened, 5)
    opened.features[PruningFeature].controller.start(tmp_path / "pruned.pt")
    assert fake.last("prune").args["plan"]["device"] == PI
    wanted = plan_edits.asked_plan(session.plan, session.measured.aim)
    assert wanted.device == PI
