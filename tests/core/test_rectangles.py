"""Height × width everywhere: cost, memory, data, repair, tuning, export and the command line."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

import core
from core.checkpoint import save
from core.cli.main import main
from core.data.stream import DataSettings, Stream
from core.data.validation import Validation
from core.graph.builder import analyse_model
from core.graph.drive import image_unit
from core.plan.memory import PeakMemory
from core.plan.positions import positions_of
from core.plan.widths import compute_widths
from core.repair.images import letterbox, open_pool
from core.report.alternatives import smaller_sizes
from core.report.stock import at_size
from core.ship.export.run import ExportSettings, export
from core.ship.latency.measure import measure
from core.system.size import ImageSize
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import count_macs, narrow, network, parameters, untrained

WIDE = ImageSize(192, 640)
FAMILIES = ("yolov8n", "yolov8n-seg", "yolo11n", "yolo12n", "yolov9t", "yolo26n", "yolov5n")


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(FAMILIES), st.integers(1, 8), st.integers(1, 8), st.integers(0, 31))
@example("yolov8n", 6, 20, 0)
@example("yolo12n", 20, 4, 7)
@example("yolov8n-cls", 3, 5, 0)
def test_the_cost_at_height_and_width_is_what_the_network_does(family, rows, columns, less) -> None:
    asked = ImageSize(32 * rows - less, 32 * columns)
    model = network(family)
    table = analyse_model(model, asked)
    widths = compute_widths(table, np.zeros(table.atom_count, bool))
    assert table.image_size == asked
    assert widths.macs == count_macs(copy.deepcopy(model), asked.rounded(image_unit(model)))


def test_cost_and_memory_go_by_area() -> None:
    model = network("yolov8n")
    square, wide, tall = (analyse_model(model, s) for s in (640, WIDE, (640, 192)))
    nothing = np.zeros(square.atom_count, bool)
    whole, less = (compute_widths(t, nothing).macs for t in (square, wide))
    assert less == pytest.approx(0.3 * whole, rel=1e-3)  # attention and pooling aside
    peaks = [PeakMemory(t).whole() for t in (square, wide, tall)]
    assert peaks[1] == peaks[2] == pytest.approx(0.3 * peaks[0], rel=1e-3)
    assert positions_of(wide).max() == WIDE.area / 4
    assert [b.stride for b in wide.blocks] == [b.stride for b in square.blocks]
    assert wide.blocks[-1].macs == tall.blocks[-1].macs


def rectangular(path, family="yolov8n", size=WIDE):
    save(copy.deepcopy(network(family)), path, train_args={"imgsz": size.plain})
    return path


def test_a_file_trained_at_height_and_width(tmp_path, capsys) -> None:
    path = rectangular(tmp_path / "wide.pt")
    loaded = core.load(path)
    assert loaded.facts.image_size == WIDE
    known = core.load(path).facts
    assert type(known).from_dict(json.loads(json.dumps(known.to_dict()))) == known
    for _ in range(2):  # traced, then from the cache
        assert core.analyse(core.load(path)).table.image_size == WIDE
    assert main(["inspect", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"]["image_size"] == [192, 640]
    assert told["totals"]["macs"] == count_macs(copy.deepcopy(loaded.model), WIDE)
    assert main(["inspect", str(path)]) == 0
    assert "192 × 640 px" in capsys.readouterr().out


def test_a_pruned_file_keeps_it(tmp_path) -> None:
    loaded = core.load(rectangular(tmp_path / "wide.pt"))
    plan = core.Plan(target={"macs": 0.6}, round_to=1)
    done = core.prune(loaded, plan, tmp_path / "small.pt")
    small = core.load(tmp_path / "small.pt")
    assert done.verification.passed and small.facts.image_size == WIDE
    before, after = (count_macs(copy.deepcopy(m.model), WIDE) for m in (loaded, small))
    assert done.prediction.after.macs == after and after / before == pytest.approx(0.6, rel=0.02)


@pytest.mark.parametrize("family", ["yolov8n", "yolo26n", "yolov8n-seg"])
def test_an_export_of_192_by_640_equals_its_checkpoint(family, tmp_path, capsys) -> None:
    pytest.importorskip("onnxruntime")
    import onnxruntime

    model = rectangular(tmp_path / "wide.pt", family, ImageSize(96, 96))
    output = tmp_path / "wide.onnx"
    command = ["export", str(model), "-o", str(output), "--image-size", "192", "640", "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["image_size"] == [192, 640] and told["parity"]["passed"]
    session = onnxruntime.InferenceSession(str(output), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, 192, 640]
    assert session.get_modelmeta().custom_metadata_map["imgsz"] == "[192, 640]"


def test_what_is_no_multiple_is_rounded_up_and_said(tmp_path, capsys) -> None:
    model = rectangular(tmp_path / "wide.pt", size=ImageSize(100, 200))
    done = export(core.load(model), tmp_path / "a.torchscript", ExportSettings("torchscript"))
    assert done.image_size == ImageSize(128, 224) and done.parity.passed
    command = ["latency", str(model), "--image-size", "33x70", "--runtime", "torch"]
    assert main([*command, "--repeats", "1", "--threads", "1"]) == 0
    assert "33 × 70 px was rounded up to 64 × 96 px" in capsys.readouterr().out


def test_latency_is_of_that_size(tmp_path) -> None:
    seen = []
    model = copy.deepcopy(network("yolov8n"))
    model.model[0].register_forward_pre_hook(lambda _m, x: seen.append(tuple(x[0].shape[2:])))
    done = measure({"a": model}, runtimes=("torch",), image_size=(64, 160), threads=1, repeats=1)
    assert set(seen[-2:]) == {(64, 160)} and done.to_json()["timings"][0]["image_size"] == [64, 160]


# ---- images -------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 90), st.integers(8, 90), st.integers(1, 4), st.integers(1, 4))
def test_repair_letterboxes_as_ultralytics_does(height, width, rows, columns) -> None:
    from ultralytics.data.augment import LetterBox

    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    size = ImageSize(32 * rows, 32 * columns)
    theirs = LetterBox(tuple(size), auto=False)(image=pixels)
    mine = letterbox(pixels, size)
    assert (mine == theirs).all()


@pytest.fixture(scope="module")
def wide_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide")
    path = make_dataset(folder / "data", dict(network("yolov8n").names), images=4, side=96)
    for number, file in enumerate(sorted((folder / "data" / "images").rglob("*.png"))):
        with Image.open(file) as image:
            shape = [(200, 60), (96, 96), (60, 200), (150, 90)][number % 4]
            image.resize(shape).save(file)
    return path


def test_images_are_letterboxed_to_the_whole_size(wide_data) -> None:
    data = DataSettings(wide_data, image_size=(64, 192), device="cpu", batch=3)
    stream = Stream(data, "detect", network("yolov8n").names)
    assert {tuple(b["img"].shape[2:]) for b in stream.batches()} == {(64, 192)}
    pool = open_pool(data)
    assert {tuple(b.shape[2:]) for b in pool.plain()} == {(64, 192)}
    rng = np.random.default_rng(0)
    assert {tuple(pool.views(rng, 2).shape[2:]) for _ in range(6)} == {(64, 192)}


def test_boxes_are_where_the_objects_are(wide_data) -> None:
    """Of a network that finds every labelled box, the accuracy is 1 whatever the size."""
    for size in (96, (64, 192), (192, 64)):
        data = DataSettings(wide_data, image_size=size, device="cpu", split="val", batch=2)
        model = network("yolov8n")
        validation = Validation(model, data, model.names, "detect")
        exact = validation.measure(copy.deepcopy(model))
        for number in range(len(validation)):
            batch = exact.prepare(number)
            exact.add(perfect(batch, len(model.names)), batch)
        assert exact.result().map50_95 > 0.99


def perfect(batch, classes):
    """The outputs of a head that finds every box."""
    count, _, height, width = batch["img"].shape
    output = torch.zeros(count, 4 + classes, 8)
    for image in range(count):
        of = batch["batch_idx"] == image
        boxes = batch["bboxes"][of] * torch.tensor([width, height, width, height])
        output[image, :4, : len(boxes)] = boxes.T
        for place, kind in enumerate(batch["cls"][of].long().flatten().tolist()):
            output[image, 4 + kind, place] = 0.9
    return output


@pytest.mark.parametrize("family", ["yolov8n", "yolov8n-cls"])
def test_evaluation_of_an_export_at_its_size(family, wide_data, tmp_path) -> None:
    """The figures of an exported network at a size are those of its checkpoint at that size."""
    pytest.importorskip("onnxruntime")
    model = network(family)
    path = wide_data
    if family.endswith("-cls"):
        path = make_dataset(tmp_path / "d", {0: model.names[0], 1: model.names[1]}, "classify")
    size = ImageSize(64, 160)
    data = DataSettings(path, image_size=size, device="cpu", split="val", batch=1)
    facts = replace(untrained(family).facts)
    done = export(untrained(family), tmp_path / "a.onnx", ExportSettings(image_size=size))
    validation = Validation(model, data, facts.classes, facts.task)
    assert validation.evaluate(model).figures == pytest.approx(
        validation.evaluate(done.output).figures, abs=1e-6
    )


def test_repair_and_evaluation_by_command(wide_data, tmp_path, capsys) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": 1, "selection": [{"block": 12, "ratio": 0.5}], "round_to": 1}')
    size = ["--image-size", "64", "96", "--device", "cpu"]
    small = tmp_path / "small.pt"
    model = str(narrow("yolov8n", tmp_path))
    command = ["prune", model, "--plan", str(plan), "--data", str(wide_data), "-o"]
    assert main([*command, str(small), "--repair", "bn,refit", *size, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verification"]["passed"]
    command = ["evaluate", str(small), "--data", str(wide_data), "--split", "val"]
    assert main([*command, *size, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 4


def test_tuning_trains_on_squares_and_says_so(wide_data, tmp_path) -> None:
    path = rectangular(tmp_path / "wide.pt", size=ImageSize(64, 96))
    (folder := tmp_path / "job").mkdir()
    events = []
    chosen = Settings(model=str(path), data=str(wide_data), epochs=1, batch=4, device="cpu")
    result = finetune(chosen, folder, emit=events.append)
    assert result["measured_on"]["image_size"] == [64, 96]
    started = next(event for event in events if event["event"] == "started")
    assert started["image_size"] == [64, 96] and "squares, here of 96 px" in started["note"]
    tuned = core.load(result["output"])
    assert tuned.facts.image_size == ImageSize(64, 96)
    assert parameters(tuned.model) == parameters(core.load(path).model)
    json.dumps([events, result])


def test_stock_opens_and_predicts_with_such_a_file(tmp_path) -> None:
    from ultralytics import YOLO

    path = rectangular(tmp_path / "wide.pt", size=ImageSize(64, 96))
    image = np.zeros((50, 80, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    (result,) = YOLO(path)(tmp_path / "a.png", verbose=False)
    assert result.orig_shape == (50, 80)


@given(st.integers(3, 40), st.integers(3, 40), st.floats(0.2, 0.95))
def test_smaller_rectangles_keep_their_shape(rows, columns, ratio) -> None:
    size = ImageSize(32 * rows, 32 * columns)
    for smaller in smaller_sizes(size, ratio):
        assert smaller.longest < size.longest and max(size) / min(size) <= 14
        shape = [a / b for a, b in zip(smaller, size, strict=True)]
        assert abs(shape[0] - shape[1]) * min(size) <= 16 + 32
        assert at_size(100, size, smaller) == round(100 * smaller.area / size.area)
