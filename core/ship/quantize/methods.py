"""Who quantises which format: one row of a table each. Needs neither torch nor a runtime."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from core.errors import UserError
from core.progress import Progress, silent
from core.registry import resolve
from core.ship.export.formats import Format, format_of
from core.ship.quantize.graph import Operation


class Quantizer(Protocol):
    """Writes INT8 versions of one exported network.

    Made of the FP32 file, the images to calibrate by, an empty folder, and the names of the
    network's modules.
    """

    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]

    def write(self, excluded: Collection[str], target: Path, progress: Progress = silent) -> Path:
        """Write the network with all but some operations in INT8."""


METHODS: Mapping[str, str] = {
    "onnx": "core.ship.quantize.onnx_int8:OnnxQuantizer",
    "openvino": "core.ship.quantize.openvino_int8:OpenvinoQuantizer",
}
"""By the name of the format."""
RANKING = "onnx"
"""The format in which layers are ranked: ranges there are measured once for all versions."""


def method_of(name: str) -> Format:
    """Return a format that can be quantised.

    Raises
    ------
    UserError
        For another format.
    """
    form = format_of(name)
    if form.name not in METHODS:
        raise UserError(
            f"{form.title} is not quantised here.",
            f"Use one of {', '.join(METHODS)}; `secateur export --int8` has other formats.",
        )
    return form


def quantizer_of(form: str, *arguments: Any) -> Quantizer:
    """Open an exported network to quantise it."""
    made: Quantizer = resolve(METHODS[form])(*arguments)
    return made
