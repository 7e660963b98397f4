"""Exports, measured times and reports in the window; the engine reports what the test says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

import core
from app.data.feature import DataFeature
from app.engine.protocol import Failure
from app.export.words import detection_words, parity_words, quantised_words, size_words
from app.latency.controller import TABLE_WANTED
from app.latency.panel import predicted_words, time_rows
from app.report.feature import ReportFeature
from app.report.report_dialog import ReportDialog
from app.window.graph_binding import graph_state
from core.history.measurements import read_measurements
from core.history.nodes import home_of, read_nodes
from core.history.results import of_result
from core.plan.latency.clock import Clock
from core.plan.schema import Target
from core.project import DataSetting, Result
from core.ship.latency.runtimes import fused
from core.ship.latency.shapes import layer_uses
from core.system.files import sha256_of
from tests.app.conftest import ENGINE_MS, QUICK_MS
from tests.core.ship.tables import latency_from

LEFT = Qt.MouseButton.LeftButton
IMAGE_SIZE = 640
FORMATS = [
    {"name": "onnx", "title": "ONNX", "suffix": ".onnx", "precisions": ["fp32", "fp16", "int8"],
     "calibrates": True, "tasks": ["detect"], "missing": None, "missing_for": {}, "nms": True},
    {"name": "openvino", "title": "OpenVINO", "suffix": "_openvino_model",
     "precisions": ["fp32", "int8"], "calibrates": True, "tasks": ["detect"], "missing": None,
     "missing_for": {"int8": "OpenVINO in INT8 needs nncf, which is not installed."}},
    {"name": "ncnn", "title": "NCNN", "suffix": "_ncnn_model", "precisions": ["fp32"],
     "calibrates": False, "tasks": ["detect"], "missing": "NCNN needs ncnn, which is not here.",
     "missing_for": {}},
    {"name": "imx", "title": "IMX500", "suffix": "_imx_model", "precisions": ["int8"],
     "calibrates": True, "tasks": ["pose"], "missing": None, "missing_for": {}},
]  # fmt: skip
RUNTIMES = {
    "runtimes": [
        {"name": "torch", "title": "PyTorch", "missing": None},
        {"name": "onnx", "title": "ONNX Runtime", "missing": None},
        {"name": "tensorrt", "title": "TensorRT", "missing": "TensorRT needs an NVIDIA GPU."},
    ],
    "threads": 2,
    "gpu": False,
}
EQUAL = {
    "relative_error": 4e-6, "tolerance": 1e-4, "passed": True, "images": 4, "real": True,
    "detections": 19, "matched": 1.0,
}  # fmt: skip


def exported(output, precision="fp32", parity=EQUAL):
    return {
        "output": str(output), "format": "onnx", "precision": precision, "image_size": 640,
        "bytes": 12_600_000, "model_bytes": 6_500_000, "parameters": 3_157_200,
        "exported_parameters": 3_151_904,
        "parity": parity, "seconds": 1.0, "sha256": "f" * 64,
    }  # fmt: skip


def spread(median, half=1.0):
    return {"median": median, "low": median - half, "high": median + half, "iqr": 2 * half}


def timed(*paths, cpu=False, predicted=None):
    timings = [
        {
            "model": str(path), "runtime": "onnx", "precision": "fp32", "batch": 1,
            "image_size": 640, "threads": 1, "ms": spread(20.0 / n), "ratio": None if n == 1 else
            spread(1 / n, 0.02), "cpu_ms": spread(10.0 / n) if cpu else None,
            "cpu_ratio": spread(1 / n, 0.02) if cpu and n > 1 else None, "predicted_ms": predicted,
        }
        for n, path in enumerate(paths, 1)
    ]  # fmt: skip
    missing = [{"runtime": "openvino", "message": "OpenVINO is not installed."}]
    models = {str(path): letter * 64 for path, letter in zip(paths, "abc", strict=False)}
    if Path(paths[0]).is_file():
        models[str(paths[0])] = sha256_of(Path(paths[0]))
    return {"timings": timings, "missing": missing, "machine": {"device": "CPU"}, "models": models}


def shown(window, qtbot, name):
    window.workspace.go_to(name)
    panel = window.workspace[name].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    return panel


@pytest.fixture
def exports(opened, fake, qtbot):
    panel = shown(opened, qtbot, "export")
    fake.done("formats", {"formats": FORMATS})
    return panel


@pytest.fixture
def latency(opened, fake, qtbot):
    panel = shown(opened, qtbot, "latency")
    fake.done("runtimes", RUNTIMES)
    return panel


@pytest.fixture
def pruned(opened, tmp_path):
    small = tmp_path / "small.pt"
    small.write_bytes(b"x")
    cost = {"parameters_before": 2, "parameters_after": 1, "macs_before": 2, "macs_after": 1}
    result = Result(output=str(small), date="", relative_error=0.0, **cost)
    opened.session.take([of_result(result)])
    return small


@pytest.fixture
def opens(monkeypatch):
    """Files that the window had another program open."""
    seen = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: (seen.append(url.toLocalFile()), True)[1]
    )
    return seen


# ---- export -------------------------------------------------------------------------------------


def test_formats_say_what_is_missing_and_cannot_be_chosen(exports):
    rows = exports.formats_model.rows
    assert [row[0] for row in rows] == ["ONNX", "OpenVINO", "NCNN", "IMX500"]
    assert rows[0][2] == "ready" and "needs nncf" in rows[1][2]
    assert "which is not here" in rows[2][2] and "does not support the task" in rows[3][2]
    able = [exports.form.model().item(n).isEnabled() for n in range(4)]
    assert able == [True, True, False, False]
    exports.form.setCurrentIndex(1)
    exports.form.activated.emit(1)
    able = [exports.precision.model().item(n).isEnabled() for n in range(3)]
    assert able == [True, False, False]


QUANTISED = {
    "fp32_bytes": 12_000_000, "kept": ["model.0.conv"], "layers": 63, "int8_layers": 62,
    "calibrated": 64, "judged": 32, "tried": [], "aware": None,
    "timings": [{"precision": "fp32", "ms": {"median": 12.0}},
                {"precision": "int8", "ms": {"median": 5.0}}],
    "before": {"map50_95": 0.62, "map50": 0.88}, "figures": {"map50_95": 0.61, "map50": 0.87},
    "measured_on": {"data": "d.yaml", "split": "val", "images": 8, "image_size": 320},
}  # fmt: skip


@pytest.mark.parametrize("how", ["auto", "none", "aware"])
def test_a_network_is_quantised_and_becomes_a_step(
    opened, exports, pruned, fake, answers, qtbot, heard, tmp_path, how
):
    assert not exports.quantised.isEnabled()  # FP32
    exports.precision.setCurrentIndex(2)
    exports.precision.activated.emit(2)
    assert not exports.quantised.isEnabled() and "needs a dataset" in exports.note.text()
    opened.session.measured.set_data(DataSetting(path=str(tmp_path / "d.yaml")))
    assert exports.quantised.isEnabled()
    exports.quantised.setCurrentIndex(exports.quantised.findData(how))
    answers["save"].append(str(pruned.with_name("mine")))
    qtbot.mouseClick(exports.run, LEFT)
    args = fake.last("quantize").args
    assert (args["path"], args["output"]) == (str(pruned), str(pruned.with_name("mine.onnx")))
    assert args["aware"] == (how == "aware") and args["keep"] == (
        "none" if how == "none" else "auto"
    )
    assert args["data"]["path"] == str(tmp_path / "d.yaml")
    assert not exports.run.isVisible() and exports.progress.isVisible()
    Path(args["output"]).write_bytes(b"int8")
    fake.done("quantize", {**exported(args["output"]), **QUANTISED, "precision": "int8"})
    assert "5.00 ms instead of 12.00 ms in FP32" in heard()[-1]
    assert "0.6100 instead of 0.6200, 1 layer in higher precision" in heard()[-1]
    assert exports.exported_model.rows[0][2] == "ONNX, INT8"
    # The message leaves; the figures stay.
    assert exports.exported_model.rows[0][-1] == "5.00 ms (42%), mAP50-95 0.6100 (98.4%)"
    home = home_of(opened.session.model.facts.sha256)
    qtbot.waitUntil(
        lambda: any(node.kind == "quantize" for node in read_nodes(home)), timeout=QUICK_MS
    )


@pytest.mark.parametrize(
    ("processor", "said"),
    [
        ((4.0, 2.8), "2.80 ms instead of 4.00 ms in FP32"),
        ((None, None), "5.00 ms instead of 12.00 ms in FP32"),
        ((4.0, None), "5.00 ms instead of 12.00 ms in FP32"),
    ],
)
def test_the_time_of_int8_is_of_the_processor_where_that_is_known(processor, said):
    """Times on the clock are what other programs leave; on a busy machine they say anything."""
    timings = [
        {**timing, "cpu_ms": own and {"median": own}}
        for timing, own in zip(QUANTISED["timings"], processor, strict=True)
    ]
    assert quantised_words({**QUANTISED, "timings": timings}).startswith(said)


@pytest.mark.parametrize("precision", [0, 1, 2])
def test_what_is_grey_says_why(opened, exports, pruned, tmp_path, precision):
    opened.session.measured.set_data(DataSetting(path=str(tmp_path / "d.yaml")))
    exports.precision.setCurrentIndex(precision)
    exports.precision.activated.emit(precision)
    exports.batch.setValue(1)
    tips = {}
    for name in ("kit", "nms", "batch", "quantised"):
        part = getattr(exports, name)
        tips[name] = part.toolTip()
        reasons = ("INT8", "ONNX", "This format")
        told = any(reason in part.toolTip() for reason in reasons)
        assert part.isEnabled() or told, name
    quantises = precision == 2
    assert exports.kit.isEnabled() == (precision == 0) and exports.batch.isEnabled() != quantises
    assert ("written without it" in tips["kit"]) == quantises
    assert ("one image." in tips["batch"]) == quantises
    assert ("For ONNX and OpenVINO" in tips["quantised"]) != quantises


def test_a_network_is_exported_listed_and_kept(
    opened, exports, pruned, fake, answers, opens, qtbot, heard
):
    assert exports.network.currentData() == str(pruned)  # the newest is what is wanted
    exports.image_size.setCurrentIndex(exports.image_size.findData(320))
    exports.batch.setValue(2)
    answers["save"].append(str(pruned.with_name("mine")))
    qtbot.mouseClick(exports.run, LEFT)
    args = fake.last("export").args
    assert args["path"] == str(pruned) and args["output"] == str(pruned.with_name("mine.onnx"))
    assert (args["format"], args["precision"], args["image_size"], args["batch"]) == (
        "onnx", "fp32", 320, 2,
    )  # fmt: skip
    assert not exports.run.isVisible() and exports.progress.isVisible()
    fake.done("export", exported(args["output"]))
    (row,) = exports.exported_model.rows
    assert row[:4] == ("mine.onnx", "small.pt", "ONNX, FP32", "12.6 MB")
    assert row[4] == "equal, error 4.0e-06" and row[5] == "100% of 19 match (4 images)"
    assert "3.15 M weights (3.16 M parameters in the checkpoint)" in heard()[-1]
    assert exports.views.currentIndex() == 1 and exports.folder.isEnabled()
    qtbot.mouseClick(exports.folder, LEFT)
    assert opens == [str(pruned.parent)]
    sha256 = opened.session.model.facts.sha256
    home = home_of(sha256)
    qtbot.waitUntil(lambda: len(read_measurements(home)) == 1, timeout=QUICK_MS)
    (kept,) = read_measurements(home)
    assert (kept.measured, kept.models) == ("export", (sha256, "f" * 64))
    opened.session.close_model()
    assert exports.exported_model.rows == []


def test_int8_without_images_says_what_it_needs(opened, exports, fake, dataset):
    exports.precision.setCurrentIndex(2)
    exports.precision.activated.emit(2)
    assert not exports.run.isEnabled() and "INT8 needs a dataset" in exports.note.text()
    opened.features[DataFeature].controller.set_data(str(dataset))
    assert exports.run.isEnabled() and not exports.note.isVisible()


def test_an_export_that_fails_or_differs_is_told(opened, exports, fake, answers, heard, qtbot):
    for name in ("a.onnx", "b.onnx"):
        answers["save"].append(name)
    qtbot.mouseClick(exports.run, LEFT)
    fake.failed(
        "export", Failure("Ultralytics could not export the network.", "Nothing was written.")
    )
    assert heard()[-1] == "Ultralytics could not export the network. Nothing was written."
    assert exports.exported_model.rows == [] and exports.run.isVisible()
    qtbot.mouseClick(exports.run, LEFT)
    fake.done(
        "export", exported("b.onnx", parity={**EQUAL, "passed": False, "relative_error": 0.1})
    )
    assert opened.said[-1].kind == "warning" and "differs from its checkpoint" in heard()[-1]


def test_cancelling_an_export_says_that_nothing_was_written(exports, fake, answers, heard, qtbot):
    answers["save"].append("a.onnx")
    qtbot.mouseClick(exports.run, LEFT)
    qtbot.mouseClick(exports.progress.cancel, LEFT)
    assert heard()[-1] == "The export was cancelled; no file was written."


def test_a_deployment_kit_goes_next_to_the_file(exports, pruned, fake, answers, heard, qtbot):
    (taken := pruned.with_name("mine-kit")).mkdir()
    answers["save"] += [str(pruned.with_name("mine.onnx"))] * 2
    exports.kit.setChecked(True)
    qtbot.mouseClick(exports.run, LEFT)
    args = fake.last("export").args
    assert args["kit"] == str(pruned.with_name("mine-kit-2"))
    fake.done("export", {**exported(args["output"]), "kit": {"folder": args["kit"]}})
    assert "deployment kit: mine-kit-2" in heard()[-1]
    exports.batch.setValue(2)
    assert not exports.kit.isEnabled()
    qtbot.mouseClick(exports.run, LEFT)
    assert "kit" not in fake.last("export").args
    exports.batch.setValue(1)
    assert exports.kit.isEnabled()
    exports.precision.setCurrentIndex(1)
    exports.precision.activated.emit(1)
    assert not exports.kit.isEnabled()
    assert taken.is_dir()


def test_nms_is_offered_where_a_format_has_it(exports, pruned, fake, answers, qtbot):
    answers["save"] += [str(pruned.with_name("mine.onnx"))]
    assert exports.nms.isEnabled()
    exports.nms.setChecked(True)
    qtbot.mouseClick(exports.run, LEFT)
    assert fake.last("export").args["nms"] is True
    exports.form.setCurrentIndex(1)
    exports.form.activated.emit(1)
    assert not exports.nms.isEnabled()


def test_leaving_the_file_dialog_starts_nothing(exports, fake, answers, qtbot):
    answers["save"].append("")
    before = len(fake.requests)
    qtbot.mouseClick(exports.run, LEFT)
    assert len(fake.requests) == before


def test_parity_in_words():
    assert size_words({**exported("a.ncnn"), "exported_parameters": None}) == "12.6 MB"
    assert parity_words(None) == "not compared: does not run on this machine"
    assert parity_words({**EQUAL, "passed": None}).startswith("no verdict")
    assert detection_words({**EQUAL, "real": False}).endswith("(4 generated images)")
    assert detection_words({**EQUAL, "detections": 0}) == "none found (4 images)"
    assert detection_words({**EQUAL, "detections": None}) == "" == detection_words(None)


# ---- latency ------------------------------------------------------------------------------------


def test_networks_take_turns_in_the_runtimes_ticked(opened, latency, pruned, fake, trained, qtbot):
    assert [box.isEnabled() for box in latency.runtimes.values()] == [True, True, False]
    able = [latency.device.model().item(n).isEnabled() for n in range(latency.device.count())]
    assert able == [True, True, False, False]  # there is no GPU
    assert latency.networks.chosen == [str(trained), str(pruned)]
    latency.runtimes["torch"].setChecked(False)
    latency.batch.setText("1, 8")
    latency.threads.setValue(1)
    qtbot.mouseClick(latency.run, LEFT)
    args = fake.last("latency").args
    assert args["path"] == str(trained) and args["others"] == [str(pruned)]
    assert (args["runtimes"], args["batches"], args["threads"]) == (["onnx"], [1, 8], 1)
    fake.done("latency", timed(trained, pruned, cpu=True, predicted=5.5))
    first, second = latency.model.rows
    assert first == (trained.name, "onnx, FP32", "10.0 ± 1.0", "1", "5.50 (−45%)")
    assert second == ("small.pt", "onnx, FP32", "5.00 ± 1.00", "0.500", "5.50 (+10%)")
    assert "OpenVINO is not installed." in latency.status.text()
    assert "Processor time" in latency.status.text()
    sha256 = opened.session.model.facts.sha256
    home = home_of(sha256)
    qtbot.waitUntil(lambda: len(read_measurements(home)) == 1, timeout=QUICK_MS)
    (found,) = read_measurements(home)
    assert [t["model"] for t in found.result["timings"]] == [sha256, "b" * 64]
    assert found.models == (sha256, "b" * 64)


@pytest.mark.parametrize("typed", ["", "0", "many", "1;2", "-3", "1, x"])
def test_batch_sizes_that_are_none_are_told(latency, typed):
    latency.batch.setText(typed)
    assert not latency.run.isEnabled()
    assert "Batch sizes must be numbers" in latency.run.toolTip()
    latency.batch.setText("4")
    assert latency.run.isEnabled()


def test_no_runtime_is_told(latency):
    for box in latency.runtimes.values():
        box.setChecked(False)
    assert not latency.run.isEnabled() and latency.run.toolTip() == "Tick a runtime."


def test_a_batch_of_several_is_named_and_the_clock_counts_on_several_threads():
    (row,) = time_rows({"timings": [{**timed("a.pt")["timings"][0], "batch": 8}]})
    assert row == ("a.pt", "onnx, FP32 × 8", "20.0 ± 1.0", "1", "")
    assert predicted_words(21.0, 20.0) == "21.0 (+5%)"


@pytest.mark.parametrize(
    ("precision", "words"), [("int8", "onnx, INT8"), ("mixed", "onnx, MIXED"), ("", "onnx")]
)
def test_a_precision_that_is_not_known_is_left_out(precision, words):
    one = {**timed("a.pt")["timings"][0], "runtime": "onnx", "precision": precision}
    assert time_rows({"timings": [one]})[0][1] == words


def test_without_a_table_the_layers_can_be_timed_as_chosen(opened, latency, fake, qtbot):
    opened.session.measured.set_clock(None)
    target = latency.target
    assert not target.slider.isVisible() and "Measure the layers" in target.now.text()
    latency.runtimes["onnx"].setChecked(False)
    latency.image_size.setCurrentIndex(latency.image_size.findData(320))
    qtbot.mouseClick(target.time, LEFT)
    args = fake.last("latency_table").args
    assert (args["runtime"], args["image_size"], args["batch"]) == ("torch", 320, 1)


@pytest.fixture
def clock(opened, trained):
    """Made-up milliseconds of the open network's layers at a size where they are some."""
    table, model = opened.session.table, core.load(trained).model.float()
    uses = layer_uses(fused(model), table, IMAGE_SIZE)
    clock = Clock(latency_from(table, uses, IMAGE_SIZE), table)
    opened.session.measured.set_clock(clock)
    return clock


