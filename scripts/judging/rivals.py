"""Other ways to the same cost: what a person could do instead of pruning with Secateur."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
from torch import nn

from core.errors import UserError
from core.ship.export.run import ExportSettings, export
from core.system.program import to_install
from scripts.judging.deployed import Deployed, check_onnx, multiply_adds

if TYPE_CHECKING:
    from scripts.judging.bench import Bench

SEARCHES = 7
"""Widths tried to reach a cost."""


# ---- torch-pruning -------------------------------------------------------------------------------


def check_torch_pruning() -> None:
    """Refuse it where the package is not installed."""
    if find_spec("torch_pruning") is None:
        raise UserError("Torch-Pruning is not installed.", to_install("torch-pruning"))


def torch_pruning(bench: Bench, less: float) -> nn.Module:
    """Prune with Torch-Pruning, in the settings that kept most for it."""
    from scripts.peer.accuracy import BEST, WAYS, Peer

    if "peer" not in bench.kept:  # its gradients serve every depth
        bench.kept["peer"] = Peer(bench.loaded, replace(bench.data, device="cpu"))
    model: nn.Module = bench.kept["peer"].prune(WAYS[BEST], 1 - less)[0]
    return model


# ---- narrow --------------------------------------------------------------------------------------


def narrow(bench: Bench, less: float) -> nn.Module:
    """Build a narrower network of the same family, and load the weights that match.

    It is what Ultralytics does for a model YAML with another width, ``load``-ed with the unpruned
    network: tensors of the same name and shape are copied, all others start from random weights.
    """
    base: Any = bench.loaded.model
    whole = multiply_adds(base, bench.options.size)
    best, distance, width = base, less, 1.0
    low, high = 0.0, 1.0
    for _ in range(SEARCHES):
        middle = (low + high) / 2
        trial = at_width(base, middle, bench.options.seed)
        share = multiply_adds(trial, bench.options.size) / whole
        if abs(share - (1 - less)) < distance:
            best, distance, width = trial, abs(share - (1 - less)), middle
        low, high = (middle, high) if share < 1 - less else (low, middle)
    best.load(copy.deepcopy(base), verbose=False)
    theirs, mine = base.state_dict(), best.state_dict()
    loaded = sum(name in theirs and theirs[name].shape == mine[name].shape for name in mine)
    bench.note = f"width × {width:.2f}, {loaded} of {len(mine)} tensors loaded"
    return best  # type: ignore[no-any-return]


def at_width(base: Any, width: float, seed: int) -> Any:
    """Build a network from its own description, narrower; depth stays."""
    text = copy.deepcopy(base.yaml)
    if text.get("scales"):
        scale = text.get("scale") or next(iter(text["scales"]))
        depth, own, most = text["scales"][scale]
        text["scales"] = {scale: [depth, own * width, most]}
    else:
        text["width_multiple"] = text.get("width_multiple", 1.0) * width
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = type(base)(text, ch=text.get("channels", 3), verbose=False)
    network.names, network.args, network.task = base.names, base.args, base.task
    return network.eval()


# ---- what leaves the network as it is ------------------------------------------------------------


def resolution(bench: Bench, less: float) -> nn.Module:
    """Take the unpruned network at a lower image size, a multiple of its stride."""
    model = bench.loaded.model
    stride = int(model.stride.max())
    size = max(1, round(bench.options.size * (1 - less) ** 0.5 / stride)) * stride
    bench.note = f"{size} px"
    return Deployed(model, size)


def fp32(bench: Bench, less: float, start: str = "") -> nn.Module:
    """Export the unpruned network, or another way's, to ONNX: what exporting alone changes."""
    return _exported(bench, less, "fp32", start)


def int8(bench: Bench, less: float, start: str = "") -> nn.Module:
    """Export it in INT8, calibrated on the training images."""
    return _exported(bench, less, "int8", start)


def uint8(bench: Bench, less: float, start: str = "") -> nn.Module:
    """Export it in INT8 with unsigned activations: ONNX Runtime is fast with those alone on x86."""
    from onnxruntime import quantization

    unsigned = partial(quantization.quantize_static, activation_type=quantization.QuantType.QUInt8)
    with mock.patch.object(quantization, "quantize_static", unsigned):
        return _exported(bench, less, "int8", start, "uint8")


def _exported(bench: Bench, less: float, precision: str, start: str, name: str = "") -> nn.Module:
    network = bench.make(start, less) if start else bench.loaded.model
    place = bench.place(":".join(filter(None, [name or precision, start])), less, ".onnx")
    size = bench.options.size
    settings = ExportSettings("onnx", precision, size, data=bench.data, device="cpu")
    done = export(replace(bench.loaded, model=network), place, settings)
    return Deployed(network, done.image_size.longest, place)


CHECKS: dict[str, Callable[[], None]] = {
    "torch-pruning": check_torch_pruning,
    "fp32": check_onnx,
    "int8": lambda: check_onnx("int8"),
    "uint8": lambda: check_onnx("int8"),
}
"""What must be installed, by way."""
WHOLE = ("fp32", "int8", "uint8")
"""Ways that remove nothing, and so have one row whatever is to be removed."""
