"""Surgery: a smaller copy of a network, with every stored width kept true."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.graph.constraints import ATTENTION, STORED_SIZES, STORED_WIDTHS, lookup
from core.graph.table import ChannelTable
from core.plan.widths import Mask, kept_of


def cut_network(model: nn.Module, table: ChannelTable, removed: Mask) -> nn.Module:
    """Return a copy of a network without the removed atoms.

    Parameters
    ----------
    model : nn.Module
        Not changed. Only kept weights are copied, so memory stays below twice the network.
    table : ChannelTable
        Of that network.
    removed : bool array, shape (atoms,)
        Must respect the table's constraints, as a resolved plan does.

    Returns
    -------
    nn.Module
        Of the same classes; ``forward``, ``forward_split``, ``fuse``, training and export work.
    """
    kept = kept_of(removed)
    memo: dict[int, Any] = {}
    changed: dict[str, tuple[Tensor, Tensor]] = {}
    for number, layer in enumerate(table.layers):
        ins, outs = kept[table.inputs(number)], kept[table.outputs(number)]
        if ins.all() and outs.all():
            continue
        keep = _indices(ins), _indices(outs)
        changed[layer.name] = keep
        if layer.kind == "Parameter":
            _cut_parameter(model, layer.name, keep[1], memo)
            continue
        module = model.get_submodule(layer.name)
        for name, tensor in _own_tensors(module):
            memo[id(tensor)] = _cut_tensor(module, name, tensor, *keep)
    smaller = copy.deepcopy(model, memo)
    for name, keep in changed.items():
        try:
            module = smaller.get_submodule(name)
        except AttributeError:  # a bare parameter: nothing is stored next to it
            continue
        _update_sizes(module, *keep)
    _update_stored(model, smaller, table, kept)
    return smaller


def _indices(kept: Mask) -> Tensor:
    return torch.from_numpy(np.flatnonzero(kept))


def _own_tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return [(name, tensor) for name, tensor in own if tensor.ndim]


def _like(tensor: Tensor, values: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(values.clone(), requires_grad=tensor.requires_grad)
    return values.clone()


def _cut_tensor(module: nn.Module, name: str, tensor: Tensor, ins: Tensor, outs: Tensor) -> Tensor:
    values = tensor.detach()
    if name != "weight" or tensor.ndim == 1:
        return _like(tensor, values.index_select(0, outs))
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    groups = int(getattr(module, "groups", 1))
    rows, columns = (ins, outs) if transposed else (outs, ins)
    values = values.index_select(0, rows)
    if groups == 1:
        values = values.index_select(1, columns)
    return _like(tensor, values)


def _cut_parameter(model: nn.Module, name: str, outs: Tensor, memo: dict[int, Any]) -> None:
    tensor = model.get_parameter(name)
    axis = max(range(tensor.ndim), key=lambda a: tensor.shape[a])
    memo[id(tensor)] = _like(tensor, tensor.detach().index_select(axis, outs))


Updater = Callable[[Any, Tensor, Tensor], None]


def _update_convolution(module: Any, ins: Tensor, outs: Tensor) -> None:
    per_group = module.in_channels // module.groups
    module.groups = 1 if module.groups == 1 else len(ins) // per_group
    module.in_channels, module.out_channels = len(ins), len(outs)


def _update_norm(module: Any, _ins: Tensor, outs: Tensor) -> None:
    module.num_features = len(outs)


def _update_linear(module: Any, ins: Tensor, outs: Tensor) -> None:
    module.in_features, module.out_features = len(ins), len(outs)


UPDATERS: Mapping[type, Updater] = {
    nn.modules.conv._ConvNd: _update_convolution,
    nn.modules.batchnorm._NormBase: _update_norm,
    nn.Linear: _update_linear,
}


def _update_sizes(module: nn.Module, ins: Tensor, outs: Tensor) -> None:
    for kind, update in UPDATERS.items():
        if isinstance(module, kind):
            update(module, ins, outs)


def _update_stored(model: nn.Module, smaller: nn.Module, table: ChannelTable, kept: Mask) -> None:
    """Rewrite what modules store about their widths (see ``core.graph.constraints``)."""
    originals = dict(model.named_modules())
    for name, module in smaller.named_modules():
        for stored in lookup(STORED_WIDTHS, module) or ():
            number = table.index.get(f"{name}.{stored.layer}")
            if number is None or not hasattr(module, stored.attribute):
                continue
            side = table.inputs if stored.side == "inputs" else table.outputs
            setattr(module, stored.attribute, int(kept[side(number)].sum()) // stored.parts)
        sizes = lookup(STORED_SIZES, module)
        if sizes is not None and f"{name}.{sizes[1]}" in table.index:
            attribute, layer = sizes
            own = kept[table.outputs(table.index[f"{name}.{layer}"])]
            ends = np.cumsum(getattr(originals[name], attribute))[:-1]
            counts = [int(part.sum()) for part in np.split(own, ends)]
            setattr(module, attribute, type(getattr(module, attribute))(counts))
        layout = lookup(ATTENTION, module)
        if layout is not None and f"{name}.{layout.projection}" in table.index:
            own = kept[table.outputs(table.index[f"{name}.{layout.projection}"])]
            heads = int(own.sum()) // layout.per_head(originals[name])
            module.num_heads = heads
            for total in layout.totals:
                setattr(module, total, heads * int(module.head_dim))