def test_the_slider_sets_the_goal_and_suggests(opened, latency, clock, fake, qtbot):
    target, measured = latency.target, opened.session.measured
    whole = clock.ms(np.zeros(opened.session.table.atom_count, bool))
    assert target.slider.isVisible() and target.whole == pytest.approx(whole)
    assert measured.goal is None  # nothing is asked for until somebody does
    target.slider.setFocus()
    target.slider.setValue(60)
    assert measured.goal.latency_ms == pytest.approx(0.6 * whole, abs=1e-3)
    assert target.spin.value() == pytest.approx(0.6 * whole, abs=0.01)
    assert target.share.text() == "60%"
    qtbot.keyClick(target.slider, Qt.Key.Key_Left)
    assert measured.goal.latency_ms == pytest.approx(0.59 * whole, abs=1e-3)
    goal = opened.workspace["choose"].widget().goal
    assert goal.kind.currentData() == "latency_ms"  # the panel Choose follows
    qtbot.mouseClick(target.suggest, LEFT)
    asked = fake.last("suggest").args["plan"]["target"]
    assert asked["latency_ms"] == pytest.approx(0.59 * whole, abs=0.01)
    assert not target.suggest.isEnabled()


def test_a_goal_set_elsewhere_moves_the_slider(opened, latency, clock):
    whole = latency.target.whole
    opened.session.measured.set_goal(Target(latency_ms=whole / 2))
    assert latency.target.slider.value() == 50
    opened.session.measured.set_goal(Target(macs=0.5))
    assert opened.session.measured.goal.macs == 0.5  # showing it asked for nothing


