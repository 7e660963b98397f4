"""Exported files next to checkpoints: timed in turns, compared, and tried on images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import core
from core.cli.main import main
from core.compare.figures import compared_text
from core.compare.files import compare_files, compare_layer_files
from core.data.stream import DataSettings
from core.errors import UserError
from core.ship.exported.network import open_exported
from core.ship.exported.timing import measure_in_turns
from core.system.paths import model_names
from tests.core.ship.exported.conftest import SIZE


def json_of(capsys, *command):
    assert main([*map(str, command), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_files_take_turns_with_the_checkpoint(trained, shipped):
    models = {"a": core.load(trained).model}
    models |= {
        form: open_exported(shipped(form)).model for form in ("onnx", "openvino", "torchscript")
    }
    measured = measure_in_turns(
        models, runtimes=("torch",), image_size=SIZE, threads=1, repeats=2, device="cpu"
    )
    rows = [(one.model, one.runtime, one.precision, one.image_size) for one in measured.timings]
    assert rows == [
        ("a", "torch", "fp32", SIZE), ("onnx", "onnx", "fp32", SIZE),
        ("openvino", "openvino", "fp32", SIZE), ("torchscript", "torchscript", "fp32", SIZE),
    ]  # fmt: skip
    assert measured.timings[0].ratio is None
    assert all(one.wall.median > 0 and one.cpu is not None for one in measured.timings)
    assert all(one.ratio is not None for one in measured.timings[1:])


def test_latency_shows_what_is_around_the_network(shipped, capsys):
    command = ("latency", shipped("onnx"), "--threads", 1, "--repeats", 2, "--device", "cpu")
    report = json_of(capsys, *command)
    (timing,) = report["timings"]
    assert (timing["runtime"], timing["image_size"], timing["batch"]) == ("onnx", SIZE, 1)
    (steps,) = report["steps"]
    assert steps["preprocess_ms"]["median"] > 0 and steps["postprocess_ms"]["median"] > 0
    assert main([*map(str, command)]) == 0
    assert "preprocess, ms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "word"), [(("--batch", "1,2"), "one batch"), (("--batch", "3"), "batches of 1")]
)
def test_another_batch_size_is_refused(shipped, capsys, more, word):
    assert main(["latency", str(shipped("onnx")), *more]) == 1
    assert word in capsys.readouterr().err


def test_latency_of_a_file_on_another_device_is_refused(shipped, capsys):
    assert main(["latency", str(shipped("onnx")), "--on", "ssh://nobody@nowhere"]) == 1
    assert "timed on this machine only" in capsys.readouterr().err


def test_a_file_is_compared_with_its_checkpoint(trained, scenes, shipped):
    data = DataSettings(scenes, images=8, image_size=SIZE, batch=4, device="cpu", split="val")
    result = compare_files([trained, shipped("onnx")], data, shown=8, turns=2)
    own, file = result["models"]
    assert file["figures"]["map50_95"] == pytest.approx(own["figures"]["map50_95"], abs=1e-3)
    assert own["figures"]["map50_95"] > 0.1
    assert (file["parameters"], file["macs"], file["image_size"]) == (None, None, SIZE)
    assert file["speed"]["ratio"] > 0
    assert all(abs(row["change"]) < 0.02 for row in result["images"])
    assert len(result["images"]) == 8
    assert all(row["outputs"][1] is None for row in result["channels"])
    text = compared_text(result)
    size = f"{file['bytes'] / 1e6:.1f}"
    assert text.splitlines()[2].split()[1:4] == [size, "–", "–"]


def test_files_alone_have_no_layers_to_compare(shipped):
    with pytest.raises(UserError, match="exported files"):
        compare_layer_files([shipped("onnx"), shipped("openvino")])


def test_layers_next_to_a_file_are_those_of_the_checkpoint(trained, shipped):
    result = compare_layer_files([shipped("onnx"), trained])
    assert len(result["channels"]) > 50
    assert all(row["inputs"][0] is None and row["block"] >= 0 for row in result["channels"])


def test_files_are_tried_on_images(trained, scenes, shipped, capsys):
    images = Path(scenes).parent / "images" / "val"
    files = [shipped("onnx"), trained, shipped("openvino"), shipped("torchscript")]
    report = json_of(capsys, "try", *files, images, "--device", "cpu")
    first, *others = report["counts"]
    assert first["found"] > 5
    assert [one["kept"] for one in others[1:]] == [first["found"]] * 2
    assert report["networks"][0]["parameters"] is None
    assert report["networks"][0]["image_size"] == SIZE
    assert report["networks"][1]["parameters"] > 0
    assert main(["try", *map(str, (*files, images)), "--device", "cpu"]) == 0
    assert "w.torchscript" in capsys.readouterr().out


def test_history_is_of_checkpoints(shipped, scenes, tmp_path, capsys):
    command = ["evaluate", str(shipped("onnx")), "--data", str(scenes), "--history", str(tmp_path)]
    assert main(command) == 1
    assert "no step of a history" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("a/w.pt", "a/w.onnx"), ["w.pt", "w.onnx"]),
        (("a/w.pt", "b/w.pt"), ["a/w", "b/w"]),
        (("a/w.pt", "b/v.pt"), ["w", "v"]),
        (("a/w.pt", "b/w.pt", "b/w.onnx"), ["a/w", "b/w", "w.onnx"]),
    ],
)
def test_models_are_named_apart(paths, names):
    assert model_names(paths) == names
