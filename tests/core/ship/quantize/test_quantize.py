"""A network becomes an INT8 file: measured, chosen, whole or absent, and remembered."""

from __future__ import annotations

import copy
import json
from importlib import util

import numpy as np
import onnx
import pytest
from torch import nn

import core
from core.cli.commands.quantize import _time_row
from core.cli.main import main
from core.data.stream import DataSettings
from core.errors import CancelledError, UserError
from core.history.measurements import read_measurements
from core.history.nodes import read_nodes
from core.history.tree import read_history, title, walk
from core.ship.export.exporter import run_exporter
from core.ship.export.formats import FORMATS
from core.ship.latency.measure import Spread, Timing
from core.ship.latency.runtimes import fused
from core.ship.quantize.graph import boundary, decoding, layers, left_out
from core.ship.quantize.methods import quantizer_of
from core.ship.quantize.run import quantize
from core.ship.quantize.sensitive import distance
from core.ship.quantize.settings import Aware, QuantizeSettings
from core.system.size import ImageSize
from tests.core.images import make_dataset
from tests.core.networks import network
from tests.core.ship.export.conftest import SIZE, confident, left, needs

FAMILIES = ("yolov8n-seg", "yolo11n")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    from core.checkpoint import save

    path = tmp_path_factory.mktemp("network") / "small.pt"
    save(confident(copy.deepcopy(network("yolov8n"))), path, train_args={"imgsz": SIZE})
    return core.load(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory, loaded):
    return make_dataset(tmp_path_factory.mktemp("data"), loaded.facts.classes, images=6)


def opened(model, form, folder, count=2):
    needs(form)
    size = ImageSize.of(SIZE)
    file = run_exporter(model, FORMATS[form], folder, image_size=size, keep_choice=True)
    images = list(np.random.default_rng(0).random((count, 1, 3, SIZE, SIZE), np.float32))
    (folder / "ranges").mkdir()
    names = [name for name, _ in model.named_modules()]
    return quantizer_of(form, file, images, folder / "ranges", names)


@pytest.mark.parametrize("form", ["onnx", "openvino"])
@pytest.mark.parametrize("family", FAMILIES)
def test_layers_are_those_of_the_network_in_every_format(family, form, tmp_path):
    model = copy.deepcopy(network(family))
    if hasattr(model.model[-1], "one2one_cv3"):
        model.end2end = True
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    wanted = {
        name
        for name, module in fused(model).named_modules()
        if isinstance(module, kinds) and ".dfl" not in name
    }
    quantizer = opened(model, form, tmp_path)
    decoders = decoding(quantizer.operations, quantizer.outputs)
    found = set(layers(quantizer.operations, decoders))
    assert found >= wanted
    assert all(name.endswith("attn") for name in found - wanted)  # it multiplies what it reads


def test_weights_are_signed_and_activations_unsigned_but_where_layers_are_left(loaded, tmp_path):
    quantizer = opened(loaded.model, "onnx", tmp_path)
    decoders = decoding(quantizer.operations, quantizer.outputs)
    file = quantizer.write(
        left_out(quantizer.operations, decoders, ["model.0", "model.22.cv3"]), tmp_path / "a.onnx"
    )
    graph = onnx.load(file).graph
    makers = {output: node for node in graph.node for output in node.output}
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        if node.name in decoders:
            assert not any(o.endswith("QuantizeLinear_Output") for o in node.output)
        if node.op_type != "Conv" or node.name in decoders:
            continue
        weights = makers.get(node.input[1])
        floats = "/model.0/" in node.name or "/cv3." in node.name
        assert (weights is None) == floats, node.name
        if weights is not None:
            assert kinds[weights.input[0]] == onnx.TensorProto.INT8
            assert kinds[makers[node.input[0]].input[2]] == onnx.TensorProto.UINT8


def test_a_layer_quantised_alone_changes_less_than_all_do(loaded, tmp_path):
    quantizer = opened(loaded.model, "onnx", tmp_path)
    decoders = decoding(quantizer.operations, quantizer.outputs)
    ends = boundary(quantizer.operations, decoders)
    file, before = quantizer.write(decoders, tmp_path / "a.onnx"), quantizer.look(None, ends)
    every = distance(quantizer.look(file, ends), before)
    for layer in ("model.0.conv", "model.9.cv2.conv", "model.22.cv3.0.2"):
        assert 0 < distance(quantizer.look(file, ends, layer), before) < every, layer
    assert distance(quantizer.look(file, ends, "no layer"), before) < 1e-5
    assert distance(before, before) == 0


