"""INT8 as `export` writes it: every layer but the decoding, by the quantizers of `quantize`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from core.progress import Progress, Span, silent
from core.ship.export.exporter import sealed
from core.ship.export.format import Format
from core.ship.quantize.graph import decoding
from core.ship.quantize.methods import quantizer_of
from core.ship.quantize.onnx_int8 import Array

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn


class _Scaled(Sequence[Array]):
    """Images of uint8, scaled to 0 to 1 when they are asked for: a quarter of the memory."""

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, number: int) -> Array: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Array]: ...
    def __getitem__(self, number: int | slice) -> Array | Sequence[Array]:
        if isinstance(number, slice):
            return _Scaled(self._images[number])
        return self._images[number].astype(np.float32) / np.float32(255)


def quantise_export(
    model: nn.Module,
    exported: Path,
    form: Format,
    images: Iterable[dict[str, Any]],
    folder: Path,
    *,
    batch: int = 1,
    progress: Progress = silent,
) -> Path:
    """Write an exported network in INT8.

    Parameters
    ----------
    model : nn.Module
        The network.
    exported : Path
        What it was exported to, in FP32.
    form : Format
    images : iterable of dict
        ``img``: uint8, shape (1, c, height, width), to measure the ranges of activations by.
    folder : Path
        Where the file is written, and what is needed meanwhile.
    batch : int
        That the file takes.
    progress : Progress
        May cancel.

    Returns
    -------
    Path
        The file or folder.
    """
    progress(0.0, "Reading images")
    single = [np.asarray(each["img"]) for each in images]
    turns = range(0, len(single), batch)
    groups = [
        np.concatenate([single[(start + n) % len(single)] for n in range(batch)]) for start in turns
    ]
    place = folder / "calibrating"
    place.mkdir()
    names = [name for name, _ in model.named_modules()]
    with sealed():
        quantizer = quantizer_of(form.name, exported, _Scaled(groups), place, names)
        excluded = decoding(quantizer.operations, quantizer.outputs)
        target = folder / f"int8{form.suffix}"
        return quantizer.write(excluded, target, Span(progress, 0.2, 1.0))
