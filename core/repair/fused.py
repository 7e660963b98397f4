"""BatchNorm folded into convolutions for the time of distillation, and taken out again.

With statistics at rest a BatchNorm is a scale and a shift. Folded, a step costs less and needs
less memory; unfolded, the network is of the same classes and shapes as before.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from core.graph.table import ChannelTable
from core.repair.layers import norms_behind

LEAST_SCALE = 1e-3
"""BatchNorm that scales a channel by less stays: it could not be taken out exactly."""


class Fused:
    """A network whose BatchNorm layers are folded; ``undo`` gives them back.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    table : ChannelTable
        Says which BatchNorm is right behind which convolution.
    """

    def __init__(self, model: nn.Module, table: ChannelTable) -> None:
        self.model = model
        self._folded: list[tuple[str, str, nn.BatchNorm2d, bool]] = []
        for number, norm_name in norms_behind(table).items():
            name = table.layers[number].name
            convolution, norm = model.get_submodule(name), model.get_submodule(norm_name)
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                self._fold(name, norm_name, convolution, norm)

    @torch.no_grad()
    def _fold(self, name: str, norm_name: str, layer: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        scale, mean = scale_of(norm), norm.get_buffer("running_mean")
        if float(scale.abs().min()) < LEAST_SCALE:
            return
        had_bias = layer.bias is not None
        bias = layer.bias if layer.bias is not None else torch.zeros_like(mean)
        layer.weight.mul_(scale[:, None, None, None])
        layer.bias = nn.Parameter(norm.bias + scale * (bias - mean))
        _replace(self.model, norm_name, nn.Identity())
        self._folded.append((name, norm_name, norm, had_bias))

    @property
    def count(self) -> int:
        """How many were folded."""
        return len(self._folded)

    @torch.no_grad()
    def undo(self, model: nn.Module) -> nn.Module:
        """Take BatchNorm out of a copy of the folded network, in place; return it."""
        for name, norm_name, stored, had_bias in self._folded:
            layer = model.get_submodule(name)
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            norm = copy.deepcopy(stored)
            scale = scale_of(norm)
            layer.weight.div_(scale[:, None, None, None])
            kept = torch.zeros_like(layer.bias)
            norm.get_parameter("bias").copy_(
                layer.bias + scale * (norm.get_buffer("running_mean") - kept)
            )
            layer.bias = nn.Parameter(kept) if had_bias else None
            _replace(model, norm_name, norm)
        return model


def scale_of(norm: nn.BatchNorm2d) -> Tensor:
    """Return what a BatchNorm multiplies every channel by, in evaluation mode."""
    variance = norm.get_buffer("running_var")
    scale: Tensor = norm.get_parameter("weight") / (variance + norm.eps).sqrt()
    return scale


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    owner, _, last = name.rpartition(".")
    setattr(model.get_submodule(owner), last, module)
