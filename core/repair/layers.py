"""Which layers of a pruned network can be repaired one by one, and how they correspond."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.graph.table import ChannelTable
from core.plan.widths import Mask, kept_of


@dataclass(frozen=True, slots=True)
class Mendable:
    """A convolution or linear layer of both networks.

    Attributes
    ----------
    name : str
        The same in both.
    block : int
        Index of the block that holds it.
    norm : str or None
        The BatchNorm right behind it; a constant goes into its running mean.
    inputs, outputs : int64 arrays
        The teacher's channels that the student kept.
    lost : int64 array
        The teacher's input channels that the student lacks.
    """

    name: str
    block: int
    norm: str | None
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]
    lost: NDArray[np.int64]


def mendable(table: ChannelTable, removed: Mask) -> list[Mendable]:
    """Return the layers that mix channels, in order of execution.

    Grouped and transposed convolutions follow their inputs, or are few; they stay as they are.
    """
    kept = kept_of(removed)
    norms = norms_behind(table)
    result = []
    for number, layer in enumerate(table.layers):
        if layer.kind not in ("Conv2d", "Linear") or layer.groups != 1 or not layer.followed:
            continue
        norm = norms.get(number)
        if norm is None and not layer.bias:
            continue
        ins, outs = kept[table.inputs(number)], kept[table.outputs(number)]
        if outs.any():
            parts = np.flatnonzero(ins), np.flatnonzero(outs), np.flatnonzero(~ins)
            result.append(Mendable(layer.name, layer.block, norm, *parts))
    return result


def norms_behind(table: ChannelTable) -> dict[int, str]:
    """BatchNorm layers by the layer whose output they read, if nothing is between."""
    found = {}
    for first, second in zip(table.steps, table.steps[1:], strict=False):
        if first.op != "layer" or second.op != "follow" or second.layer < 0:
            continue
        layer = table.layers[second.layer]
        seen = layer.followed and layer.at_rest and table.layers[first.layer].followed
        if seen and layer.kind.startswith("BatchNorm") and second.inputs[:1] == first.outputs[:1]:
            found[first.layer] = layer.name
    return found


@torch.no_grad()
def add_constant(model: nn.Module, layer: Mendable, constant: Tensor) -> None:
    """Add a constant per channel to a layer's output, where it is cheapest: in what is stored."""
    if layer.norm is not None:
        norm = model.get_submodule(layer.norm)
        norm.get_buffer("running_mean").sub_(constant)
    else:
        model.get_submodule(layer.name).get_parameter("bias").add_(constant)


class _Reached(Exception):  # noqa: N818  (control flow, not an error)
    """The layer was reached; the rest of the pass is not needed."""


@contextlib.contextmanager
def stop_at(model: nn.Module, name: str) -> Iterator[list[Any]]:
    """Inside, a pass that reaches a layer ends there; its input is put into the list.

    Several arguments are a tuple.
    """
    seen: list[Any] = []

    def take(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.append(inputs if len(inputs) > 1 else inputs[0])
        raise _Reached

    handle = model.get_submodule(name).register_forward_pre_hook(take)
    try:
        yield seen
    finally:
        handle.remove()


def input_of(model: nn.Module, name: str, value: Any) -> Any:
    """Return what a layer, or a block, of a module reads; what comes later does not run.

    Parameters
    ----------
    model : nn.Module
        A network, or one block of it.
    name : str
        Of the layer inside the module; empty for the module itself.
    value : Tensor, list of Tensor for a block with several sources, or tuple
        What the module reads; a tuple is its arguments.
    """
    if not name:
        return value
    arguments = value if isinstance(value, tuple) else (value,)
    # Some heads put their own into the list of feature maps that they are given.
    own = [list(each) if isinstance(each, list) else each for each in arguments]
    with stop_at(model, name) as seen, contextlib.suppress(_Reached):
        model(*own)
    return seen[0]


def columns_of(module: nn.Module, value: Tensor, places: Tensor) -> Tensor:
    """Return what a layer's kernel reads at some output positions.

    Parameters
    ----------
    value : Tensor, shape (n, c, height, width), or (n, …, c) for a linear layer
    places : int64 Tensor, shape (n, k)
        Flat output positions of every image.

    Returns
    -------
    Tensor, shape (n * k, c * kernel positions)
        In the order of ``weight.flatten(1)``.
    """
    if isinstance(module, nn.Linear):
        flat = value.reshape(len(value), -1, value.shape[-1])
        return flat.gather(1, places[..., None].expand(-1, -1, flat.shape[-1])).flatten(0, 1)
    assert isinstance(module, nn.Conv2d)
    assert not isinstance(module.padding, str)
    (kh, kw), (sh, sw), (ph, pw) = module.kernel_size, module.stride, module.padding
    dh, dw = module.dilation
    padded = nn.functional.pad(value, (int(pw), int(pw), int(ph), int(ph)))
    width_out = (padded.shape[3] - dw * (kw - 1) - 1) // sw + 1
    rows, columns = places // width_out * sh, places % width_out * sw
    flat = padded.flatten(2)
    parts = []
    for y in range(kh):
        for x in range(kw):
            index = (rows + y * dh) * padded.shape[3] + columns + x * dw
            parts.append(flat.gather(2, index[:, None].expand(-1, flat.shape[1], -1)))
    return torch.stack(parts, -1).permute(0, 2, 1, 3).flatten(0, 1).flatten(1)
