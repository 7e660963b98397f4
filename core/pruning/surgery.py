"""Surgery: a smaller copy of a network, with every stored width kept true."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.graph.modules import rule_of
from core.graph.parameters import outputs_axis, own_tensors
from core.graph.rules import ModuleRule, StoredWidth
from core.graph.table import ChannelTable, Layer
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
        for name, tensor in own_tensors(model, layer.name, single=layer.kind == "Parameter"):
            memo[id(tensor)] = _cut_tensor(layer, name, tensor, *keep)
    smaller = copy.deepcopy(model, memo)
    for name, keep in changed.items():
        try:
            module = smaller.get_submodule(name)
        except AttributeError:  # a bare parameter: nothing is stored next to it
            continue
        _update_sizes(module, *keep)
    _update_stored(model, smaller, table, kept)
    return smaller


def shorten_layer(module: nn.Module, ins: Tensor | None, outs: Tensor | None) -> None:
    """Keep some inputs and outputs of one convolution or linear layer, in place.

    Parameters
    ----------
    module : nn.Module
        Of one group.
    ins, outs : int64 tensor, shape (kept,), or None
        Indices in their new order; None for all.
    """
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    for name, tensor in [*module.named_parameters(recurse=False)]:
        values = tensor.detach()
        axis = 1 if transposed and name == "weight" else 0
        if outs is not None:
            values = values.index_select(axis, outs)
        if ins is not None and name == "weight":
            values = values.index_select(1 - axis, ins)
        setattr(module, name, _like(tensor, values))
    weight: Tensor = module.weight  # type: ignore[assignment]
    rows, columns = (weight.shape[1], weight.shape[0]) if transposed else weight.shape[:2]
    _update_sizes(module, torch.arange(columns), torch.arange(rows))


def zero_inputs(module: nn.Module, kept: Collection[int]) -> None:
    """Zero the weights by which a layer reads all but some of its inputs, in place."""
    weight: Tensor = module.weight  # type: ignore[assignment]
    axis = 0 if isinstance(module, nn.modules.conv._ConvTransposeNd) else 1
    gone = [n for n in range(weight.shape[axis]) if n not in set(kept)]
    weight.data.index_fill_(axis, torch.tensor(gone, dtype=torch.long), 0.0)


def _indices(kept: Mask) -> Tensor:
    return torch.from_numpy(np.flatnonzero(kept))


def _like(tensor: Tensor, values: Tensor) -> Tensor:
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(values.clone(), requires_grad=tensor.requires_grad)
    return values.clone()


def _cut_tensor(layer: Layer, name: str, tensor: Tensor, ins: Tensor, outs: Tensor) -> Tensor:
    values = tensor.detach()
    axis = outputs_axis(layer, name, tensor)
    if name == "weight" and tensor.ndim > 1 and layer.mixes and layer.groups == 1:
        values = values.index_select(1 - axis, ins)
    elif name == "weight" and "Transpose" in layer.kind:
        outs = ins  # of a grouped one, the first axis
    return _like(tensor, values.index_select(axis, outs))


Updater = Callable[[Any, Tensor, Tensor], None]


def _update_convolution(module: Any, ins: Tensor, outs: Tensor) -> None:
    per_group = module.in_channels // module.groups
    module.groups = 1 if module.groups == 1 else len(ins) // per_group
    module.in_channels, module.out_channels = len(ins), len(outs)


def _update_norm(module: Any, _ins: Tensor, outs: Tensor) -> None:
    module.num_features = len(outs)


def _update_groups(module: Any, _ins: Tensor, outs: Tensor) -> None:
    per_group = module.num_channels // module.num_groups
    module.num_channels, module.num_groups = len(outs), len(outs) // per_group


def _update_slopes(module: Any, _ins: Tensor, outs: Tensor) -> None:
    module.num_parameters = len(outs)


def _update_linear(module: Any, ins: Tensor, outs: Tensor) -> None:
    module.in_features, module.out_features = len(ins), len(outs)


UPDATERS: Mapping[type, Updater] = {
    nn.modules.conv._ConvNd: _update_convolution,
    nn.modules.batchnorm._NormBase: _update_norm,
    nn.GroupNorm: _update_groups,
    nn.PReLU: _update_slopes,
    nn.Linear: _update_linear,
}


def _update_sizes(module: nn.Module, ins: Tensor, outs: Tensor) -> None:
    for kind, update in UPDATERS.items():
        if isinstance(module, kind):
            update(module, ins, outs)


def _update_stored(model: nn.Module, smaller: nn.Module, table: ChannelTable, kept: Mask) -> None:
    """Rewrite what modules store about their widths (see ``core.graph.modules``)."""
    originals = dict(model.named_modules())
    ports = {(port.name, port.side, port.place): port.atoms for port in table.ports}

    def stays(name: str, stored: StoredWidth) -> Mask | None:
        """Which of the channels that an attribute counts are kept; None where none is known."""
        number = table.index.get(f"{name}.{stored.layer}".rstrip("."))
        if number is None:
            atoms = None if stored.layer else ports.get((name, stored.side, stored.place))
            return None if atoms is None else kept[atoms]
        return kept[(table.inputs if stored.side == "inputs" else table.outputs)(number)]

    for name, module in smaller.named_modules():
        rule = rule_of(module)
        if rule is None:
            continue
        for stored in rule.stores:
            own = stays(name, stored)
            if own is not None and hasattr(module, stored.attribute):
                value = _shorter(getattr(originals[name], stored.attribute), stored, own)
                setattr(module, stored.attribute, value)
        _update_heads(originals[name], name, module, rule, table, kept)


def _shorter(value: Any, stored: StoredWidth, own: Mask) -> Any:
    """Return what an attribute holds once some channels are gone."""
    if isinstance(value, Tensor):
        return _like(value, value.detach().index_select(stored.axis, _indices(own)))
    if isinstance(value, (list, tuple)):
        parts = np.split(own, np.cumsum(value)[:-1])
        return type(value)(int(part.sum()) for part in parts)
    return int(own.sum()) // stored.parts


def _update_heads(
    original: nn.Module,
    name: str,
    module: Any,
    rule: ModuleRule,
    table: ChannelTable,
    kept: Mask,
) -> None:
    layout = rule.heads
    if layout is None or f"{name}.{layout.projection}" not in table.index:
        return
    own = kept[table.outputs(table.index[f"{name}.{layout.projection}"])]
    heads = int(own.sum()) // layout.per_head(original)
    module.num_heads = heads
    for total in layout.totals:
        setattr(module, total, heads * int(module.head_dim))
