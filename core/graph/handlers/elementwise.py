"""Arithmetic element by element, reductions, and operations on positions alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.graph.handlers.registry import (
    aten,
    carries,
    handles,
    numbers_of,
    run_unknown,
    substitute,
    tensors_of,
)
from core.graph.modules import rule_of
from core.graph.trace import ChannelTrace

UNARY = (
    "silu relu sigmoid tanh gelu leaky_relu hardswish hardsigmoid hardtanh elu selu mish softplus "
    "relu6 exp log log1p expm1 sqrt rsqrt square abs neg erf clamp clamp_min clamp_max reciprocal "
    "floor ceil round sign sin cos atan logit log_sigmoid_forward prelu pow fill mul add sub div "
    "rsub maximum minimum atan2 where masked_fill true_divide floor_divide remainder fmod lerp "
    "addcmul addcdiv logaddexp native_dropout dropout bernoulli nan_to_num threshold celu "
    "hardshrink softshrink"
)
_ELEMENTWISE = [name for base in UNARY.split() for name in (base, base + "_")]


@handles(*_ELEMENTWISE)
def run_elementwise(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Arithmetic element by element: channels of both sides are the same channels."""
    inplace = func._overloadpacket.__name__.endswith("_")
    if inplace and id(args[0]) in trace.buffers:  # a counter the module keeps: batches seen
        return args[0]
    if not carries(trace, args):
        return func(*args, **kwargs)
    tensors = tensors_of(substitute(trace, args))
    carriers = [t for t in tensors if trace.is_traced(t)]
    _fix_beside_constants(trace, tensors, carriers)
    shape = torch.broadcast_shapes(*(t.shape for t in tensors)) if len(tensors) > 1 else None
    if len(carriers) == 1 and (inplace or shape is None or shape == carriers[0].shape):
        result = carriers[0] if inplace else trace.same(carriers[0])
        if inplace and not trace.is_traced(args[0]):
            trace.fix_tensor(result, f"{trace.owner_text} writes it into a constant")
            return args[0]
        return (result, torch.ones(1)) if len(func._schema.returns) > 1 else result
    numbers, joined = _join_all(trace, carriers, shape or carriers[0].shape)
    if inplace:
        if not trace.is_traced(args[0]):
            trace.fix(trace.all_numbers(numbers), f"{trace.owner_text} writes it into a constant")
            return args[0]
        result = args[0]
        if trace.uniform(result) is None or not (result > 0).all():
            result.copy_(numbers)  # constants took the other side's channels
            trace.forget(result)
    elif joined:
        known = trace.uniform(carriers[0]) if carriers[0].shape == numbers.shape else None
        result = numbers.contiguous()
        trace.add_tensor(result, numbers_of(trace, numbers) if known is None else known, known)
    else:
        result = trace.track(numbers.clone(), trace.tensor_id(carriers[0]))
    if joined:
        trace.step("join", carriers, [result])
    return (result, torch.ones(1)) if len(func._schema.returns) > 1 else result


def _fix_beside_constants(
    trace: ChannelTrace, tensors: list[Tensor], carriers: list[Tensor]
) -> None:
    """Fix channels that meet a tensor with an entry for each: nobody would shorten that one."""
    for constant in tensors:
        if trace.is_traced(constant) or not constant.is_floating_point() or constant.ndim < 1:
            continue
        rule = rule_of(trace.owner)
        if rule is not None and rule.stores_tensors(trace.owner):
            continue
        for carrier in carriers:
            for back in range(1, min(constant.ndim, carrier.ndim) + 1):
                if constant.shape[-back] > 1 and trace.varies(carrier, carrier.ndim - back):
                    reason = f"{trace.owner_text} combines it with a tensor of fixed size"
                    trace.findings.fixed_beside.append((trace.all_numbers(carrier), reason))


