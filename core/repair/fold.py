"""Fold: what a removed channel gave on average is given by its readers as a constant.

Exact where the channel was constant and the kernel does not reach over the border; the network
slimming literature does so for channels with zero scale (1708.06519, section 3.3).
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from core.repair.context import Context
from core.repair.layers import add_constant, mendable

IMAGES = 192
"""Images that means are taken over, at most."""


@torch.no_grad()
def fold(context: Context, student: nn.Module) -> nn.Module:
    """Return a copy whose readers carry the mean of the channels they lost.

    A channel's mean is taken over the teacher's activations on the fitted images, and given in
    full: borders, where padding hides part of a kernel, are over-corrected by that part.
    """
    result = copy.deepcopy(student)
    layers = [layer for layer in mendable(context.table, context.removed) if len(layer.lost)]
    means = input_means(context, [layer.name for layer in layers])
    for layer in layers:
        weight = context.teacher.get_submodule(layer.name).get_parameter("weight")
        device = weight.device
        lost = torch.from_numpy(layer.lost).to(device)
        outputs = torch.from_numpy(layer.outputs).to(device)
        columns = weight.index_select(0, outputs).index_select(1, lost)
        constant = columns.flatten(2).sum(2) if columns.ndim > 2 else columns
        add_constant(result, layer, constant @ means[layer.name][lost])
    return result


def apply(context: Context, student: nn.Module) -> tuple[nn.Module, str]:
    """Fold every removed channel."""
    return fold(context, student), ""


@torch.no_grad()
def input_means(context: Context, names: list[str]) -> dict[str, torch.Tensor]:
    """Mean of every input channel of some of the teacher's layers, over images and positions."""
    sums: dict[str, torch.Tensor] = {}
    handles = []
    for name in names:

        def read(module: nn.Module, inputs: tuple[torch.Tensor, ...], name: str = name) -> None:
            value = inputs[0].float()
            if not isinstance(module, nn.Linear):
                value = value.movedim(1, -1)
            mean = value.reshape(len(value), -1, value.shape[-1]).mean(1).sum(0)
            sums[name] = sums.get(name, torch.zeros(())) + mean

        module = context.teacher.get_submodule(name)
        handles.append(module.register_forward_pre_hook(read))
    count = 0
    try:
        images = min(IMAGES, len(context.pool.fit))
        for batch in context.pool.plain(most=IMAGES):
            context.teacher(batch.to(context.device))
            count += len(batch)
            context.progress(count / images, "Measuring removed channels")
    finally:
        for handle in handles:
            handle.remove()
    return {name: total / count for name, total in sums.items()}
