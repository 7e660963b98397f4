"""Layers with weights, and products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.graph.handlers.registry import (
    aten,
    carries,
    handles,
    moved,
    run_unknown,
    substitute,
)
from core.graph.modules import rule_of
from core.graph.parameters import OWN, is_plain, names_itself
from core.graph.trace import ChannelTrace


@handles("convolution")
def run_convolution(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Convolution, plain, grouped, depthwise or transposed."""
    x, weight, bias, stride, padding, dilation, transposed, out_pad, groups = args
    if not trace.is_traced(x):
        return func(*args, **kwargs)
    known = trace.parameters.get(id(weight))
    if known is None or (transposed and not is_plain(known[1])):
        return run_unknown(trace, func, args, kwargs)
    name, module = known
    if trace.record_steps:
        trace.extents.count(name, args, trace.block)
    ins = trace.read(x)
    _check_width(name, len(ins), weight.shape[0] if transposed else weight.shape[1] * groups)
    kernel = tuple(weight.shape[2:])
    count = weight.shape[1] * groups if transposed else weight.shape[0]
    shape = [x.shape[0], count]
    for side, k, s, p, d, o in zip(
        x.shape[2:], kernel, stride, padding, dilation, out_pad, strict=True
    ):
        reach = d * (k - 1) + 1
        shape.append(
            (side - 1) * s - 2 * p + reach + o if transposed else (side + 2 * p - reach) // s + 1
        )
    depthwise = groups > 1 and groups == len(ins) == count
    outs = ins if depthwise else trace.outputs_of(name, count)
    if groups > 1 and not depthwise:
        if (ins == 0).any():
            trace.fix(outs, f"{name} also reads a constant")
        _tie_groups(trace, ins, outs, groups)
    trace.use_layer(
        name,
        module,
        ins,
        outs,
        mixes=not depthwise,
        groups=groups,
        kernel=int(np.prod(kernel)),
        bias=_own_bias(trace, name, bias, outs),
    )
    trace.place(x, ins)
    result = trace.spread(outs, shape)
    if depthwise and (outs == 0).any():
        trace.fix(outs, f"{name} also reads a constant")
    trace.add_tensor(result, outs, outs)
    trace.step("follow" if depthwise else "layer", [x], [result], name)
    return result


def _check_width(name: str, given: int, wanted: int) -> None:
    """Fail where PyTorch would: a network that cannot run must not look as if it did."""
    if given != wanted:
        raise RuntimeError(f"{name} takes {wanted} channels, but gets {given}")


def _own_bias(trace: ChannelTrace, name: str, bias: Tensor | None, outs: Any) -> bool:
    """Whether a layer's bias belongs to it; one under another name is a layer of its own."""
    if bias is None:
        return False
    owner, module = trace.parameters.get(id(bias), (name, None))
    if owner != name and module is not None:
        shape = {"mixes": False, "groups": 1, "kernel": 1, "bias": False}
        trace.use_layer(owner, module, outs, outs, **shape)
    return owner == name


def _tie_groups(trace: ChannelTrace, ins: Any, outs: Any, groups: int) -> None:
    """A grouped convolution loses whole groups: all channels of a group are one atom."""
    first = outs.reshape(groups, -1)[:, :1]
    for side in (ins, outs):
        rows = side.reshape(groups, -1)
        trace.join(np.broadcast_to(first, rows.shape).ravel(), rows.ravel())