def test_the_scorecard_shows_the_plans_milliseconds(opened, clock, choose, qtbot):
    metric = opened.scorecard.time
    assert metric.value.text() == f"<b>{clock.ms(np.zeros(clock_atoms(opened), bool)):.1f} ms</b>"
    choose(opened, 5)
    nothing = opened.session.prediction.resolution.removed & False
    assert metric.value.text().startswith(f"{clock.ms(nothing):.1f} ms → <b>")
    assert "−" in metric.value.text()
    assert "predicted" in metric.toolTip() and "px" in metric.toolTip()
    card = opened.scorecard
    for width in (1600, 700, 1600):
        card.resize(width, card.height())
        assert card.file.isHidden() == (width < 1200)  # where it would not fit
    opened.session.measured.set_clock(None)
    assert metric.ask.isVisible()
    with qtbot.waitSignal(opened.session.requests.layerTimesWanted):
        metric.ask.click()


def clock_atoms(window):
    return window.session.table.atom_count


def test_the_plans_milliseconds_follow_every_edit(opened, latency, clock, choose):
    before = latency.target.now.text()
    choose(opened, 8, ratio=0.5)
    assert "→" in latency.target.now.text() and latency.target.now.text() != before


def test_the_overlay_shows_the_milliseconds_of_every_block(opened, fake, clock, choose, heard):
    session = opened.session
    opened.actions_table.by_id["overlay_latency"].trigger()
    state = graph_state(session)
    assert state.overlay == "latency" and max(state.overlay_values.values()) == 1.0
    whole = clock.ms(np.zeros(session.table.atom_count, bool))
    assert state.overlay_title == f"Milliseconds, {whole:.1f} in total"
    assert state.overlay_texts[8].endswith(" ms")
    choose(opened, 8, ratio=0.5)
    after = graph_state(session)
    planned = clock.ms(session.prediction.resolution.removed)
    assert planned < whole and after.overlay_title == f"Milliseconds, {planned:.1f} in total"
    assert float(after.overlay_texts[8][:-3]) < float(state.overlay_texts[8][:-3])
    session.measured.set_clock(None)
    assert graph_state(session).overlay_title == "Milliseconds: not measured"
    session.set_overlay("none")
    session.set_overlay("latency")
    assert "no latency table of this model on this computer" in heard()[-1]
    assert [row.message.key for row in opened.pane.messages.rows] == [TABLE_WANTED]
    opened.workspace["latency"].widget().target.time.click()
    assert opened.pane.messages.rows == []  # it is under way


