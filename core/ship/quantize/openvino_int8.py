"""INT8 in OpenVINO, by NNCF: the layers left in higher precision are its ignored scope."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from core.progress import Progress, silent
from core.ship.quantize.graph import Operation
from core.ship.quantize.onnx_int8 import Images

WEIGHTED = ("Convolution", "ConvolutionBackpropData", "GroupConvolution", "MatMul")
_APART = ("Constant", "Parameter", "Result")
_PREFIX = "__module."


class OpenvinoQuantizer:
    """Writes INT8 versions of one network in OpenVINO's format.

    Parameters
    ----------
    source : Path
        The exported folder, in FP32.
    images : sequence of float32 arrays
        To measure the ranges of activations by.
    folder : Path
        Not used: NNCF measures the ranges anew for every version.
    modules : collection of str
        Names of the network's modules, to call layers by.

    Attributes
    ----------
    operations : tuple of Operation
    outputs : tuple of str
        Names of the operations that give the outputs.
    """

    def __init__(
        self, source: Path, images: Images, folder: Path, modules: Collection[str]
    ) -> None:
        self._source, self._images = source, images
        model = self._read()
        nodes = [n for n in model.get_ordered_ops() if n.get_type_name() not in _APART]
        nodes = [node for node in nodes if not _constant(node)]
        self.operations = tuple(_operation(node, modules) for node in nodes)
        known = {operation.name for operation in self.operations}
        made = (n.input_value(0).get_node().get_friendly_name() for n in model.get_results())
        self.outputs = tuple(name for name in made if name in known)

    def _read(self) -> Any:
        import openvino

        return openvino.Core().read_model(next(self._source.glob("*.xml")))

    def write(self, excluded: Collection[str], target: Path, progress: Progress = silent) -> Path:
        """Write the network with all but some operations in INT8.

        Parameters
        ----------
        excluded : collection of str
            Names of operations.
        target : Path
            The folder, which must not be there.
        progress : Progress
            Told of every image when ranges are measured; may cancel.
        """
        import shutil

        import nncf
        import openvino

        shutil.copytree(self._source, target)
        xml = next(target.glob("*.xml"))
        with _quiet(nncf):
            model = nncf.quantize(
                self._read(),
                nncf.Dataset(_Told(self._images, progress)),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(self._images),
                ignored_scope=nncf.IgnoredScope(names=sorted(excluded)),
            )
        openvino.save_model(model, xml, compress_to_fp16=False)
        return target


class _Told:
    """Images whose reading is reported; some steps of NNCF read them again."""

    def __init__(self, images: Images, progress: Progress) -> None:
        self._images, self._progress, self._seen = images, progress, 0

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Any]:
        for number, image in enumerate(self._images):
            self._seen = max(self._seen, number)
            text = f"Calibrating: image {self._seen + 1} of {len(self)}"
            self._progress(self._seen / len(self), text)
            yield image


def _constant(node: Any) -> bool:
    """Whether what an operation gives is held by the file, perhaps in another type."""
    if node.get_type_name() == "Constant":
        return True
    inputs = node.input_values()
    return bool(inputs) and all(_constant(value.get_node()) for value in inputs)


def _operation(node: Any, modules: Collection[str]) -> Operation:
    name, kind = node.get_friendly_name(), node.get_type_name()
    read = [value.get_node() for value in node.input_values()]
    sources = [n for n in read if n.get_type_name() not in _APART and not _constant(n)]
    multiplies = kind in WEIGHTED
    weighted = multiplies and any(_constant(n) for n in read)
    return Operation(
        name,
        kind,
        tuple(source.get_friendly_name() for source in sources),
        _layer(name, modules),
        weighted,
        multiplies and not weighted,
    )


def _layer(name: str, modules: Collection[str]) -> str:
    """Name the module of an operation, such as that of __module.model.0.conv/aten::…/Convolution.

    Names of the tracer come first, perhaps after a number that it gives out.
    """
    for part in name.split(" ")[-1].split("/"):
        module = part.removeprefix(_PREFIX)
        if module in modules:
            return module
    return name


@contextlib.contextmanager
def _quiet(nncf: Any) -> Iterator[None]:
    """Keep NNCF's bars and advice off the screen, and out of what programs read."""
    level = logging.getLogger("nncf").level
    nncf.set_log_level(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        nncf.set_log_level(level or logging.INFO)
