"""The precision that an exported file computes in, read from the file itself. Needs no torch.

What a file says of itself is not enough: whoever quantises a file leaves its metadata as they were.
So the weights of its layers are looked at, and whether the values between them are quantised.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from core.ship.export.format import Format
from core.ship.exported.protobuf import Fields
from core.system.budget import MB, Budget, over, read_text, too_deep, too_many
from core.system.files import open_regular

MIXED = "mixed"
MOST = 0.9
"""Of the weights of all layers that have one precision, which is that of the file then: layers
that are left in a higher one, and the decoding, are few."""
GRAPH = Budget("the operations of an exported network", 64 * MB, 1_000_000)

_WEIGHTED = frozenset(
    ("Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul", "QGemm",
     "ConvInteger", "MatMulInteger", "Convolution", "ConvolutionBackpropData", "GroupConvolution",
     "GroupConvolutionBackpropData")
)  # fmt: skip
_QUANTISED = frozenset(
    ("DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger",
     "MatMulInteger")
)  # fmt: skip
"""Operators of networks in which the values between layers are in INT8."""
_ROUNDS = frozenset(("QuantizeLinear", "FakeQuantize"))
"""Operators that round, weights or values between layers."""
_BOTH = frozenset(("Multiply", "Subtract"))
_CARRIES = frozenset(
    ("Cast", "Convert", "DequantizeLinear", "Identity", "Reshape", "Squeeze", "Transpose",
     "Unsqueeze", *_ROUNDS, *_BOTH)
)  # fmt: skip
"""Operators that weights may pass on their way to a layer."""
_LONGEST = 8
"""Of them one after another; a longer way is no exporter's."""
_ONNX_TYPES: Mapping[int, str] = {1: "fp32", 2: "int8", 3: "int8", 10: "fp16"}
_OPENVINO_TYPES: Mapping[str, str] = {"f32": "fp32", "f16": "fp16", "i8": "int8", "u8": "int8"}


