"""A forward pass on shapes alone, at the model's real image size.

Tensors live on the ``meta`` device, layers with weights only state their output shape, so neither
the weights nor any memory for activations is touched. It counts at how many positions each layer
is applied, which is what multiply-adds need.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from core.graph.parameters import layer_names

aten = torch.ops.aten
META = torch.device("meta")
UNARY = {aten.silu, aten.silu_, aten.relu, aten.relu_, aten.sigmoid, aten.gelu, aten.hardswish_}
"""Activations: same shape out as in, without asking torch."""


class ShapePass(TorchDispatchMode):
    """Counts positions per layer while a network runs on ``meta`` tensors.

    Attributes
    ----------
    positions : dict of str to int
        By layer name: output positions of a convolution (input positions when transposed), rows
        of a linear layer.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.positions: dict[str, int] = {}
        self._parameters = {
            key: name for key, (name, _) in layer_names(model.named_modules()).items()
        }
        self._weights: dict[int, tuple[str, Tensor]] = {}
        self._stand_ins: dict[int, Tensor] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; PyTorch's guard against it would only cost time."""
        return False

    def _count(self, name: str, count: int) -> None:
        self.positions[name] = self.positions.get(name, 0) + count

    def _convolution(self, args: tuple[Any, ...]) -> Tensor:
        x, weight, _, stride, padding, dilation, transposed, out_pad, groups = args
        sides = []
        for side, k, s, p, d, o in zip(
            x.shape[2:], weight.shape[2:], stride, padding, dilation, out_pad, strict=True
        ):
            reach = d * (k - 1) + 1
            sides.append(
                (side - 1) * s - 2 * p + reach + o
                if transposed
                else (side + 2 * p - reach) // s + 1
            )
        count = weight.shape[1] * groups if transposed else weight.shape[0]
        result = torch.empty((x.shape[0], count, *sides), device=META)
        where = x if transposed else result
        name = self._parameters.get(id(weight))
        if name is not None:
            self._count(name, where.shape[2:].numel())
        return result

    def _meta(self, values: Any) -> Any:
        replaced = []
        for value in values:
            if isinstance(value, (list, tuple)):
                value = type(value)(self._meta(value))
            elif isinstance(value, Tensor) and not value.is_meta:
                if id(value) in self._parameters:
                    if id(value) not in self._stand_ins:
                        self._stand_ins[id(value)] = value.detach().to(META)
                    value = self._stand_ins[id(value)]
                else:
                    value = value.to(META)
            replaced.append(value)
        return replaced

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """State the shape of a layer's output; run anything else on ``meta``."""
        packet = func._overloadpacket
        kwargs = kwargs or {}
        if packet is aten.convolution and args[0].is_meta:
            return self._convolution(args)
        if "batch_norm" in packet.__name__ and args[0].is_meta:
            returns = len(func._schema.returns)
            extra = tuple(torch.empty(0, device=META) for _ in range(returns - 1))
            return (torch.empty_like(args[0]), *extra) if returns > 1 else torch.empty_like(args[0])
        if packet is aten.t and id(args[0]) in self._parameters:
            result = args[0].detach().to(META).t()
            self._weights[id(result)] = (self._parameters[id(args[0])], result)
            return result
        if packet in UNARY and args[0].is_meta:
            return args[0]
        if packet in (aten.addmm, aten.mm):
            x, weight = args[-2:]
            if id(weight) in self._weights:
                self._count(self._weights[id(weight)][0], x.shape[0])
        flat = [a for a in args if isinstance(a, Tensor)]
        flat += [a for part in args if isinstance(part, (list, tuple)) for a in part]
        if any(isinstance(a, Tensor) and a.is_meta for a in flat):
            args = tuple(self._meta(args))
        return func(*args, **kwargs)
