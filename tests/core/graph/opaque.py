"""Modules whose forward goes through numpy, where no trace of tensors can follow, in a network."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.checkpoint import Loaded
from tests.core.networks import untrained


class Apply(torch.autograd.Function):
    """Applies a function of numpy; its gradient is handed on as it is, summed where that fits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, act: Any) -> Tensor:
        ctx.shape = x.shape
        made = act(x.detach().float().numpy() if x.dtype is torch.bfloat16 else x.detach().numpy())
        return torch.from_numpy(np.ascontiguousarray(made)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (given,) = gradients
        return (given if given.shape == ctx.shape else torch.ones(ctx.shape) * given.mean()), None


def einsum(pattern: str, x: Tensor, weight: Tensor) -> Tensor:
    values = weight.detach().double().numpy()
    return Apply.apply(x, lambda array: np.einsum(pattern, array, values))


class Wave(nn.Module):
    """Passes channels on; 0 becomes 1. It stores how many there are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] == self.channels
        return Apply.apply(x, np.cos)


class Mix(nn.Module):
    """Mixes channels by weights of its own, of two dimensions, and reshapes by stored widths."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.taken, self.made = channels, channels
        self.weight = nn.Parameter(torch.randn(channels, channels, generator=generator) / 4)
        self.bias = nn.Parameter(torch.randn(channels, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        made = einsum("nchw,oc->nohw", x, self.weight)
        assert x.shape[1] == self.taken
        return made.reshape(len(x), self.made, *x.shape[2:]) + self.bias.view(1, -1, 1, 1)

    def carried(self, x: Tensor) -> Tensor:
        return functional.linear(x.movedim(1, -1), self.weight, self.bias).movedim(-1, 1)


class LowRank(nn.Module):
    """Two mixing weights under names of their own, a shift, a gain, a table and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.rank = channels // 2
        self.down = nn.Parameter(torch.randn(self.rank, channels, 1, 1, generator=generator) / 4)
        self.up = nn.Parameter(torch.randn(channels, self.rank, 1, 1, generator=generator) / 4)
        self.shift = nn.Parameter(torch.randn(channels, generator=generator))
        self.gain = nn.Parameter(torch.rand(1, channels, 1, 1, generator=generator) + 0.5)
        self.register_buffer("table", torch.rand(self.rank, generator=generator) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        small = einsum("nchw,oc->nohw", x, self.down[:, :, 0, 0]) * self.table.view(1, -1, 1, 1)
        assert small.shape[1] == self.rank
        large = einsum("nchw,oc->nohw", small, self.up[:, :, 0, 0])
        return (large + self.shift.view(1, -1, 1, 1)) * self.gain + x

    def carried(self, x: Tensor) -> Tensor:
        return (
            functional.conv2d(functional.conv2d(x, self.down), self.up, self.shift) * self.gain + x
        )


class Grouped(nn.Module):
    """A grouped convolution by weights of its own, four channels a group."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.parts = channels // 4
        self.weight = nn.Parameter(torch.randn(channels, 4, 3, 3, generator=generator) / 6)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.detach().to(x.dtype)

        def act(array: np.ndarray) -> np.ndarray:
            x = torch.from_numpy(array).to(weight.dtype)
            return functional.conv2d(x, weight, padding=1, groups=self.parts).numpy()

        return Apply.apply(x, act)

    def carried(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, padding=1, groups=self.parts)


class Swap(nn.Module):
    """Slices: the second half of the channels comes first. It stores the half."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.half = channels // 2

    def forward(self, x: Tensor) -> Tensor:
        return Apply.apply(x, lambda a: np.concatenate([a[:, self.half :], a[:, : self.half]], 1))

    def carried(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, 1)
        return torch.cat((second, first), 1)


class Twice(nn.Module):
    """Concatenates what it reads with what its layers make of it, and stores both widths."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels // 2)
        self.sizes = [channels, channels // 2]

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.conv.weight[:, :, 0, 0]
        made = self.norm(einsum("nchw,oc->nohw", x, kernel))
        assert [x.shape[1], made.shape[1]] == self.sizes
        joined = Apply.apply(torch.cat((x, made), 1), np.tanh)
        first, second = joined.split(self.sizes, 1)
        return torch.cat((first, second), 1)

    def carried(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.norm(self.conv(x))), 1)


class Pair(nn.Module):
    """Two outputs: what it reads, and what a layer makes of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.conv = nn.Conv2d(channels, channels // 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return Apply.apply(x, np.sin), Apply.apply(self.conv(x), np.tanh)

    def carried(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, self.conv(x)


class Host(nn.Module):
    """A block of a network with a module behind it, brought back to the block's width."""

    def __init__(self, block: Any, inner: nn.Module, channels: int) -> None:
        super().__init__()
        self.f, self.i, self.type = block.f, block.i, block.type
        self.block, self.inner = block, inner
        torch.manual_seed(6)
        wide = {Twice: channels * 3 // 2, Pair: channels * 3 // 2}.get(type(inner), channels)
        self.last = nn.Conv2d(wide, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        made = self.inner(self.block(x))
        return self.last(torch.cat(made, 1) if isinstance(made, tuple) else made)


def hosting(kind: type, at: int = 3) -> Loaded:
    """A YOLOv8n with a module of a class behind one block."""
    loaded = untrained("yolov8n")
    model = copy.deepcopy(loaded.model)
    channels = model.model[at].conv.out_channels
    model.model[at] = Host(model.model[at], kind(channels), channels)
    return Loaded(model.eval(), loaded.facts, loaded.train_args)