@dataclass(frozen=True, slots=True)
class _Held:
    """Numbers in a file: how many, and in what; empty for a type that has no name here."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class _Node:
    """An operator, and the names of what it reads."""

    operator: str
    inputs: tuple[str, ...]


class _Graph:
    """A network: its operators, and what makes or holds each value by its name."""

    def __init__(
        self, nodes: Sequence[_Node], makers: Mapping[str, _Node], held: Mapping[str, _Held]
    ) -> None:
        self.nodes, self._makers, self._held = nodes, makers, held
        self._roots: dict[str, _Held | None] = {}

    def root(self, name: str, left: int = _LONGEST) -> _Held | None:
        """Return the numbers in the file that a value is made of; None for what is computed."""
        if name in self._held:
            return self._held[name]
        if name not in self._roots:
            self._roots[name] = None  # of what goes in a circle
            self._roots[name] = self._carried(name, left)
        return self._roots[name]

    def _carried(self, name: str, left: int) -> _Held | None:
        node = self._makers.get(name)
        if node is None or not left or node.operator not in _CARRIES:
            return None
        count = 2 if node.operator in _BOTH else 1
        roots = [self.root(one, left - 1) for one in node.inputs[:count]]
        found = [root for root in roots if root is not None]
        if not found or len(found) < len(roots):
            return None
        largest = max(found, key=lambda root: root.count)
        if node.operator not in _ROUNDS or not largest.kind:
            return largest
        return _Held(self.rounded(node), largest.count)

    def rounded(self, node: _Node) -> str:
        """Return what an operator rounds to, by its zero point; empty where it does not say."""
        if node.operator == "FakeQuantize":
            return "int8"
        zero = self.root(node.inputs[2]) if len(node.inputs) > 2 else None
        return zero.kind if zero else ""

    def rounds(self, node: _Node) -> bool:
        """Whether an operator makes INT8 of what is computed, or takes that."""
        if node.operator in _QUANTISED:
            return True
        able = node.operator in _ROUNDS and bool(node.inputs) and self.root(node.inputs[0]) is None
        return able and self.rounded(node) == "int8"

    def weights(self, node: _Node) -> _Held | None:
        """Return the weights that a layer multiplies by; None for what has none."""
        if node.operator not in _WEIGHTED:
            return None
        roots = [root for name in node.inputs if (root := self.root(name)) is not None]
        return max(roots, key=lambda root: root.count, default=None)


def precision_of(path: Path, form: Format, said: str) -> str:
    """Return the precision of an exported file.

    Parameters
    ----------
    path : Path
    form : Format
    said : str
        By the file's metadata; counts for formats whose weights are not looked at.

    Returns
    -------
    str
        ``fp32``, ``fp16``, ``int8``, ``mixed`` where less than `MOST` of the layers' weights agree
        or only the weights are in INT8, or empty where it is not known.
    """
    read = _READERS.get(form.name)
    if read is None:
        return said
    try:
        return _precision(read(path))
    except (OSError, ValueError, expat.ExpatError):
        return ""  # what is damaged is refused by its runtime, in its words


def _precision(graph: _Graph) -> str:
    counts: Counter[str] = Counter()
    for node in graph.nodes:
        if (weights := graph.weights(node)) is not None:
            counts[weights.kind] += weights.count
    if not counts or "" in counts:
        return ""
    kind, count = counts.most_common(1)[0]
    if count < MOST * counts.total():
        return MIXED
    return MIXED if kind == "int8" and not any(map(graph.rounds, graph.nodes)) else kind


# ---- ONNX ----------------------------------------------------------------------------------------

_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
_TENSOR = 5
"""The number of a tensor in an attribute."""
_DIMS, _TYPE, _NAME = 1, 2, 8


def _of_onnx(path: Path) -> _Graph:
    with open_regular(path) as stream:
        reader = Fields(stream, GRAPH, path)
        end = os.fstat(stream.fileno()).st_size
        graph = [f for f in reader.of(0, end) if f.number == _GRAPH and f.is_message]
        if len(graph) != 1:
            raise ValueError("it has no network, or several")
        nodes: list[_Node] = []
        makers: dict[str, _Node] = {}
        held: dict[str, _Held] = {}
        for field in reader.of(graph[0].start, graph[0].length):
            if not field.is_message:
                continue
            if field.number == _INITIALIZER:
                name, tensor = _tensor(reader, field.start, field.length)
                held[name] = tensor
            elif field.number == _NODE:
                node, outputs, value = _node(reader, field.start, field.length)
                nodes.append(node)
                makers.update(dict.fromkeys(outputs, node))
                if value is not None and node.operator == "Constant":
                    held.update(dict.fromkeys(outputs, value))
    return _Graph(nodes, makers, held)


def _node(reader: Fields, start: int, length: int) -> tuple[_Node, list[str], _Held | None]:
    inputs: list[str] = []
    outputs: list[str] = []
    operator, tensor = "", None
    for field in reader.of(start, length):
        if field.number == _INPUT:
            inputs.append(reader.text(field))
        elif field.number == _OUTPUT:
            outputs.append(reader.text(field))
        elif field.number == _OPERATOR:
            operator = reader.text(field)
        elif field.number == _ATTRIBUTE and field.is_message:
            for part in reader.of(field.start, field.length):
                if part.number == _TENSOR and part.is_message:
                    tensor = _tensor(reader, part.start, part.length)[1]
    return _Node(operator, tuple(inputs)), outputs, tensor


def _tensor(reader: Fields, start: int, length: int) -> tuple[str, _Held]:
    count, kind, name = 1, "", ""
    for field in reader.of(start, length):
        if field.number == _DIMS:
            for side in reader.numbers(field):
                count = min(count * side, 1 << 62)
        elif field.number == _TYPE and not field.is_message:
            kind = _ONNX_TYPES.get(field.value, "")
        elif field.number == _NAME:
            name = reader.text(field)
    return name, _Held(kind, count)


# ---- OpenVINO ------------------------------------------------------------------------------------


class _Layers:
    """Collects the layers and edges of OpenVINO's XML."""

    def __init__(self, path: Path) -> None:
        self.operators: dict[str, str] = {}
        self.held: dict[str, _Held] = {}
        self.edges: list[tuple[str, str, int]] = []
        self._path, self._now, self._depth, self._entries = path, "", 0, 0

    def start(self, tag: str, about: Mapping[str, str]) -> None:
        """Take an element."""
        self._depth += 1
        self._entries += 1 + len(about)
        if self._depth > GRAPH.depth:
            raise too_deep(self._path, GRAPH)
        if self._entries > GRAPH.entries:
            raise too_many(self._path, GRAPH)
        if tag == "layer":
            self._now = about.get("id", "")
            self.operators[self._now] = about.get("type", "")
        elif tag == "data" and self._finer(about):
            self.operators[self._now] = "FinerFakeQuantize"
        elif tag == "data" and self.operators.get(self._now) == "Const":
            sides = [int(s) for s in about.get("shape", "").split(",") if s.strip()]
            count = 1
            for side in sides:
                count = min(count * side, 1 << 62)
            kind = _OPENVINO_TYPES.get(about.get("element_type", ""), "")
            self.held[self._now] = _Held(kind, count)
        elif tag == "edge":
            port = int(about.get("to-port", "0"))
            self.edges.append((about.get("from-layer", ""), about.get("to-layer", ""), port))

    def _finer(self, about: Mapping[str, str]) -> bool:
        """Whether it rounds to more steps than INT8 has."""
        of_this = self.operators.get(self._now) == "FakeQuantize"
        return of_this and int(about.get("levels", "0")) not in range(2, 257)

    def end(self, _tag: str) -> None:
        """Leave an element."""
        self._depth -= 1

    def doctype(self, *_: object) -> None:
        """Refuse what could name entities."""
        raise over(self._path, "declares a document type")


def _of_openvino(path: Path) -> _Graph:
    file = next(path.glob("*.xml"), None)
    if file is None:
        raise ValueError("it has no network")
    found, parser = _Layers(file), expat.ParserCreate()
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.StartDoctypeDeclHandler = found.doctype
    parser.Parse(read_text(file, GRAPH), True)
    inputs: dict[str, list[tuple[int, str]]] = {}
    for source, target, port in found.edges:
        inputs.setdefault(target, []).append((port, source))
    makers = {
        name: _Node(operator, tuple(source for _, source in sorted(inputs.get(name, []))))
        for name, operator in found.operators.items()
        if name not in found.held
    }
    return _Graph(tuple(makers.values()), makers, found.held)


_READERS: Mapping[str, Callable[[Path], _Graph]] = {"onnx": _of_onnx, "openvino": _of_openvino}