def _join_all(
    trace: ChannelTrace, carriers: list[Tensor], shape: torch.Size
) -> tuple[Tensor, bool]:
    """Join the numbers of several operands.

    An operand with one channel for many (a gate over all channels) cannot lose it: it is fixed
    instead of joining all it meets.
    """
    sides = [trace.uniform(t) if t.shape == shape else None for t in carriers]
    known = [side for side in sides if side is not None and (side > 0).all()]
    if len(known) == len(carriers):
        for carrier, side in zip(carriers, known, strict=True):
            trace.join(known[0], side)
            trace.place(carrier, side)
        return carriers[0].detach(), True
    result = carriers[0].expand(shape)
    joined = False
    for other in carriers[1:]:
        wide = other.expand(shape)
        if result is not wide and not (result.shape == wide.shape and torch.equal(result, wide)):
            if _one_for_many(trace, other, result):
                trace.fix_tensor(other, f"{trace.owner_text} applies it to many channels at once")
                continue
            if _one_for_many(trace, carriers[0], wide):
                trace.fix_tensor(
                    carriers[0], f"{trace.owner_text} applies it to many channels at once"
                )
                result = wide
                continue
            a, b = result.reshape(-1).numpy(), wide.reshape(-1).numpy()
            different = (a != b) & (a > 0) & (b > 0)
            trace.join(a[different], b[different])
        joined = True
        result = torch.maximum(result, wide)
    return result, joined


def _one_for_many(trace: ChannelTrace, small: Tensor, large: Tensor) -> bool:
    padded = (1,) * (large.ndim - small.ndim) + tuple(small.shape)
    return any(
        own == 1 and side > 1 and trace.varies(large, axis)
        for axis, (own, side) in enumerate(zip(padded, large.shape, strict=True))
    ) and bool((small > 0).any())


@handles("rrelu_with_noise", "rrelu_with_noise_")
def run_random_slopes(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Random slopes are drawn for any shape: what they are kept in has no size of its own."""
    inplace = func._overloadpacket.__name__.endswith("_")
    if not trace.is_traced(args[0]):
        return func(*args, **kwargs)
    return args[0] if inplace else trace.same(args[0])


@handles("softmax", "_softmax", "_log_softmax", "cumsum", "_safe_softmax")
def run_softmax(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Softmax over positions passes channels on; over channels it needs them all."""
    x, dim = args[0], args[1]
    if not trace.is_traced(x):
        return func(*args, **kwargs)
    if trace.varies(x, dim):
        trace.fix_tensor(x, f"{trace.owner_text} takes a softmax over it")
    return trace.same(x)


def _dims_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int] | None:
    """Return the dimensions that a reduction names, or None where it is over all of them.

    By the schema: a norm takes its order first, which may be an integer as well.
    """
    given = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
    dims = given.get("dim")
    if dims is None or dims == []:
        return None
    return [dims] if isinstance(dims, int) else list(dims)


@handles(
    "mean",
    "sum",
    "amax",
    "amin",
    "max",
    "min",
    "var",
    "std",
    "var_mean",
    "linalg_vector_norm",
    "norm",
    "logsumexp",
    "prod",
    "any",
    "all",
)
def run_reduction(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Reductions over positions keep channels; over channels they need them all."""
    x, dims = args[0], _dims_of(func, args, kwargs)
    if not trace.is_traced(x) or dims is None:
        return run_unknown(trace, func, args, kwargs)
    if func._overloadpacket is aten.sum and dims == [0]:  # the sum of a stack is an addition
        parts = list(x.unbind(0))
        for part in parts:
            trace.track(part, trace.tensor_id(x))
        numbers, _ = _join_all(trace, parts, parts[0].shape)
        return trace.add_tensor(numbers.clone(), numbers_of(trace, numbers))
    if any(trace.varies(x, d) for d in dims):
        return run_unknown(trace, func, args, kwargs)
    result = func(*args, **kwargs)
    first = tensors_of([result])[0]
    if not first.is_floating_point():
        return result
    keep = first.shape
    values = x.amax(dim=dims, keepdim=True).reshape(keep)
    first = trace.track(values, trace.tensor_id(x))
    return first if isinstance(result, Tensor) else (first, *list(result)[1:])


@handles(
    "avg_pool2d",
    "_adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "max_pool2d_with_indices",
    "max_pool2d",
    "upsample_nearest2d",
    "_upsample_nearest_exact2d",
    "upsample_bilinear2d",
    "upsample_bicubic2d",
)
def run_spatial(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Pooling and resizing mix positions only."""
    x = args[0]
    if not trace.is_traced(x):
        return func(*args, **kwargs)
    numbers = trace.read(x)
    result = func(*args, **kwargs)
    first = tensors_of([result])[0]
    spread = trace.track(trace.spread(numbers, first.shape), trace.tensor_id(x), numbers)
    return spread if isinstance(result, Tensor) else (spread, *list(result)[1:])
