"""The table of handlers, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.graph.trace import ChannelTrace, Handler

HANDLERS: dict[Any, Handler] = {}
aten = torch.ops.aten


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register a handler for operations by name; names this torch lacks are passed over."""

    def register(handler: Handler) -> Handler:
        for name in names:
            if hasattr(aten, name):
                HANDLERS[getattr(aten, name)] = handler
        return handler

    return register


def tensors_of(values: Any) -> list[Tensor]:
    """Return the tensors among arguments, nested lists included."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found.extend(tensors_of(value))
    return found


def substitute(trace: ChannelTrace, values: Any) -> Any:
    """Replace bare parameters by their numbers, and untraced floats by constants."""
    replaced = []
    for value in values:
        if isinstance(value, (list, tuple)):
            value = type(value)(substitute(trace, value))
        elif isinstance(value, Tensor) and not trace.is_traced(value):
            if id(value) in trace.parameters:
                value = trace.shadow_parameter(value)
            elif value.is_floating_point():
                value = torch.zeros(value.shape)
        replaced.append(value)
    return replaced


def carries(trace: ChannelTrace, values: Any) -> bool:
    """Whether any argument carries channel numbers or is a bare parameter."""
    return any(trace.is_traced(t) or id(t) in trace.parameters for t in tensors_of(values))


def run_unknown(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run an operation nobody described: its inputs stay whole, its outputs carry no channel."""
    if not carries(trace, args):
        return func(*args, **kwargs)
    args = tuple(substitute(trace, args))
    name = func._overloadpacket.__name__
    locked = trace.findings.locked_modules.get(trace.owner_name)
    reason = locked if locked else (f"{trace.owner_text} uses it in “{name}”")
    for tensor in tensors_of(args):
        if trace.is_traced(tensor):
            trace.fix_tensor(tensor, reason)
    result = func(*args, **kwargs)
    trace.mark_chosen([t for t in tensors_of([result]) if not t.is_floating_point()])
    return constants(trace, result)


@handles("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "unique", "masked_select")
def run_decision(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A value taken out of a tensor may steer the program; on numbers it would go astray."""
    if any(trace.depends_on_image(tensor) for tensor in tensors_of(args)):
        raise RuntimeError(f"{trace.owner_text} branches on the values of the image")
    return func(*args, **kwargs)


def constants(trace: ChannelTrace, result: Any) -> Any:
    """Mark results as carrying no channel."""
    for tensor in tensors_of([result]):
        if tensor.is_floating_point():
            tensor.zero_()
            trace.add_tensor(tensor, np.zeros(0, np.int64))
    return result


def numbers_of(trace: ChannelTrace, tensor: Tensor) -> Any:
    """Return the numbers at one position, along axis 1."""
    if tensor.ndim < 2 or tensor.numel() == 0:
        return tensor.reshape(-1).numpy().astype(np.int64)
    return tensor.numpy().reshape(tensor.shape[0], tensor.shape[1], -1)[0, :, 0].astype(np.int64)


def moved(trace: ChannelTrace, source: Tensor, result: Any) -> Any:
    """Mark results as the same channels as their source, elsewhere."""
    if trace.is_traced(source):
        for tensor in tensors_of([result]):
            trace.track(tensor, trace.tensor_id(source))
    return result
