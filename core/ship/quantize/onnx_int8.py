"""INT8 in ONNX, by ONNX Runtime: unsigned activations, signed weights per channel, as QDQ pairs.

Unsigned, because the kernels of x86 processors with VNNI multiply unsigned by signed; with signed
activations ONNX Runtime computes nearly all convolutions in FP32 there.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.progress import Progress, silent
from core.ship.quantize.graph import Operation

Array = NDArray[np.float32]
Images = Sequence[Array]
"""Of shape (batch, channels, height, width), 0 to 1."""
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_CACHE, _READY = "ranges.json", "ready.onnx"
_KEPT = "fp32/"
"""Before the names of weights that stand next to their INT8 selves."""


class OnnxQuantizer:
    """Writes INT8 versions of one ONNX network; its ranges are measured once.

    Parameters
    ----------
    source : Path
        The exported network, in FP32.
    images : sequence of float32 arrays
        To measure the ranges of activations by.
    folder : Path
        Empty; for files that are needed meanwhile.
    modules : collection of str
        Names of the network's modules, to call layers by.

    Attributes
    ----------
    operations : tuple of Operation
    outputs : tuple of str
        Names of the operations that give the outputs.
    folder : Path
    """

    def __init__(
        self, source: Path, images: Images, folder: Path, modules: Collection[str]
    ) -> None:
        import onnx
        from onnxruntime.quantization.shape_inference import quant_pre_process

        self.images, self.folder = images, folder
        self._ready = folder / _READY
        named = onnx.load(str(source))
        for number, node in enumerate(named.graph.node):
            node.name = node.name or f"{node.op_type}_{number}"
        given = folder / "given.onnx"
        onnx.save(named, str(given))
        with _quiet():
            quant_pre_process(str(given), str(self._ready), skip_symbolic_shape=True)
        given.unlink()
        model = onnx.load(str(self._ready))
        self.input = str(model.graph.input[0].name)
        self.operations = _operations(model.graph, modules)
        makers = _makers(model.graph)
        self.outputs = tuple(makers[o.name] for o in model.graph.output if o.name in makers)
        self._tensors = {n.name: tuple(n.output) for n in model.graph.node}

    def write(self, excluded: Collection[str], target: Path, progress: Progress = silent) -> Path:
        """Write the network with all but some operations in INT8.

        Parameters
        ----------
        excluded : collection of str
            Names of operations.
        target : Path
            The file.
        progress : Progress
            Told of every image when ranges are measured; may cancel.
        """
        from onnxruntime.quantization import (
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )

        with _quiet():
            quantize_static(
                str(self._ready),
                str(target),
                _reader(self.input, self.images, progress),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=[name for name in self._tensors if name in excluded],
                calibrate_method=CalibrationMethod.MinMax,
                calibration_cache_path=str(self.folder / _CACHE),
            )
        return target

    def look(
        self, file: Path | None, names: Collection[str], only: str | None = None
    ) -> list[list[Array]]:
        """Return what operations put out on every image.

        Parameters
        ----------
        file : Path or None
            As `write` left it; in FP32 for None.
        names : collection of str
            The operations.
        only : str, optional
            The one layer of the file that is computed in INT8; all of them by default.
        """
        import onnx

        from core.ship.devices.bench import onnx_session

        model = onnx.load(str(file or self._ready))
        if only is not None:
            nodes = {o.name for o in self.operations if o.layer == only}
            _float_but(model.graph, nodes, onnx.load(str(self._ready)).graph)
        own = {o.name for o in model.graph.output}
        wanted = [self._tensors[name][0] for name in names]
        for tensor in wanted:
            if tensor not in own:
                model.graph.output.append(onnx.ValueInfoProto(name=tensor))
        session = onnx_session(model.SerializeToString(), 1)
        return [list(session.run(wanted, {self.input: image})) for image in self.images]


def _float_but(graph: Any, quantised: Collection[str], original: Any) -> None:
    """Let all operations but some read what there was before it was quantised."""
    held = {tensor.name: tensor for tensor in original.initializer}
    before = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "QuantizeLinear"}
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            source = before.get(node.input[0], node.input[0].removesuffix("_quantized"))
            before[node.output[0]] = source
    added = set[str]()
    for node in graph.node:
        if node.name in quantised or node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            continue
        for place, name in enumerate(node.input):
            if name not in before:
                continue
            source = before[name]
            node.input[place] = f"{_KEPT}{source}" if source in held else source
            if source in held and source not in added:
                graph.initializer.add().CopyFrom(held[source])
                graph.initializer[-1].name = f"{_KEPT}{source}"
                added.add(source)


def _operations(graph: Any, modules: Collection[str]) -> tuple[Operation, ...]:
    makers = _makers(graph)
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {o for n in graph.node if n.op_type == "Constant" for o in n.output}
    found = []
    for node in graph.node:
        if node.op_type == "Constant":
            continue
        sources = tuple(makers[i] for i in node.input if i in makers and i not in constants)
        known = [i for i in node.input if i in constants]
        multiplies = node.op_type in WEIGHTED
        weighted = multiplies and bool(known)
        layer = _layer(node.name, known if weighted else [], modules)
        products = multiplies and not weighted
        found.append(Operation(node.name, node.op_type, sources, layer, weighted, products))
    return tuple(found)


def _makers(graph: Any) -> dict[str, str]:
    return {output: node.name for node in graph.node for output in node.output}


def _layer(name: str, weights: Sequence[str], modules: Collection[str]) -> str:
    """Name the module of an operation: by its weights, else by the scope that it was traced in."""
    for weight in weights:
        module = weight.rpartition(".")[0]
        if module in modules:
            return module
    found = ""
    for part in name.split("/"):
        found = _inside(found, part, modules) or found
    return found or name


def _inside(module: str, part: str, modules: Collection[str]) -> str:
    """Return what a part of a scope names within a module, or within those around it.

    The scope of model.22.cv3.0.2 is /model.22/cv3.0/cv3.0.2: names of lists are repeated.
    """
    while True:
        inner = f"{module}.{part}" if module else part
        if inner in modules or not module:
            return inner if inner in modules else ""
        module = module.rpartition(".")[0]


def _reader(name: str, images: Images, progress: Progress) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.number = 0

        def get_next(self) -> dict[str, Any] | None:
            if self.number == len(images):
                return None
            text = f"Calibrating: image {self.number + 1} of {len(images)}"
            progress(self.number / len(images), text)
            self.number += 1
            return {name: images[self.number - 1]}

        def rewind(self) -> None:
            self.number = 0

    return Reader()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the advice of ONNX Runtime's tools off the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
