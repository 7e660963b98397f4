"""What a report measures, it measures once, of the right files, and on the same images."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import core
from core.checkpoint import save
from core.cli.main import main
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.data.validation import Validation
from core.errors import CancelledError, UserError
from core.history.measurements import fitting, keep, newest, read_measurements
from core.plan.widths import compute_widths
from core.report import (
    ReportSettings,
    alternatives,
    build_report,
    measuring,
    open_project,
    write_report,
)
from core.report.alternatives import smaller_sizes
from core.report.images import choose
from core.report.instead import verdict
from core.report.measuring import project_data
from core.report.stock import LINES, at_size, instead_of
from core.report.wanted import Measuring
from core.ship.export.formats import FORMATS
from core.ship.export.run import ExportSettings, export
from core.ship.latency import measure as timing
from core.system.paths import history_of
from tests.core.networks import network, table_of
from tests.core.report.conftest import SIZE
from tests.core.report.test_report import change, page, section


@pytest.fixture
def data(own):
    return replace(project_data(open_project(own)), device="cpu", batch=4)


def measure(project, data, *what, **more):
    settings = ReportSettings(Measuring(tuple(what), data, threads=1, device="cpu"), **more)
    return build_report(project, settings)


# ---- accuracy and samples -----------------------------------------------------------------------


def test_accuracy_is_what_evaluating_gives_and_is_kept(tuned, tmp_path):
    data = replace(project_data(open_project(tuned)), device="cpu")
    report = measure(tuned, data, "accuracy", samples=3)
    found = report["accuracy"]
    assert [m["role"] for m in found["models"]] == ["original", "pruned", "tuned"]
    small = core.load(tuned.parent / "small.pt")
    alone = evaluate(small.model, data, small.facts.classes, small.facts.task)
    assert found["models"][1]["figures"] == dict(alone.figures)
    assert (found["image_size"], found["data"], found["split"]) == (SIZE, "data.yaml", "val")
    samples = report["samples"]
    assert len(samples) == 3 and all(len(s["boxes"]) == 3 and s["truth"] for s in samples)
    assert all(s["jpeg"].startswith("data:image/jpeg;base64,") for s in samples)
    again = build_report(tuned)  # nothing is measured: it was kept
    assert again["accuracy"] == found
    text = section(page(tuned, tmp_path), "samples")
    assert text.count('<svg class="sample"') == 4 * 3 and text.count("<image id=") == 4


def test_figures_of_a_file_that_was_replaced_do_not_count(own, data):
    before = measure(own, data, "accuracy")["samples"]
    assert before
    small = own.parent / "small.pt"
    loaded = core.load(small)
    save(loaded.model, small, train_args={"imgsz": 320}, history=list(loaded.facts.history))
    report = build_report(own)
    assert [m["role"] for m in report["accuracy"]["models"]] == ["original"]
    assert [len(sample["boxes"]) for sample in report["samples"]] == [1] * len(before)


def test_samples_whose_images_are_gone_are_told(own, data):
    measure(own, data, "accuracy")
    for image in (own.parent / "data" / "images" / "val").iterdir():
        image.unlink()
    report = build_report(own)
    assert report["samples"] == [] and report["accuracy"] is not None
    assert "sample images can no longer be read" in report["notes"][0]["message"]


@pytest.mark.parametrize("now", ["gone", "another", "replaced"])
def test_without_the_unpruned_network_there_is_nothing_to_compare_with(own, data, now, tmp_path):
    measure(own, data, "accuracy")
    model = own.parent / "a<b>.pt"
    if now == "gone":
        model.unlink()
    elif now == "replaced":
        save(network("yolo11n"), model, train_args={"imgsz": 640})
    else:
        change(own, model=open_project(own).project.model.model_copy(update={"path": "nan"}))
    report = build_report(own)
    assert report["accuracy"] is None and report["samples"] == []
    for name in ("r.html", "r.md", "r.json"):
        write_report(own, tmp_path / name)


def test_the_unpruned_network_alone_is_measured_too(own, data):
    change(own, results=())
    report = measure(own, data, "accuracy")
    assert [m["role"] for m in report["accuracy"]["models"]] == ["original"]
    original = core.load(own.parent / "a<b>.pt")
    alone = evaluate(original.model, data, original.facts.classes, original.facts.task)
    assert report["accuracy"]["models"][0]["figures"] == dict(alone.figures)


def test_a_store_that_is_something_else_costs_only_the_keeping(own, data, tmp_path):
    store = history_of(own)
    store.write_text("the person's notes\n")
    report = measure(own, data, "accuracy")
    assert report["accuracy"] is not None
    assert "Could not write to the history" in report["notes"][0]["message"]
    assert store.read_text() == "the person's notes\n"


def test_cancelling_leaves_no_report_and_keeps_what_was_measured(own, data, tmp_path):
    def stop(fraction, text):
        if "ONNX" in text or "PyTorch" in text:
            raise CancelledError

    both = Measuring(("accuracy", "latency"), data, threads=1, device="cpu")
    with pytest.raises(CancelledError):
        write_report(own, tmp_path / "r.html", ReportSettings(both), stop)
    assert not (tmp_path / "r.html").exists()
    assert build_report(own)["accuracy"] is not None


def test_images_are_chosen_evenly_from_the_worst_to_the_best():
    rows = [{"image": n} for n in range(101)]
    assert [row["image"] for row in choose(rows, 5)] == [0, 25, 50, 75, 100]
    assert choose(rows[:3], 5) == rows[:3] and choose(rows, 0) == [] == choose([], 4)
    assert [row["image"] for row in choose(rows, 1)] == [0]


# ---- latency ------------------------------------------------------------------------------------


def test_latency_is_measured_in_turns_against_the_unpruned_network(own, monkeypatch, tmp_path):
    monkeypatch.setattr(timing, "REPEATS", 1)
    monkeypatch.setattr(measuring, "_runtimes", lambda: ["torch", "tensorrt"])
    whole = timing.measure
    monkeypatch.setattr(
        timing, "measure", lambda *a, **k: whole(*a, **{**k, "image_size": 64, "repeats": 1})
    )
    report = measure(own, None, "latency")
    roles = [timing["role"] for timing in report["latency"]["timings"]]
    assert roles == ["original", "pruned"]
    assert report["latency"]["timings"][1]["ratio"]["median"] > 0
    assert report["latency"]["missing"][0]["runtime"] == "tensorrt"
    assert build_report(own)["latency"] == report["latency"]
    assert "TensorRT" in section(page(own, tmp_path), "latency")


# ---- alternatives -------------------------------------------------------------------------------


def test_alternatives_are_measured_on_the_same_images(own, data, tmp_path, monkeypatch, capsys):
    if FORMATS["onnx"].missing():
        pytest.skip(str(FORMATS["onnx"].missing()))
    monkeypatch.setattr(alternatives, "REPEATS", 1)
    small = own.parent / "small.pt"
    arguments = ["--measure", "alternatives", "--threads", "1", "--device", "cpu", "--json"]
    output = tmp_path / "r.json"
    assert main(["report", str(own), "-o", str(output), "--against", str(small), *arguments]) == 0
    capsys.readouterr()
    rows = json.loads(output.read_text())["alternatives"]["rows"]
    kinds = [row["kind"] for row in rows]
    assert kinds[:4] == ["original", "pruned", "model", "resolution"]
    assert {row["name"] for row in rows if row["kind"] == "quantised"} >= {"ONNX FP16", "ONNX INT8"}
    original, pruned, other, smaller = rows[:4]
    assert other["macs"] == pruned["macs"] < original["macs"]
    assert smaller["image_size"] < SIZE and smaller["macs"] < original["macs"]
    for row in rows:
        if row["source"] == "measured" and not row["note"]:
            assert row["figure"] is not None, row
            assert row["ms"] > 0 and row["ratio"] > 0, row
        elif row["note"]:
            assert "which is not installed" in row["note"]
    (half,) = [row for row in rows if row["name"] == "ONNX FP16"]
    assert half["macs"] == original["macs"] and half["bytes"] < 0.8 * original["bytes"]


def test_an_exported_network_scores_as_its_checkpoint(trained, scenes, tmp_path):
    """On images it finds things in, where equal figures say something."""
    if FORMATS["onnx"].missing():
        pytest.skip(str(FORMATS["onnx"].missing()))
    loaded = core.load(trained)
    facts, size = loaded.facts, 160
    settings = DataSettings(
        scenes,
        images=8,
        image_size=size,
        batch=1,
        device="cpu",
        split="val",
    )
    validation = Validation(loaded.model, settings, facts.classes, facts.task, square=True)
    export(loaded, tmp_path / "w.onnx", ExportSettings(image_size=size, compared=1))
    own, exported = validation.evaluate(loaded.model), validation.evaluate(tmp_path / "w.onnx")
    assert own.map50_95 > 0.1
    assert exported.map50_95 == pytest.approx(own.map50_95, abs=1e-3)


def test_a_model_of_other_classes_is_refused(own, data, tmp_path):
    other = tmp_path / "pose.pt"
    save(network("yolov8n-pose"), other, train_args={})
    wanted = Measuring(("alternatives",), data, 1, "cpu", (other,))
    with pytest.raises(UserError, match="another task or other classes"):
        build_report(own, ReportSettings(wanted))


@pytest.mark.parametrize(
    ("size", "ratio", "wanted"),
    [
        (640, 0.7, [544, 512]),
        (320, 0.8, [288, 256]),
        (640, 0.25, [320]),
        (96, 0.9, [64]),
        (64, 0.5, []),
    ],
)
def test_smaller_images_cost_about_what_the_pruned_network_costs(size, ratio, wanted):
    found = smaller_sizes(size, ratio)
    assert found == wanted
    if len(found) == 2:
        high, low = (at_size(1e9, size, one) for one in found)
        assert low <= ratio * 1e9 <= high


def row(kind, figure, macs, ms, name="x"):
    return {"kind": kind, "name": name, "figure": figure, "macs": macs, "ms": ms, "image_size": 9}


def test_the_verdict_says_what_is_as_accurate_for_as_little():
    own = [row("original", 0.5, 100, 10), row("pruned", 0.3, 70, 8), row("tuned", 0.4, 70, 8, "t")]
    assert verdict(own) == []
    (lost,) = verdict([*own, row("resolution", 0.45, 72, 9, "whole")])
    assert "whole at 9 px (0.4500) is at least as accurate as t (0.4000)" in lost
    won, time = verdict([*own, row("resolution", 0.35, 60, 7), row("quantised", 0.5, 100, 5, "q")])
    assert won.startswith("With about the same or less GFLOPs, t (0.4000) is more accurate")
    assert "same or less latency, q (0.5000) is at least as accurate" in time
    assert verdict([*own, row("quantised", 0.5, 100, 20)]) == []
    assert verdict([row("original", 0.5, 1, 1), row("resolution", 0.4, 1, 1)]) == []


def test_stock_models_are_the_next_smaller_and_the_best_of_other_lines():
    found = instead_of("yolov8s", "detect", 14_300_000_000, 640)
    assert found[0].name == "yolov8n" and found[0].figure == 0.373
    others = found[1:]
    assert len(others) == 2 and all(m.macs < 14_300_000_000 for m in others)
    assert [m.name for m in others] == ["yolo26s", "yolo12s"]
    assert [m.name for m in instead_of("yolov8n", "detect", 4_370_000_000, 640)] == [
        "yolo26n",
        "yolo12n",
    ]
    assert instead_of("yolov8x-seg", "segment", 10**12, 640)[0].name == "yolov8l-seg"
    assert instead_of("resnet", "detect", 10**6, 640) == []
    assert instead_of("yolov8n", "no task", 10**12, 640) == []


@pytest.mark.parametrize(
    "name", ["yolov8n", "yolov8n-seg", "yolov8n-obb", "yolo11n", "yolov9t", "yolo12n"]
)
def test_published_sizes_are_those_of_the_networks_themselves(name):
    """A check of the table against something it was not copied from."""
    model = next(m for line in LINES for _, m in line.models() if m.name == name)
    table = table_of(name)
    widths = compute_widths(table, np.zeros(table.atom_count, bool))
    macs = at_size(widths.macs, table.image_size, model.size)
    assert widths.parameters == pytest.approx(model.parameters, rel=0.15)
    assert macs == pytest.approx(model.macs, rel=0.15)


def test_larger_models_of_a_line_cost_more_and_are_better():
    for line in LINES:
        models = [model for _, model in line.models()]
        for name in ("figure", "parameters", "macs"):
            values = [getattr(model, name) for model in models]
            assert values == sorted(values), (line.line, line.task, name)


def test_the_store_gives_what_covers_most_and_of_equals_the_newest(tmp_path):
    file = tmp_path / "m.jsonl"
    for models, value in ((["o", "p"], 1), (["o", "p"], 2), (["o"], 3), (["other", "p"], 4)):
        keep(file, "accuracy", models, {"models": [{"figures": {"map50_95": value}}]})
    held = read_measurements(file)

    def value(found):
        return found.result["models"][0]["figures"]["map50_95"]

    assert value(newest(fitting(held, "accuracy", "o"), ["p", None])) == 2
    assert value(newest(fitting(held, "accuracy", "o"), [])) == 3
    assert newest(fitting(held, "latency", "o"), ["p"]) is None
    assert newest(fitting(held, "accuracy", None), ["p"]) is None
    assert newest(fitting(read_measurements(tmp_path / "none"), "accuracy", "o"), ["p"]) is None
