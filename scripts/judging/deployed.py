"""Networks that are run otherwise than as they are: at another image size, or as exported files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from torch import nn

from core.errors import UserError
from core.graph.builder import analyse_model
from core.ship.devices.bench import onnx_run
from core.ship.export.formats import FORMATS
from core.ship.latency.measure import interleave
from core.ship.latency.runtime import Settings
from core.ship.latency.runtimes import export

TURNS = 100
"""How often a network and the unpruned one are timed in turns."""


class Deployed(nn.Module):
    """A network with how it is run.

    Parameters
    ----------
    network : nn.Module
        What is counted.
    size : int
        Side of the images in pixels.
    file : Path, optional
        The exported network, for single images letterboxed to the whole square: it is judged and
        timed in place of the network.
    """

    def __init__(self, network: nn.Module, size: int, file: Path | None = None) -> None:
        super().__init__()
        self.network, self.size, self.file = network, size, file


def multiply_adds(model: nn.Module, size: int) -> int:
    """Return the multiply-adds of one square image."""
    return sum(block.macs for block in analyse_model(model, size).blocks)


def check_onnx(precision: str = "fp32") -> None:
    """Refuse what needs ONNX Runtime where it is not installed."""
    problem: UserError | None = FORMATS["onnx"].missing(precision)
    if problem is not None:
        raise problem


def write_onnx(model: nn.Module, size: int, place: Path) -> None:
    """Write what is timed; an exported network is its file already."""
    if isinstance(model, Deployed):
        if model.file is not None:
            return
        model, size = model.network, model.size
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        export(model, "onnx", Settings(image_size=size), Path(folder)).replace(place)


def time_in_turns(base: Path, file: Path) -> np.ndarray:
    """Return the processor time of two ONNX files on one thread.

    Returns
    -------
    float array, shape (turns, 2)
        Milliseconds; the ratio within a turn is what can be compared.
    """
    return interleave([onnx_run(each, 1) for each in (base, file)], TURNS)[1]
