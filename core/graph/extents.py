"""Spatial extents at the model's real image size, carried along a trace at a small one.

Each feature map of the trace has a twin in the real pass with the same channels and other sides.
Convolutions, pooling, resizing and padding change the sides by their own formulas; everything else
keeps them or loses track, and then ``core.graph.shapes`` counts instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

Extent = tuple[int, int]
Rule = Callable[[Extent, tuple[Any, ...]], Extent | None]
aten = torch.ops.aten


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (value[0], value[-1])


def convolved(extent: Extent, args: tuple[Any, ...]) -> Extent:
    """Sides after a convolution or transposed convolution."""
    _, weight, _, stride, padding, dilation, transposed, extra, _ = args
    sides = []
    for axis in (0, 1):
        k, s, p, d = weight.shape[2 + axis], stride[axis], padding[axis], dilation[axis]
        reach = d * (k - 1) + 1
        side = extent[axis]
        if transposed:
            sides.append((side - 1) * s - 2 * p + reach + extra[axis])
        else:
            sides.append((side + 2 * p - reach) // s + 1)
    return sides[0], sides[1]


def _pooled(extent: Extent, args: tuple[Any, ...]) -> Extent | None:
    kernel = _pair(args[1])
    stride = _pair(args[2]) if len(args) > 2 and args[2] else kernel
    padding = _pair(args[3]) if len(args) > 3 else (0, 0)
    if any(value is True for value in args[4:]) or any(_pair(v) != (1, 1) for v in _dilation(args)):
        return None
    first, second = (
        (extent[axis] + 2 * padding[axis] - kernel[axis]) // stride[axis] + 1 for axis in (0, 1)
    )
    return first, second


def _dilation(args: tuple[Any, ...]) -> list[Any]:
    return [value for value in args[4:5] if isinstance(value, (list, tuple))]


def _resized(extent: Extent, args: tuple[Any, ...]) -> Extent | None:
    scales = [value for value in args[2:] if isinstance(value, float)]
    if len(scales) != 2:
        return None  # resized to a given size: whose, the trace cannot know
    return int(extent[0] * scales[0]), int(extent[1] * scales[1])


def _padded(extent: Extent, args: tuple[Any, ...]) -> Extent | None:
    pads = [*args[1], 0, 0, 0, 0][:4]
    return extent[0] + pads[2] + pads[3], extent[1] + pads[0] + pads[1]


def _adapted(extent: Extent, args: tuple[Any, ...]) -> Extent | None:
    return _pair(args[1])


RULES: Mapping[Any, Rule] = {
    aten.convolution: convolved,
    aten.max_pool2d_with_indices: _pooled,
    aten.avg_pool2d: _pooled,
    aten.upsample_nearest2d: _resized,
    aten.upsample_bilinear2d: _resized,
    aten.constant_pad_nd: _padded,
    aten.reflection_pad2d: _padded,
    aten.replication_pad2d: _padded,
    aten._adaptive_avg_pool2d: _adapted,
}


class Extents:
    """Sides of every traced feature map in the real pass, and the positions layers are applied at.

    Attributes
    ----------
    missing : set of int
        Blocks with a layer that ran on something whose real sides are not known.
    positions : dict of str to int
    """

    def __init__(self) -> None:
        self.missing: set[int] = set()
        self.positions: dict[str, int] = {}
        # Tensors are kept, so that no other can get the id of one that is gone.
        self._sides: dict[int, tuple[torch.Tensor, Extent]] = {}

    def start(self, tensor: torch.Tensor, extent: Extent) -> None:
        """State the real sides of the image."""
        self._sides[id(tensor)] = (tensor, extent)

    def carry(self, packet: Any, args: tuple[Any, ...], result: Any) -> None:
        """Work out the sides of an operation's results."""
        source = args[0][0] if args and isinstance(args[0], (list, tuple)) and args[0] else None
        source = args[0] if source is None and args else source
        extent = self.of(source) if isinstance(source, torch.Tensor) else None
        if extent is None or not isinstance(source, torch.Tensor):
            return
        rule = RULES.get(packet)
        after = extent if rule is None else rule(extent, args)
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if not isinstance(tensor, torch.Tensor) or tensor.ndim != 4 or after is None:
                continue
            if rule is not None or tensor.shape[2:] == source.shape[2:]:
                self._sides[id(tensor)] = (tensor, after)

    def of(self, tensor: torch.Tensor) -> Extent | None:
        """Real sides of a feature map, or None."""
        known = self._sides.get(id(tensor))
        return None if known is None else known[1]

    def count(self, name: str, args: tuple[Any, ...], block: int) -> None:
        """Count the positions a convolution is applied at."""
        extent = self.of(args[0])
        if extent is None:
            self.missing.add(block)
            return
        height, width = extent if args[6] else convolved(extent, args)
        self.positions[name] = self.positions.get(name, 0) + height * width

    def lose(self, block: int) -> None:
        """Report that a layer ran whose positions this cannot count."""
        self.missing.add(block)
