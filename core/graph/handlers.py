"""What each tensor operation does to channel numbers.

One table, ``HANDLERS``, from operation to handler. An operation that is not listed leaves its
input's channels fixed: exact, if less free.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.graph.constraints import ATTENTION, STORED_SIZES, lookup
from core.graph.trace import ChannelTrace, Numbers, RawSplit

Handler = Callable[[ChannelTrace, Any, tuple[Any, ...], dict[str, Any]], Any]
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


def _flat(values: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found.extend(_flat(value))
    return found


def _substitute(trace: ChannelTrace, values: Any) -> Any:
    """Replace bare parameters by their numbers, and untraced floats by constants."""
    replaced = []
    for value in values:
        if isinstance(value, (list, tuple)):
            value = type(value)(_substitute(trace, value))
        elif isinstance(value, Tensor) and not trace.is_traced(value):
            if id(value) in trace.parameters:
                value = trace.shadow_parameter(value)
            elif value.is_floating_point():
                value = torch.zeros(value.shape)
        replaced.append(value)
    return replaced


def _any_numbers(trace: ChannelTrace, values: Any) -> bool:
    return any(trace.is_traced(t) or id(t) in trace.parameters for t in _flat(values))


def run_unknown(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run an operation nobody described: its inputs stay whole, its outputs carry no channel."""
    if not _any_numbers(trace, args):
        return func(*args, **kwargs)
    args = tuple(_substitute(trace, args))
    name = func._overloadpacket.__name__
    locked = trace.findings.locked_modules.get(trace.owner_name)
    reason = (
        f"it feeds {trace.owner_name}: {locked}"
        if locked
        else (f"{trace.owner_name} uses it in “{name}”")
    )
    for tensor in _flat(args):
        if trace.is_traced(tensor):
            trace.fix_tensor(tensor, reason)
    return _constants(trace, func(*args, **kwargs))


def _constants(trace: ChannelTrace, result: Any) -> Any:
    for tensor in _flat([result]):
        if tensor.is_floating_point():
            tensor.zero_()
            trace.add_tensor(tensor, np.zeros(0, np.int64))
    return result


# ---- layers with weights ----------------------------------------------------------------------