def test_everything_in_the_panels_can_be_reached_by_keyboard(opened, exports, latency):
    for panel in (exports, latency):
        for widget in panel.findChildren(object):
            if getattr(widget, "focusPolicy", None) is None or not widget.isEnabled():
                continue
            kinds = (
                "QComboBox",
                "QPushButton",
                "QCheckBox",
                "QSlider",
                "QTableView",
                "QListWidget",
            )
            if any(widget.inherits(kind) for kind in kinds):
                assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget
                assert widget.accessibleName() or widget.text(), widget


# ---- report -------------------------------------------------------------------------------------


def ask(window, qtbot):
    window.actions_table.by_id["report"].trigger()
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, ReportDialog)]
    (dialog,) = [dialog for dialog in found if dialog.isVisible()]
    return dialog


def test_a_report_is_asked_for_made_and_opened(
    opened, fake, dataset, tmp_path, opens, qtbot, heard
):
    dialog = ask(opened, qtbot)
    assert not dialog.boxes["accuracy"].isEnabled()  # no dataset
    dialog.reject()
    opened.features[DataFeature].controller.set_data(str(dataset))
    dialog = ask(opened, qtbot)
    assert dialog.boxes["accuracy"].isEnabled()
    dialog.boxes["accuracy"].setChecked(True)
    dialog.boxes["latency"].setChecked(True)
    dialog.path.setText(str(tmp_path / "mine"))
    qtbot.keyClick(dialog.path, Qt.Key.Key_Return)
    args = fake.last("report").args
    assert args["output"] == str(tmp_path / "mine.html")
    assert args["measure"] == ["accuracy", "latency"]
    assert args["data"]["split"] == "val" and args["data"]["images"] is None
    json.dumps(args)
    fake.done("report", {"output": args["output"], "notes": []})
    assert opens == [args["output"]]
    assert heard()[-1] == "The report was saved as mine.html." and opened.said[-1].kind == "success"


