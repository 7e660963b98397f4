"""Operations that only move data: views, slices, splits, joins."""

from __future__ import annotations

from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np

from core.graph.findings import Numbers, RawSplit
from core.graph.handlers.registry import (
    aten,
    carries,
    handles,
    moved,
    numbers_of,
    run_unknown,
    substitute,
    tensors_of,
)
from core.graph.modules import rule_of
from core.graph.parameters import names_itself
from core.graph.trace import ChannelTrace


@handles(
    "permute", "transpose", "expand", "squeeze", "unsqueeze", "clone", "contiguous", "detach",
    "alias", "repeat", "flip", "roll", "constant_pad_nd", "movedim", "swapaxes", "expand_as",
    "repeat_interleave", "lift_fresh", "replication_pad2d", "reflection_pad2d", "resolve_conj",
)  # fmt: skip
def run_move(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Movement of data runs on the numbers as it is."""
    if not carries(trace, args[:1]) or _is_own(trace, args[0]):
        return func(*args, **kwargs)
    source = substitute(trace, args[:1])[0]
    return moved(trace, source, func(source, *args[1:], **kwargs))


def _is_own(trace: ChannelTrace, parameter: Any) -> bool:
    """Whether a layer of PyTorch brings a parameter into shape; its operation then has a handler.

    Instance normalisation repeats its scale for every image, and PReLU spreads its slopes.
    """
    known = trace.parameters.get(id(parameter))
    return known is not None and known[1] is trace.owner and names_itself(known[1])


@handles("_to_copy", "to")
def run_cast(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A change of number format keeps channels; numbers stay in single precision, exact."""
    x = args[0]
    dtype = kwargs.get("dtype")
    if not trace.is_traced(x) or (dtype is not None and not dtype.is_floating_point):
        return run_unknown(trace, func, args, kwargs)
    return trace.same(x)


@handles("view", "_unsafe_view", "reshape", "_reshape_alias", "unflatten", "flatten")
def run_view(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A new shape. Cutting the channel axis in two needs sizes the module knows: those stay."""
    if not carries(trace, args[:1]) or _is_own(trace, args[0]):
        return func(*args, **kwargs)
    x = substitute(trace, args[:1])[0]
    result = func(x, *args[1:], **kwargs)
    cuts = set(accumulate(result.shape, mul))
    before = 1
    for axis, side in enumerate(x.shape):
        inner = any(before < cut < before * side and cut % before == 0 for cut in cuts)
        if inner and trace.varies(x, axis):
            if _has_heads(trace):
                trace.step("heads", [x], [x])
            else:
                trace.fix_tensor(x, f"{trace.owner_text} reshapes it with fixed sizes")
            break
        before *= side
    return moved(trace, x, result)


@handles(
    "slice", "select", "index", "index_select", "gather", "take_along_dim", "as_strided", "unfold"
)
def run_pick(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Picking by position is free along other axes; along channels it fixes them."""
    x = args[0]
    if not carries(trace, args[:1]):
        return func(*args, **kwargs)
    x = substitute(trace, args[:1])[0]
    result = func(x, *args[1:], **kwargs)
    name = func._overloadpacket.__name__
    if name == "index":
        axes = [axis for axis, picked in enumerate(args[1]) if picked is not None]
    elif name == "as_strided":
        axes = list(range(x.ndim))
    else:
        axes = [args[1] if len(args) > 1 else 0]
    whole = name == "slice" and result.shape == x.shape
    if not whole and any(trace.varies(x, axis) for axis in axes):
        trace.fix_tensor(x, f"{trace.owner_text} selects it by position")
    return moved(trace, x, result)


@handles("copy_", "index_put_", "zero_", "fill_", "masked_fill_")
def run_write(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Writing into a tensor moves numbers; writing into a part of the channels fixes them."""
    if not carries(trace, args):
        return func(*args, **kwargs)
    args = tuple(substitute(trace, args))
    for tensor in tensors_of(args):
        if trace.is_traced(tensor) and func._overloadpacket is not aten.zero_:
            trace.fix_tensor(tensor, f"{trace.owner_text} writes it in place")
    return func(*args, **kwargs)


@handles(
    "new_full",
    "new_zeros",
    "new_ones",
    "new_empty",
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "rand_like",
    "randn_like",
)
def run_new(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A new tensor shaped like another holds no channel of it."""
    return func(*args, **kwargs)


@handles("cat", "concat", "stack")
def run_cat(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Concatenation. Along channels it is a step of the pass, with an offset for each part."""
    if not carries(trace, args[0]):
        return func(*args, **kwargs)
    parts = substitute(trace, args[0])
    result = func(parts, *args[1:], **kwargs)
    dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    axis = dim % result.ndim
    if func._overloadpacket is aten.stack or axis != 1 or not trace.varies(result, axis):
        return trace.add_tensor(result, numbers_of(trace, result))
    for part in parts:
        if not trace.is_traced(part):
            trace.add_tensor(part, np.zeros(part.shape[axis], np.int64))
    sides = [side for part in parts if (side := trace.uniform(part)) is not None]
    if len(sides) == len(parts):
        for part, side in zip(parts, sides, strict=True):
            trace.place(part, side)
        numbers: Numbers = np.concatenate(sides)
        trace.add_tensor(result, numbers, numbers)
    else:
        trace.add_tensor(result, numbers_of(trace, result))
    trace.step("cat", parts, [result])
    return result


@handles(
    "split",
    "split_with_sizes",
    "unbind",
    "chunk",
    "tensor_split",
    "unsafe_split",
    "unsafe_chunk",
    "split_copy",
    "unsafe_split_with_sizes",
)
def run_split(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Cutting into pieces. Equal pieces of channels keep equal counts; unequal ones are fixed."""
    if not carries(trace, args[:1]):
        return func(*args, **kwargs)
    x = substitute(trace, args[:1])[0]
    pieces = func(x, *args[1:], **kwargs)
    name = func._overloadpacket.__name__
    dim = kwargs.get("dim", args[-1] if len(args) > (1 if name == "unbind" else 2) else 0)
    if not trace.varies(x, dim):
        return moved(trace, x, pieces)
    by_sizes = "with_sizes" in name
    sizes = {piece.shape[dim] for piece in pieces} if name != "unbind" else set()
    if _has_heads(trace):
        return moved(trace, x, pieces)
    rule = rule_of(trace.owner)
    stored = by_sizes and rule is not None and rule.lists_sizes(trace.owner)
    if dim % x.ndim != 1 or not (
        stored or (len(sizes) == 1 and (not by_sizes or trace.known_split()))
    ):
        trace.fix_tensor(x, f"{trace.owner_text} splits it into parts of fixed size")
        return moved(trace, x, pieces)
    for piece in pieces:
        known = trace.uniform(piece)
        trace.add_tensor(piece, numbers_of(trace, piece) if known is None else known, known)
    if not stored:
        own = tuple(trace.read(piece) for piece in pieces)
        trace.findings.splits.append(RawSplit(trace.owner_name, trace.block, own))
    trace.step("split" if by_sizes else "chunk", [x], pieces)
    return pieces


def _has_heads(trace: ChannelTrace) -> bool:
    """Whether the running module is attention whose heads are known."""
    rule = rule_of(trace.owner)
    return rule is not None and rule.heads is not None