def test_a_file_is_written_and_remembered(loaded, data, tmp_path, capsys):
    needs("onnx")
    output, history = tmp_path / "small.onnx", tmp_path / "history"
    line = ["quantize", loaded.facts.path, "--data", data, "-o", output, "--history", history]
    assert main([*map(str, line), "--images", "6", "--turns", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert left(tmp_path) == ["history", "small.onnx"]
    assert report["bytes"] == output.stat().st_size < 0.45 * report["fp32_bytes"]
    assert report["calibrated"] + report["judged"] == 6
    assert [len(one["kept"]) for one in report["tried"]] == [0, 1, 2, 4, 8]
    assert report["kept"] in [one["kept"] for one in report["tried"]]
    assert [one["precision"] for one in report["timings"]] == ["fp32", "int8"]
    assert report["timings"][1]["ratio"]["median"] > 0
    assert set(report["before"]) == set(report["figures"]) >= {"map50_95", "map50"}
    assert report["measured_on"]["images"] == 6
    step = next(node for node in read_nodes(history) if node.kind == "quantize")
    assert step.figures["map50_95"] == report["figures"]["map50_95"]
    assert step.details["before"]["bytes"] == report["fp32_bytes"]
    words = [title(branch.node) for _, branch in walk(read_history(history).branches)]
    assert words == ["small.pt", "Quantised: small.onnx"]
    assert [one.measured for one in read_measurements(history)] == ["export"]
    assert main(["history", str(history)]) == 0
    assert "Quantised: small.onnx" in capsys.readouterr().out


def test_named_layers_stay_and_the_text_says_what_was_gained(loaded, data, tmp_path, capsys):
    needs("onnx")
    output = tmp_path / "small.onnx"
    line = ["quantize", loaded.facts.path, "--data", data, "-o", output, "--keep", "model.22.cv3"]
    assert main([*map(str, line), "--images", "6", "--turns", "2", "--split", "no"]) == 0
    text = capsys.readouterr().out
    assert "in higher precision: model.22.cv3" in text and "54 of 63 layers in INT8" in text
    assert "not evaluated" in text and "FP32" in text and " ms " in text


@pytest.mark.parametrize(
    ("processor", "said"),
    [(True, ("processor time", "4.00", "2.80")), (False, ("time", "12.00", "2.00"))],
)
def test_the_time_in_the_text_is_what_versions_are_chosen_by(processor, said):
    """Medians on the clock of a busy machine say anything: 2 of 12 ms, where 70% was computed."""

    def timing(wall, cpu, ratio):
        spread, own = Spread(wall, wall, wall), Spread(cpu, cpu, cpu) if processor else None
        turns = None if ratio is None else Spread(ratio, ratio, ratio)
        size, first = ImageSize.of(64), turns if processor else None
        return Timing("m", "onnx", "int8", 1, size, 1, spread, own, turns, first)

    row = _time_row(timing(12.0, 4.0, None), timing(2.0, 2.8, 0.71))
    assert row == (*said, "ms (71.0%, in turns)")


def asked(data, **changes):
    return QuantizeSettings(DataSettings(data, images=6), turns=2, **changes)


BAD = {
    "layer": ({"kept": ("model.99",)}, "a.onnx", "no layer “model.99”"),
    "format": ({"form": "ncnn"}, "a_ncnn_model", "is not quantised here"),
    "name": ({}, "a.pt", "does not end in .onnx"),
    "folder": ({}, "no/such/a.onnx", "does not exist"),
    "data": ({"data": "none.yaml"}, "a.onnx", "none.yaml"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_sentence_and_leaves_nothing(loaded, data, tmp_path, case):
    needs("onnx")
    changes, name, words = BAD[case]
    changes = dict(changes)
    path = tmp_path / changes.pop("data", data)
    with pytest.raises(UserError, match=words) as caught:
        quantize(loaded, tmp_path / name, asked(path, **changes))
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []


@pytest.mark.parametrize("after", ["Exporting", "Calibrating", "Measuring", "INT8 file"])
def test_a_cancel_leaves_nothing(loaded, data, tmp_path, after):
    needs("onnx")

    def progress(fraction, text):
        if text.startswith(after):
            raise CancelledError

    with pytest.raises(CancelledError):
        quantize(loaded, tmp_path / "a.onnx", asked(data, kept=()), progress)
    assert left(tmp_path) == []


@pytest.mark.parametrize("absent", [("modelopt",), ("modelopt", "huggingface_hub")])
def test_training_for_int8_says_what_it_needs(loaded, data, tmp_path, monkeypatch, absent):
    needs("onnx")
    found = util.find_spec
    monkeypatch.setattr(
        util, "find_spec", lambda name, *rest: None if name in absent else found("json", *rest)
    )
    with pytest.raises(UserError, match="training needs nvidia-modelopt") as caught:
        quantize(loaded, tmp_path / "a.onnx", asked(data, kept=(), aware=Aware(epochs=1)))
    assert "pip install nvidia-modelopt" in caught.value.hint
    assert left(tmp_path) == []


def test_limits_of_a_training_that_is_not_asked_for_are_refused(loaded, data, tmp_path, capsys):
    line = ["quantize", loaded.facts.path, "--data", data, "-o", tmp_path / "a.onnx"]
    assert main([*map(str, line), "--minutes", "1"]) == 1
    assert "Add --aware" in capsys.readouterr().err