def test_a_name_that_is_no_report_cannot_be_chosen(opened, fake, qtbot):
    dialog = ask(opened, qtbot)
    dialog.path.setText("/tmp/report.pdf")
    assert not dialog.go.isEnabled() and ".html" in dialog.go.toolTip()
    dialog.path.setText("/tmp/report.MD")
    assert dialog.go.isEnabled()
    dialog.path.setText("")
    assert not dialog.go.isEnabled()
    dialog.reject()


def test_what_a_report_notes_is_said(opened, fake, tmp_path, opens, qtbot, heard):
    opened.features[ReportFeature].controller.start(tmp_path / "r.html", [], False)
    note = {"message": "The pruned file x.pt is not there any more.", "hint": "Put it back."}
    fake.done("report", {"output": str(tmp_path / "r.html"), "notes": [note]})
    assert "The pruned file x.pt is not there any more. Put it back." in heard()[-1]
    assert opened.said[-1].kind == "warning" and opens == []
    opened.said[-1].actions[0][1]()
    assert opens == [str(tmp_path / "r.html")]


def test_what_cannot_be_kept_still_shows(opened, fake, latency, trained, heard, monkeypatch, qtbot):
    blocked = home_of(opened.session.model.facts.sha256)
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("not a history\n")
    qtbot.mouseClick(latency.run, LEFT)
    fake.done("latency", timed(trained))
    assert len(latency.model.rows) == 1
    qtbot.waitUntil(lambda: bool(heard()), timeout=QUICK_MS)
    assert "could not be stored for a report" in heard()[-1]
    assert len(latency.model.rows) == 1
    assert blocked.read_text() == "not a history\n"


def test_a_report_of_an_unsaved_project_is_made_by_the_engine(opened, tmp_path, opens, qtbot):
    with qtbot.waitSignal(opened.engine.finished, timeout=ENGINE_MS, check_params_cb=lambda n, s: (
        opened.engine.record(n).task == "report"
    )):  # fmt: skip
        opened.features[ReportFeature].controller.start(tmp_path / "r.html", [], True)
    assert opens == [str(tmp_path / "r.html")]
    text = (tmp_path / "r.html").read_text()
    assert text.count('<svg class="graph"') == 1 and opened.session.model.facts.sha256 in text
