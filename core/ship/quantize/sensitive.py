"""Which layers lose most in INT8: each is quantised alone, and the outputs are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.progress import Progress, silent
from core.ship.quantize.graph import boundary, decoding, layers
from core.ship.quantize.onnx_int8 import Array, OnnxQuantizer


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a layer loses when it alone is computed in INT8.

    Attributes
    ----------
    layer : str
    error : float
        Root mean square of the change of the outputs before they are decoded, relative to the
        spread of each; 0 where nothing changes.
    """

    layer: str
    error: float

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def ranked(quantizer: OnnxQuantizer, progress: Progress = silent) -> tuple[Sensitivity, ...]:
    """Return all layers, the one that loses most first.

    Parameters
    ----------
    quantizer : OnnxQuantizer
        Its images are looked at.
    progress : Progress
        May cancel between layers.
    """
    operations = quantizer.operations
    decoders = decoding(operations, quantizer.outputs)
    ends = boundary(operations, decoders) or quantizer.outputs
    names = layers(operations, decoders)
    file = quantizer.folder / "ranked.onnx"
    quantizer.write(decoders, file, progress)
    before = quantizer.look(None, ends)
    found = []
    for number, name in enumerate(names):
        progress(number / len(names), f"Quantising layer {number + 1} of {len(names)} alone")
        found.append(Sensitivity(name, distance(quantizer.look(file, ends, name), before)))
    return tuple(sorted(found, key=lambda one: -one.error))


def distance(changed: Sequence[Sequence[Array]], original: Sequence[Sequence[Array]]) -> float:
    """Return how far outputs are apart, relative to the spread of each; the mean is of squares.

    Parameters
    ----------
    changed, original : sequence of sequence of float arrays
        The outputs of every image.
    """
    squares = [
        float(np.mean(np.square(np.subtract(new, old, dtype=np.float64))))
        / max(float(np.var(old, dtype=np.float64)), 1e-12)
        for images in zip(changed, original, strict=True)
        for new, old in zip(*images, strict=True)
    ]
    return float(np.sqrt(np.mean(squares))) if squares else 0.0
