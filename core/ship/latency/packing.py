"""Networks as they are sent to other devices: one file for each runtime, without the weights."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError
from core.progress import Progress
from core.ship.devices.hollow import LEAST, hollow
from core.ship.export.formats import FORMATS
from core.ship.latency.runtime import Settings
from core.ship.latency.runtimes import export
from core.system.scratch import Scratch

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Pack:
    """How networks are sent to be timed in a runtime.

    Attributes
    ----------
    title : str
        Of the runtime.
    form : str
        The export format whose tools are needed here.
    suffix : str
        Of the file.
    make : callable
        Takes a network and settings, and returns the content of the file.
    """

    title: str
    form: str
    suffix: str
    make: Callable[[nn.Module, Settings], bytes]

    def missing(self) -> UserError | None:
        """Return what prevents sending networks from here, in words; None when nothing does."""
        return FORMATS[self.form].missing()


def pack_onnx(model: nn.Module, settings: Settings) -> bytes:
    """Return a network as an ONNX file without its weights."""
    with Scratch("latency") as folder:
        return hollow(export(model, "onnx", settings, Path(folder)).read_bytes())


def pack_ncnn(model: nn.Module, settings: Settings, *, weights: bool = False) -> bytes:
    """Return a network as ``core.ship.devices.bench.ncnn_run`` takes it.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    settings : Settings
    weights : bool
        Whether its own weights are in it. A time does not depend on them.
    """
    from core.graph.drive import image_channels, real_size

    sent = model if weights else without_weights(model)
    with Scratch("latency") as folder, _hushed():
        made = export(sent, "ncnn", replace(settings, batch=1), Path(folder))
        param, content = (made / f"model.ncnn.{part}" for part in ("param", "bin"))
        parts = param.read_bytes(), zlib.compress(content.read_bytes())
    shape = [image_channels(model), *real_size(model, settings.image_size)]
    head = {"shape": shape, "batch": settings.batch, "param": len(parts[0])}
    return json.dumps(head).encode() + b"\n" + b"".join(parts)


def without_weights(model: nn.Module) -> nn.Module:
    """Return a copy whose large weights are all alike, as ``hollow`` has those of ONNX."""
    import torch

    bare = copy.deepcopy(model)
    with torch.no_grad():
        for weight in bare.parameters():
            if weight.numel() >= LEAST:
                weight.fill_(1.0 / max(1, weight[0].numel()))
    return bare


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep what a converter's native code prints out of the terminal."""
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


PACKS = {
    "onnx": Pack("ONNX Runtime", "onnx", ".onnx", pack_onnx),
    "openvino": Pack("OpenVINO", "onnx", ".onnx", pack_onnx),
    "ncnn": Pack("NCNN", "ncnn", ".ncnn", pack_ncnn),
}
"""By the runtime of the device: those of ``core.plan.latency.devices.NEEDS``."""


def packed(
    models: Sequence[nn.Module], runtime: str, settings: Settings, progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a file for each network.

    Raises
    ------
    UserError
        When the tools for that are not installed here, or fail.
    """
    pack = PACKS[runtime]
    if (missing := pack.missing()) is not None:
        raise missing
    for number, model in enumerate(models):
        progress(number / len(models), "Preparing whole networks")
        content = pack.make(model, replace(settings, device="cpu"))
        yield f"{number}{pack.suffix}", content