@handles(
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_no_update",
    "_batch_norm_with_update",
    "batch_norm",
    "cudnn_batch_norm",
    "miopen_batch_norm",
)
def run_batch_norm(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Batch and instance normalisation work channel by channel; statistics are left alone."""
    x = args[0]
    named = _norm_of(trace, args[1])
    if not trace.is_traced(x) or named is None or x.shape[1] != named[1].num_features:
        return run_unknown(trace, func, args, kwargs)
    result = _follow(trace, *named, x)
    returns = len(func._schema.returns)
    return result if returns == 1 else (result, *(torch.zeros(1) for _ in range(returns - 1)))


def _norm_of(trace: ChannelTrace, weight: Tensor | None) -> tuple[str, Any] | None:
    """Return the name and module of a normalisation that runs, by its weight or by itself."""
    known = trace.parameters.get(id(weight))
    if known is None and trace.owner is not None and names_itself(trace.owner):
        known = trace.owner_name, trace.owner
    return known


def _follow(trace: ChannelTrace, name: str, module: Any, x: Tensor) -> Tensor:
    """Run a layer that does the same to every channel on its own; return its outputs."""
    numbers = trace.read(x)
    trace.place(x, numbers)
    scale, shift = (getattr(module, own, None) is not None for own in OWN)
    shape = {"mixes": False, "groups": 1, "kernel": int(scale), "bias": shift}
    trace.use_layer(name, module, numbers, numbers, **shape)
    result = trace.same(x)
    trace.step("follow", [x], [result], name)
    return result


@handles("_prelu_kernel")
def run_slopes(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A slope for every channel goes with it; one for all of them stays."""
    x, module = args[0], trace.owner
    if not trace.is_traced(x) or not isinstance(module, nn.PReLU):
        return run_unknown(trace, func, args, kwargs)
    if module.num_parameters > 1:
        return _follow(trace, trace.owner_name, module, x)
    own = trace.outputs_of(trace.owner_name, 1)
    trace.fix(own, f"{trace.owner_text} applies it to all channels")
    shape = {"mixes": False, "groups": 1, "kernel": 1, "bias": False}
    trace.use_layer(trace.owner_name, module, own, own, **shape)
    return trace.same(x)


@handles("native_group_norm")
def run_group_norm(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Group normalisation averages inside groups: it loses whole ones, of which some must stay."""
    x, groups = args[0], int(args[6])
    named = _norm_of(trace, args[1])
    if groups < 2 or named is None or not trace.is_traced(x) or x.shape[1] != args[4]:
        return run_feature_norm(trace, func, args, kwargs)
    numbers = trace.read(x)
    if (numbers == 0).any():
        trace.fix(numbers, f"{named[0]} also reads a constant")
    rows = numbers.reshape(groups, -1)
    trace.join(np.broadcast_to(rows[:, :1], rows.shape).ravel(), rows.ravel())
    return _follow(trace, *named, x), torch.zeros(1), torch.zeros(1)


@handles("native_layer_norm")
def run_feature_norm(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Layer normalisation averages over channels, which therefore all stay; one group as well."""
    x = args[0]
    if not trace.is_traced(x):
        return func(*args, **kwargs)
    trace.fix_tensor(x, f"{trace.owner_text} normalises over all channels")
    weight = next(
        (a for a in args[1:] if isinstance(a, Tensor) and id(a) in trace.parameters), None
    )
    if weight is not None:
        name, module = trace.parameters[id(weight)]
        axis = x.ndim - 1 if func._overloadpacket is aten.native_layer_norm else 1
        numbers = trace.read(x, axis)
        shape = {"mixes": False, "groups": 1, "kernel": 1, "bias": True}
        trace.use_layer(name, module, numbers, numbers, **shape)
    return trace.same(x), torch.zeros(1), torch.zeros(1)


@handles("t")
def run_transpose_2d(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Transposing a weight is the first half of a linear layer."""
    result = func(*args, **kwargs)
    if id(args[0]) in trace.parameters:
        trace.transposed[id(result)] = (args[0], result)
        return result
    return moved(trace, args[0], result)


@handles("addmm", "mm")
def run_linear(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A linear layer on rows, or a plain product of matrices."""
    bias, x, weight = args if len(args) == 3 else (None, *args)
    if not trace.is_traced(x) or id(weight) not in trace.transposed:
        return run_product(trace, func, args, kwargs)
    name, module = trace.parameters[id(trace.transposed[id(weight)][0])]
    trace.extents.lose(trace.block)
    if is_plain(module) and not isinstance(module, nn.Linear):
        return run_product(trace, func, args, kwargs)
    ins = trace.read(x)
    _check_width(name, len(ins), weight.shape[0])
    trace.place(x, ins)
    outs = trace.outputs_of(name, weight.shape[1])
    own = _own_bias(trace, name, bias, outs)
    trace.use_layer(name, module, ins, outs, mixes=True, groups=1, kernel=1, bias=own)
    result = trace.add_tensor(trace.spread(outs, (x.shape[0], len(outs))), outs, outs)
    trace.step("layer", [x], [result], name)
    return result


@handles("bmm", "baddbmm", "_scaled_dot_product_flash_attention_for_cpu", "einsum")
def run_product(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Products of matrices: attention. Known modules are followed, all others locked whole."""
    if not carries(trace, args):
        return func(*args, **kwargs)
    rule = rule_of(trace.owner)
    if rule is None or rule.heads is None or func._overloadpacket is not aten.bmm:
        kind = type(trace.owner).__name__
        trace.lock_owner(
            f"{trace.owner_name} ({kind}) multiplies matrices in a way that cannot be traced"
        )
        return run_unknown(trace, func, args, kwargs)
    left, right = substitute(trace, args)
    shape = (left.shape[0], left.shape[1], right.shape[2])
    if trace.varies(left, 2):  # queries times keys: every channel meets its partner in the head
        result = torch.zeros(shape)
        return trace.add_tensor(result, np.zeros(0, np.int64))
    source = left[:, :, :1] if trace.varies(left, 1) else right[:, :1, :]
    origin = left if trace.varies(left, 1) else right
    return trace.track(source.expand(shape).contiguous(), trace.tensor_id(origin))
