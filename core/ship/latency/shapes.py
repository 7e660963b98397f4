"""What a runtime distinguishes about a layer, apart from its widths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from core.graph.drive import image_channels, real_size
from core.graph.table import ChannelTable
from core.system.size import ImageSize

if TYPE_CHECKING:
    from torch import Tensor, nn

ACTIVATIONS = ("SiLU", "ReLU", "LeakyReLU", "Hardswish", "Sigmoid")
"""Those measured together with their layer; the time of any other is part of the overhead."""

KINDS = ("Conv2d", "ConvTranspose2d", "Linear")


@dataclass(frozen=True, slots=True)
class Shape:
    """A layer without its widths.

    Attributes
    ----------
    kind : str
        ``Conv2d``, ``ConvTranspose2d`` or ``Linear``.
    kernel, stride, padding, dilation : pairs of int
        (1, 1) and the like for a linear layer.
    per_group : pair of int
        Inputs and outputs of one group of a grouped convolution; (0, 0) for one that is not.
    side : pair of int
        Height and width of the input; rows and 1 for a linear layer.
    activation : str
        One of ``ACTIVATIONS``, or empty.
    """

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    per_group: tuple[int, int]
    side: tuple[int, int]
    activation: str

    @property
    def grouped(self) -> bool:
        """Whether it works group by group: its time is a function of one width alone."""
        return self.per_group != (0, 0)

    def widths(self, inputs: int, outputs: int) -> tuple[int, int]:
        """Return real widths for a grid point; a grouped layer's inputs follow its outputs."""
        if not self.grouped:
            return inputs, outputs
        groups = max(1, outputs // self.per_group[1])
        return groups * self.per_group[0], groups * self.per_group[1]

    @property
    def name(self) -> str:
        """In words, and unique."""
        kernel, side = (f"{pair[0]}x{pair[1]}" for pair in (self.kernel, self.side))
        text = f"{self.kind} {kernel} on {side}"
        for word, pair, usual in (
            ("stride", self.stride, (1, 1)),
            ("padding", self.padding, (self.kernel[0] // 2, self.kernel[1] // 2)),
            ("dilation", self.dilation, (1, 1)),
            ("groups of", self.per_group, (0, 0)),
        ):
            if pair != usual:
                text += f" {word} {pair[0]},{pair[1]}"
        return f"{text} {self.activation}".strip()


@dataclass(frozen=True, slots=True)
class Use:
    """A layer of the channel table as a runtime sees it.

    ``layer`` is its number in the table, ``calls`` how often one pass runs it.
    """

    layer: int
    shape: Shape
    inputs: int
    outputs: int
    calls: int


def layer_uses(fused: nn.Module, table: ChannelTable, image_size: ImageSize) -> tuple[Use, ...]:
    """Run a fused network once and list the layers that take time.

    Parameters
    ----------
    fused : nn.Module
        In evaluation mode, with BatchNorm folded in.
    table : ChannelTable
        Of the network before fusing.
    image_size : ImageSize

    Returns
    -------
    tuple of Use
        A layer of the table that fusing merged into another is not in it.
    """
    seen = _watch(fused, image_size)
    modules = dict(fused.named_modules())
    uses = []
    for name, sides in seen.items():
        number = _number(name, table, modules)
        if number is None:
            continue
        module: Any = modules[name]
        parent: Any = modules.get(name.rpartition(".")[0])
        shape = _shape(module, sides[0], type(getattr(parent, "act", None)).__name__)
        inputs, outputs = int(table.in_counts[number]), int(table.out_counts[number])
        uses.append(Use(number, shape, inputs, outputs, len(sides)))
    return tuple(uses)


def _watch(model: nn.Module, image_size: ImageSize) -> dict[str, list[tuple[int, int]]]:
    """Return the input's height and width at every call of every layer, by name."""
    seen: dict[str, list[tuple[int, int]]] = {}

    def hook(name: str) -> Any:
        def record(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0]
            linear = type(module).__name__ == "Linear"
            side = (math.prod(x.shape[:-1]), 1) if linear else (int(x.shape[2]), int(x.shape[3]))
            seen.setdefault(name, []).append(side)

        return record

    handles = [
        module.register_forward_pre_hook(hook(name))
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear))
    ]
    first = next(model.parameters())
    shape = (1, image_channels(model), *real_size(model, image_size))
    try:
        with torch.inference_mode():
            model(torch.zeros(shape, device=first.device, dtype=first.dtype))
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _number(name: str, table: ChannelTable, modules: dict[str, nn.Module]) -> int | None:
    """Find a fused layer in the table.

    Fusing parallel branches leaves one convolution under a name of its own; it represents the
    widest-reaching of those that are gone.
    """
    if name in table.index:
        return table.index[name]
    parent = name.rpartition(".")[0]
    gone = [
        number
        for number, layer in enumerate(table.layers)
        if layer.name.startswith(f"{parent}.") and layer.kind in KINDS and layer.name not in modules
    ]
    return max(gone, key=lambda number: table.layers[number].kernel, default=None)


def _shape(module: Any, side: tuple[int, int], activation: str) -> Shape:
    kind = next(k for k in KINDS if isinstance(module, getattr(torch.nn, k)))
    own = activation if activation in ACTIVATIONS else ""
    if kind == "Linear":
        return Shape(kind, (1, 1), (1, 1), (0, 0), (1, 1), (0, 0), side, own)
    groups = int(module.groups)
    per_group = (
        (module.in_channels // groups, module.out_channels // groups) if groups > 1 else (0, 0)
    )
    padding = module.padding if isinstance(module.padding, tuple) else (0, 0)
    return Shape(
        kind,
        _pair(module.kernel_size),
        _pair(module.stride),
        _pair(padding),
        _pair(module.dilation),
        per_group,
        side,
        own,
    )


def _pair(values: Any) -> tuple[int, int]:
    return int(values[0]), int(values[1])
