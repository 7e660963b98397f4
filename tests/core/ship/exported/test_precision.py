"""The precision of an exported file is that of its weights, whatever its metadata say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core.cli.main import main
from core.ship.export.formats import FORMATS
from core.ship.exported.network import open_exported
from core.ship.exported.precision import precision_of
from core.ship.quantize.graph import decoding
from core.ship.quantize.methods import quantizer_of
from tests.core.ship.exported.conftest import SIZE

onnx = pytest.importorskip("onnx")
FLOAT, HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
UINT8, INT8 = onnx.TensorProto.UINT8, onnx.TensorProto.INT8
UINT16, INT16, INT4 = onnx.TensorProto.UINT16, onnx.TensorProto.INT16, onnx.TensorProto.INT4


def tensor(name, kind, *sides):
    return onnx.helper.make_tensor(name, kind, sides, [1] * int(np.prod(sides, dtype=int)))


class Chain:
    """Layers in a row as an exporter writes them, in precisions as asked for."""

    def __init__(self):
        self.nodes, self.held, self.last = [], [], "x"

    def _add(self, operator, inputs, **more):
        name = f"v{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, inputs, [name], **more))
        return name

    def _hold(self, kind, *sides):
        self.held.append(tensor(f"c{len(self.held)}", kind, *sides))
        return self.held[-1].name

    def round(self, kind=UINT8):
        both = [self._hold(FLOAT), self._hold(kind)]
        made = self._add("QuantizeLinear", [self.last, *both])
        self.last = self._add("DequantizeLinear", [made, *both])
        return self

    def conv(self, kind=FLOAT, width=8, *, zero=None, by="Conv"):
        """Add a layer: its weights are held in a type, or in FP32 and rounded to that of zero."""
        weights = self._hold(kind, width, 3, 3, 3)
        if kind not in (FLOAT, HALF) and by == "Conv":
            weights = self._add("DequantizeLinear", [weights, self._hold(FLOAT)])
        if zero is not None:
            both = [self._hold(FLOAT), self._hold(zero)]
            rounded = self._add("QuantizeLinear", [weights, *both])
            weights = self._add("DequantizeLinear", [rounded, *both])
        inputs = [self.last, weights]
        if by == "QLinearConv":
            scales = [self._hold(FLOAT), self._hold(UINT8)]
            inputs = [self.last, *scales, weights, *scales, *scales]
        self.last = self._add(by, inputs)
        return self

    def dense(self, kind, way):
        """Add a layer whose weights are a node's, and pass an operator."""
        node = onnx.helper.make_node("Constant", [], ["w"], value=tensor("", kind, 40, 8))
        self.nodes.append(node)
        self.last = self._add("MatMul", [self.last, self._add(way, ["w"])])
        return self

    def apply(self, operator):
        self.last = self._add(operator, [self.last, self.last])
        return self

    def write(self, path):
        ends = [onnx.helper.make_tensor_value_info(n, FLOAT, None) for n in ("x", self.last)]
        graph = onnx.helper.make_graph(self.nodes, "g", ends[:1], ends[1:], self.held)
        Path(path).write_bytes(onnx.helper.make_model(graph).SerializeToString())
        return precision_of(Path(path), FORMATS["onnx"], "fp32")