@handles("convolution")
def run_convolution(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Convolution, plain, grouped, depthwise or transposed."""
    x, weight, bias, stride, padding, dilation, transposed, out_pad, groups = args
    if not trace.is_traced(x):
        return func(*args, **kwargs)
    known = trace.parameters.get(id(weight))
    if known is None:
        return run_unknown(trace, func, args, kwargs)
    name, module = known
    ins = trace.read(x)
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
        _tie_groups(trace, ins, outs, groups)
    trace.use_layer(
        name,
        module,
        ins,
        outs,
        mixes=not depthwise,
        groups=groups,
        kernel=int(np.prod(kernel)),
        bias=bias is not None,
    )
    trace.place(x, ins)
    result = trace.spread(outs, shape)
    if depthwise and (outs == 0).any():
        trace.fix(outs, f"{name} also reads a constant")
    trace.add_tensor(result, outs, outs)
    trace.step("follow" if depthwise else "layer", [x], [result], name)
    return result


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
    """Batch normalisation works channel by channel; its statistics are left alone."""
    x, weight = args[0], args[1]
    if not trace.is_traced(x) or weight is None or id(weight) not in trace.parameters:
        return run_unknown(trace, func, args, kwargs)
    name, module = trace.parameters[id(weight)]
    numbers = trace.read(x)
    trace.place(x, numbers)
    shape = {"mixes": False, "groups": 1, "kernel": 1, "bias": args[2] is not None}
    trace.use_layer(name, module, numbers, numbers, **shape)
    result = trace.same(x)
    trace.step("follow", [x], [result], name)
    returns = len(func._schema.returns)
    return result if returns == 1 else (result, *(torch.zeros(1) for _ in range(returns - 1)))


@handles("native_layer_norm", "native_group_norm")
def run_feature_norm(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Layer and group normalisation average over channels, which therefore all stay."""
    x = args[0]
    if not trace.is_traced(x):
        return func(*args, **kwargs)
    trace.fix_tensor(x, f"{trace.owner_name} normalises over all channels")
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
    return _moved(trace, args[0], result)


@handles("addmm", "mm")
def run_linear(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A linear layer on rows, or a plain product of matrices."""
    bias, x, weight = args if len(args) == 3 else (None, *args)
    if not trace.is_traced(x) or id(weight) not in trace.transposed:
        return run_product(trace, func, args, kwargs)
    name, module = trace.parameters[id(trace.transposed[id(weight)][0])]
    if not isinstance(module, nn.Linear):
        return run_product(trace, func, args, kwargs)
    ins = trace.read(x)
    trace.place(x, ins)
    outs = trace.outputs_of(name, weight.shape[1])
    trace.use_layer(name, module, ins, outs, mixes=True, groups=1, kernel=1, bias=bias is not None)
    result = trace.add_tensor(trace.spread(outs, (x.shape[0], len(outs))), outs, outs)
    trace.step("layer", [x], [result], name)
    return result


@handles("bmm", "baddbmm", "_scaled_dot_product_flash_attention_for_cpu", "einsum")
def run_product(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Products of matrices: attention. Known modules are followed, all others locked whole."""
    if not _any_numbers(trace, args):
        return func(*args, **kwargs)
    layout = lookup(ATTENTION, trace.owner) if trace.owner else None
    if layout is None or func._overloadpacket is not aten.bmm:
        kind = type(trace.owner).__name__
        trace.lock_owner(f"{kind} multiplies matrices in a way that is not followed")
        return run_unknown(trace, func, args, kwargs)
    left, right = _substitute(trace, args)
    shape = (left.shape[0], left.shape[1], right.shape[2])
    if trace.varies(left, 2):  # queries times keys: every channel meets its partner in the head
        result = torch.zeros(shape)
        return trace.add_tensor(result, np.zeros(0, np.int64))
    source = left[:, :, :1] if trace.varies(left, 1) else right[:, :1, :]
    origin = left if trace.varies(left, 1) else right
    return trace.track(source.expand(shape).contiguous(), trace.tensor_id(origin))


# ---- element-wise -----------------------------------------------------------------------------

UNARY = (
    "silu relu sigmoid tanh gelu leaky_relu hardswish hardsigmoid hardtanh elu selu mish softplus "
    "relu6 exp log log1p expm1 sqrt rsqrt square abs neg erf clamp clamp_min clamp_max reciprocal "
    "floor ceil round sign sin cos atan logit log_sigmoid_forward prelu pow fill mul add sub div "
    "rsub maximum minimum atan2 where masked_fill true_divide floor_divide remainder fmod lerp "
    "addcmul addcdiv logaddexp native_dropout dropout bernoulli nan_to_num threshold celu"
)
_ELEMENTWISE = [name for base in UNARY.split() for name in (base, base + "_")]


@handles(*_ELEMENTWISE)
def run_elementwise(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Arithmetic element by element: channels of both sides are the same channels."""
    if id(args[0]) in trace.buffers:  # a counter the module keeps, such as batches seen
        return args[0]
    if not _any_numbers(trace, args):
        return func(*args, **kwargs)
    inplace = func._overloadpacket.__name__.endswith("_")
    tensors = _flat(_substitute(trace, args))
    carriers = [t for t in tensors if trace.is_traced(t)]
    shape = torch.broadcast_shapes(*(t.shape for t in tensors)) if len(tensors) > 1 else None
    if len(carriers) == 1 and (inplace or shape is None or shape == carriers[0].shape):
        result = carriers[0] if inplace else trace.same(carriers[0])
        if inplace and not trace.is_traced(args[0]):
            trace.fix_tensor(result, f"{trace.owner_name} writes it into a constant")
            return args[0]
        return (result, torch.ones(1)) if len(func._schema.returns) > 1 else result
    numbers, joined = _join_all(trace, carriers, shape or carriers[0].shape)
    if inplace:
        if not trace.is_traced(args[0]):
            trace.fix(trace.all_numbers(numbers), f"{trace.owner_name} writes it into a constant")
            return args[0]
        result = args[0]
    elif joined:
        known = trace.uniform(carriers[0]) if carriers[0].shape == numbers.shape else None
        result = numbers.contiguous()
        trace.add_tensor(result, _signature(trace, numbers) if known is None else known, known)
    else:
        result = trace.track(numbers.clone(), trace.tensor_id(carriers[0]))
    if joined:
        trace.step("join", carriers, [result])
    return (result, torch.ones(1)) if len(func._schema.returns) > 1 else result


def _signature(trace: ChannelTrace, tensor: Tensor) -> Any:
    if tensor.ndim < 2 or tensor.numel() == 0:
        return tensor.reshape(-1).numpy().astype(np.int64)
    return tensor.numpy().reshape(tensor.shape[0], tensor.shape[1], -1)[0, :, 0].astype(np.int64)


def _join_all(
    trace: ChannelTrace, carriers: list[Tensor], shape: torch.Size
) -> tuple[Tensor, bool]:
    """Join the numbers of several operands.

    An operand with one channel for many (a gate over all channels) cannot lose it: it is fixed
    instead of joining all it meets.
    """
    sides = [trace.uniform(t) if t.shape == shape else None for t in carriers]
    if all(side is not None for side in sides):
        for carrier, side in zip(carriers, sides, strict=True):
            trace.join(sides[0], side)  # type: ignore[arg-type]
            trace.place(carrier, side)  # type: ignore[arg-type]
        return carriers[0].detach(), True
    result = carriers[0].expand(shape)
    joined = False
    for other in carriers[1:]:
        wide = other.expand(shape)
        if result is not wide and not (result.shape == wide.shape and torch.equal(result, wide)):
            if _one_for_many(trace, other, result):
                trace.fix_tensor(other, f"{trace.owner_name} applies it to many channels at once")
                continue
            if _one_for_many(trace, carriers[0], wide):
                trace.fix_tensor(
                    carriers[0], f"{trace.owner_name} applies it to many channels at once"
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


@handles("softmax", "_softmax", "_log_softmax", "cumsum", "_safe_softmax")
def run_softmax(
    trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Softmax over positions passes channels on; over channels it needs them all."""
    x, dim = args[0], args[1]
    if not trace.is_traced(x):
        return func(*args, **kwargs)
    if trace.varies(x, dim):
        trace.fix_tensor(x, f"{trace.owner_name} takes a softmax over it")
    return trace.same(x)


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
    x = args[0]
    dims = next(
        (a for a in args[1:] if isinstance(a, (list, tuple, int)) and not isinstance(a, bool)), None
    )
    if not trace.is_traced(x) or dims is None or isinstance(args[1], Tensor):
        return run_unknown(trace, func, args, kwargs)
    dims = [dims] if isinstance(dims, int) else list(dims)
    if func._overloadpacket is aten.sum and dims == [0]:  # the sum of a stack is an addition
        parts = list(x.unbind(0))
        for part in parts:
            trace.track(part, trace.tensor_id(x))
        numbers, _ = _join_all(trace, parts, parts[0].shape)
        return trace.add_tensor(numbers.clone(), _signature(trace, numbers))
    if any(trace.varies(x, d) for d in dims):
        return run_unknown(trace, func, args, kwargs)
    result = func(*args, **kwargs)
    first = _flat([result])[0]
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
    first = _flat([result])[0]
    spread = trace.track(trace.spread(numbers, first.shape), trace.tensor_id(x), numbers)
    return spread if isinstance(result, Tensor) else (spread, *list(result)[1:])


# ---- operations that only move data -----------------------------------------------------------


def _moved(trace: ChannelTrace, source: Tensor, result: Any) -> Any:
    if trace.is_traced(source):
        for tensor in _flat([result]):
            trace.track(tensor, trace.tensor_id(source))
    return result


@handles(
    "permute", "transpose", "expand", "squeeze", "unsqueeze", "clone", "contiguous", "detach",
    "alias", "repeat", "flip", "roll", "constant_pad_nd", "movedim", "swapaxes", "expand_as",
    "repeat_interleave", "lift_fresh", "replication_pad2d", "reflection_pad2d", "resolve_conj",
)  # fmt: skip
def run_move(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Movement of data runs on the numbers as it is."""
    if not _any_numbers(trace, args[:1]):
        return func(*args, **kwargs)
    source = _substitute(trace, args[:1])[0]
    return _moved(trace, source, func(source, *args[1:], **kwargs))


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
    if not _any_numbers(trace, args[:1]):
        return func(*args, **kwargs)
    x = _substitute(trace, args[:1])[0]
    result = func(x, *args[1:], **kwargs)
    cuts = set(accumulate(result.shape, mul))
    before = 1
    for axis, side in enumerate(x.shape):
        inner = any(before < cut < before * side and cut % before == 0 for cut in cuts)
        if inner and trace.varies(x, axis):
            if trace.owner is not None and lookup(ATTENTION, trace.owner) is not None:
                trace.step("heads", [x], [x])
            else:
                trace.fix_tensor(x, f"{trace.owner_name} arranges it by fixed sizes")
            break
        before *= side
    return _moved(trace, x, result)


@handles(
    "slice", "select", "index", "index_select", "gather", "take_along_dim", "as_strided", "unfold"
)
def run_pick(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Picking by position is free along other axes; along channels it fixes them."""
    x = args[0]
    if not _any_numbers(trace, args[:1]):
        return func(*args, **kwargs)
    x = _substitute(trace, args[:1])[0]
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
        trace.fix_tensor(x, f"{trace.owner_name} picks it by position")
    return _moved(trace, x, result)


@handles("copy_", "index_put_", "zero_", "fill_", "masked_fill_")
def run_write(trace: ChannelTrace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Writing into a tensor moves numbers; writing into a part of the channels fixes them."""
    if not _any_numbers(trace, args):
        return func(*args, **kwargs)
    args = tuple(_substitute(trace, args))
    for tensor in _flat(args):
        if trace.is_traced(tensor) and func._overloadpacket is not aten.zero_:
            trace.fix_tensor(tensor, f"{trace.owner_name} writes it in place")
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
    if not _any_numbers(trace, args[0]):
        return func(*args, **kwargs)
    parts = _substitute(trace, args[0])
    result = func(parts, *args[1:], **kwargs)
    dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    axis = dim % result.ndim
    if func._overloadpacket is aten.stack or axis != 1 or not trace.varies(result, axis):
        return trace.add_tensor(result, _signature(trace, result))
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
        trace.add_tensor(result, _signature(trace, result))
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
    if not _any_numbers(trace, args[:1]):
        return func(*args, **kwargs)
    x = _substitute(trace, args[:1])[0]
    pieces = func(x, *args[1:], **kwargs)
    name = func._overloadpacket.__name__
    dim = kwargs.get("dim", args[-1] if len(args) > (1 if name == "unbind" else 2) else 0)
    if not trace.varies(x, dim):
        return _moved(trace, x, pieces)
    by_sizes = "with_sizes" in name
    sizes = {piece.shape[dim] for piece in pieces} if name != "unbind" else set()
    if lookup(ATTENTION, trace.owner) is not None:
        return _moved(trace, x, pieces)
    stored = by_sizes and lookup(STORED_SIZES, trace.owner) is not None
    if dim % x.ndim != 1 or not (
        stored or (len(sizes) == 1 and (not by_sizes or trace.known_split()))
    ):
        trace.fix_tensor(x, f"{trace.owner_name} cuts it into parts of fixed size")
        return _moved(trace, x, pieces)
    for piece in pieces:
        known = trace.uniform(piece)
        trace.add_tensor(piece, _signature(trace, piece) if known is None else known, known)
    if not stored:
        own = tuple(trace.read(piece) for piece in pieces)
        trace.findings.splits.append(RawSplit(trace.owner_name, trace.block, own))
    trace.step("split" if by_sizes else "chunk", [x], pieces)
    return pieces