CHAINS = {
    "plain": (lambda c: c.conv().apply("Mul").conv(), "fp32"),
    "half": (lambda c: c.conv(HALF).conv(HALF), "fp16"),
    "half, dense": (lambda c: c.dense(HALF, "Cast"), "fp16"),
    "dense": (lambda c: c.dense(FLOAT, "Transpose"), "fp32"),
    "pairs": (lambda c: c.round().conv(INT8).round().conv(INT8), "int8"),
    "signed": (lambda c: c.round(INT8).conv(INT8), "int8"),
    "weights rounded as they are read": (lambda c: c.round().conv(FLOAT, zero=INT8), "int8"),
    "one small layer left": (lambda c: c.round().conv(INT8, 64).conv(FLOAT, 4), "int8"),
    "a large layer left": (lambda c: c.round().conv(INT8).conv(FLOAT, 4), "mixed"),
    "FP16 next to FP32": (lambda c: c.conv(HALF).conv(), "mixed"),
    "only the weights": (lambda c: c.conv(INT8).conv(INT8), "mixed"),
    "activations in INT16": (lambda c: c.round(UINT16).conv(INT8), "mixed"),
    "integers": (lambda c: c.conv(INT8, by="ConvInteger"), "int8"),
    "in operators": (lambda c: c.conv(INT8, by="QLinearConv"), "int8"),
    "weights in INT16": (lambda c: c.round().conv(INT16), ""),
    "weights in INT4": (lambda c: c.round().conv(INT4), ""),
    "rounded finer": (lambda c: c.round().conv(FLOAT, zero=INT16), ""),
    "no weights": (lambda c: c.apply("Conv").apply("MatMul"), ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHAINS)
def test_an_onnx_file_has_the_precision_of_its_weights(tmp_path, kind):
    make, wanted = CHAINS[kind]
    assert make(Chain()).write(tmp_path / "a.onnx") == wanted


@given(st.lists(st.sampled_from([FLOAT, HALF, INT8]), min_size=1, max_size=6))
@settings(max_examples=25)
def test_any_layers(tmp_path_factory, kinds):
    chain = Chain()
    for kind in kinds:
        (chain.round() if kind == INT8 else chain).conv(kind)
    found = chain.write(tmp_path_factory.getbasetemp() / "any.onnx")
    names = {FLOAT: "fp32", HALF: "fp16", INT8: "int8"}
    assert found == (names[kinds[0]] if len(set(kinds)) == 1 else "mixed")


@given(st.data())
@settings(max_examples=40)
def test_a_damaged_file_has_no_precision_or_one(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "cut.onnx"
    Chain().round().conv(INT8).write(path)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    found = precision_of(path, FORMATS["onnx"], "fp32")
    assert found in ("", "fp32", "fp16", "int8", "mixed")


# ---- OpenVINO ------------------------------------------------------------------------------------


def held(number, kind, shape):
    about = f'<data element_type="{kind}" shape="{shape}"/>'
    return f'<layer id="{number}" type="Const">{about}</layer>'


def layer(number, kind, *sources, **more):
    about = "".join(f' {key}="{value}"' for key, value in more.items())
    text = f'<layer id="{number}" type="{kind}"><data{about}/></layer>'
    edges = (f'<edge from-layer="{s}" to-layer="{number}" to-port="{p}"/>'
             for p, s in enumerate(sources))  # fmt: skip
    return text + "".join(edges)


X = layer(0, "Parameter")
SHAPE, SCALE = "8, 3, 3, 3", "8, 1, 1, 1"
XMLS = {
    "plain": (X + held(1, "f32", SHAPE) + layer(2, "Convolution", 0, 1), "fp32"),
    "half": (
        X + held(1, "f16", SHAPE) + layer(2, "Convert", 1) + layer(3, "GroupConvolution", 0, 2),
        "fp16",
    ),
    "nncf": (
        X + layer(1, "FakeQuantize", 0, levels=256) + held(2, "i8", SHAPE) + layer(3, "Convert", 2)
        + held(4, "f32", SCALE) + layer(5, "Multiply", 3, 4) + layer(6, "Convolution", 1, 5),
        "int8",
    ),
    "the scale first": (
        X + layer(1, "FakeQuantize", 0, levels=256) + held(2, "u8", SHAPE) + layer(3, "Convert", 2)
        + held(4, "f32", SCALE) + layer(5, "Multiply", 4, 3) + layer(6, "Convolution", 1, 5),
        "int8",
    ),
    "weights rounded as they are read": (
        X + layer(1, "FakeQuantize", 0, levels=256) + held(2, "f32", SHAPE)
        + layer(3, "FakeQuantize", 2, levels=255) + layer(4, "MatMul", 1, 3),
        "int8",
    ),
    "only the weights": (
        X + held(2, "u8", SHAPE) + layer(3, "Convert", 2) + layer(4, "MatMul", 0, 3), "mixed",
    ),
    "finer": (
        X + layer(1, "FakeQuantize", 0, levels=65536) + held(2, "i8", SHAPE)
        + layer(3, "Convert", 2) + layer(4, "MatMul", 1, 3),
        "mixed",
    ),
    "INT4": (X + held(1, "i4", SHAPE) + layer(2, "Convert", 1) + layer(3, "MatMul", 0, 2), ""),
    "a circle": (
        X + layer(1, "Convert", 2) + layer(2, "Convert", 1) + layer(3, "MatMul", 0, 2), "",
    ),
    "no numbers": (held(1, "f32", "8, x") + layer(2, "Convolution", 0, 1), ""),
    "huge": (held(1, "f32", ", ".join(["9999999999"] * 99)) + layer(2, "MatMul", 0, 1), "fp32"),
    "nested": ("<layer>" * 5000, ""),
    "no end": ("<layer", ""),
    "nothing": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", XMLS)
def test_an_openvino_file_has_the_precision_of_its_weights(tmp_path, kind):
    text, wanted = XMLS[kind]
    (tmp_path / "a.xml").write_text(f"<net>{text}</net>")
    assert precision_of(tmp_path, FORMATS["openvino"], "fp32") == wanted


@pytest.mark.parametrize("name", ["a", "SYSTEM"])
def test_a_file_that_declares_entities_is_not_read(tmp_path, name):
    body = XMLS["plain"][0]
    kind = f'<!DOCTYPE net [<!ENTITY {name} "b">]>'
    (tmp_path / "a.xml").write_text(f"{kind}<net>{body}</net>")
    assert precision_of(tmp_path, FORMATS["openvino"], "fp32") == ""


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_folder_without_a_network_has_none(tmp_path, form):
    assert precision_of(tmp_path / "a.onnx", FORMATS[form], "fp32") == ""


@pytest.mark.parametrize("form", ["ncnn", "torchscript", "engine"])
def test_of_other_formats_it_is_what_the_file_says(tmp_path, form):
    assert precision_of(tmp_path, FORMATS[form], "fp16") == "fp16"


# ---- where it is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_exported_networks_are_in_fp32(shipped, form):
    assert open_exported(shipped(form)).model.about.precision == "fp32"


def test_a_quantised_file_is_timed_as_int8(trained, shipped, tmp_path, capsys):
    """Its metadata are those of the file in FP32 that it was made of."""
    images = list(np.random.default_rng(0).random((1, 1, 3, SIZE, SIZE), np.float32))
    (tmp_path / "ranges").mkdir()
    names = [name for name, _ in core.load(trained).model.named_modules()]
    quantizer = quantizer_of("onnx", shipped("onnx"), images, tmp_path / "ranges", names)
    excluded = decoding(quantizer.operations, quantizer.outputs)
    file = quantizer.write(excluded, tmp_path / "w_int8.onnx")
    line = ["latency", str(shipped("onnx")), str(file), "--repeats", "2", "--threads", "1"]
    assert main([*line, "--json"]) == 0
    timings = json.loads(capsys.readouterr().out)["timings"]
    assert [one["precision"] for one in timings] == ["fp32", "int8"]
    assert open_exported(file).facts.dtype == "int8"
