"""Networks of known forks of Ultralytics, turned into the layout of the class of that name.

A fork changes a class and keeps its name, so that its files open, and fail when the network runs;
or, worse, run without the part that the fork added. Here the known ones are converted where the
result is the same function, and any other is named.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from core.checkpoint._stock import Conv
from core.errors import UserError

_HINT = (
    "Nothing of the file was changed. Open it with the program that saved it, or train the "
    "network again with stock Ultralytics."
)
_CLASSES = "ultralytics.nn.modules."


class _UnknownForkError(Exception):
    """A module is not what its class or a known fork of it has."""


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """A fork that computes by several convolutions what the class of Ultralytics does by one.

    Attributes
    ----------
    joined : str
        The convolution of Ultralytics. For every head it has the rows of each part in turn.
    parts : mapping
        The convolutions of the fork, with the parts that each has: all heads of a part, then all
        heads of the next.
    order : tuple of str
        The parts of one head in the convolution of Ultralytics.
    rows : mapping
        Of each part, the attribute that holds its rows per head.
    totals : mapping
        What the class of Ultralytics stores besides, by what it is computed from the module.
    kernels : mapping
        Convolutions whose kernel is smaller than in Ultralytics: side in pixels there. Zeros
        around the kernel, and as much padding, change nothing.
    """

    joined: str
    parts: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    rows: Mapping[str, str]
    totals: Mapping[str, Callable[[Any], int]]
    kernels: Mapping[str, int]


#: By the class of Ultralytics. The attention of YOLOv12's own repository (sunsmarterjie/yolov12,
#: "turbo"), which forks of it took over; Ultralytics kept that of the first release.
FORKS: Mapping[str, tuple[Split, ...]] = {
    "AAttn": (
        Split(
            joined="qkv",
            parts={"qk": ("q", "k"), "v": ("v",)},
            order=("q", "k", "v"),
            rows={"q": "head_dim", "k": "head_dim", "v": "head_dim"},
            totals={"all_head_dim": lambda module: module.num_heads * module.head_dim},
            kernels={"pe": 7},
        ),
    ),
}


def convert(model: nn.Module, label: object) -> str:
    """Turn modules of known forks into what Ultralytics has, and refuse those of other forks.

    Parameters
    ----------
    model : torch.nn.Module
        As it came from the file, its tables checked; changed in place.
    label : object
        How messages name the file.

    Returns
    -------
    str
        What was converted, for people; empty where nothing was.

    Raises
    ------
    UserError
        For a class of Ultralytics with weights that this class never uses, or with shapes that
        no known fork has.
    """
    found: dict[str, int] = {}
    for name, module in model.named_modules():
        kind = type(module).__name__
        if not type(module).__module__.startswith(_CLASSES):
            continue
        try:
            for split in FORKS.get(kind, ()):
                if split.joined not in module._modules and split.parts.keys() & module._modules:
                    _join(module, split)
                    what = f"{' and '.join(split.parts)} of {kind} joined to {split.joined}"
                    found[what] = found.get(what, 0) + 1
            unused = next(_unused(module), None)
            if unused is not None:
                raise _UnknownForkError(f"has “{unused}”, which Ultralytics' {kind} does not use")
        except _UnknownForkError as error:
            raise UserError(
                f"{label} is from a fork of Ultralytics: {name} ({kind}) {error}.", _HINT
            ) from error
    return "; ".join(f"{what} ({count}×)" for what, count in found.items())


# ---- parts that a class does not know -----------------------------------------------------------


def _unused(module: nn.Module) -> Iterator[str]:
    """Yield the parts with weights that no code of a module's class, or of its bases, names."""
    known: frozenset[str] | None = None
    tables: tuple[dict[str, Any], ...] = (module._parameters, module._buffers, module._modules)
    for table in tables:
        for key, part in table.items():
            if part is None or (isinstance(part, nn.Module) and not part.state_dict()):
                continue
            known = _named_by(type(module)) if known is None else known
            if key not in known:
                yield key


_known: dict[type, frozenset[str]] = {}


def _named_by(kind: type) -> frozenset[str]:
    if kind not in _known:
        names: set[str] = set()
        for cls in kind.__mro__:
            if cls in (nn.Module, object):
                break
            if cls.__module__.startswith("torch."):  # a container: its keys are not names
                return _Anything()
            for member in vars(cls).values():
                for code in codes_of(member):
                    names.update(code.co_names)
                    names.update(item for item in code.co_consts if isinstance(item, str))
        _known[kind] = frozenset(names)
    return _known[kind]


class _Anything(frozenset[str]):
    def __contains__(self, item: object) -> bool:
        return True


def codes_of(member: object) -> Iterator[CodeType]:
    """Yield the code of a method, property or nested function."""
    for part in (member, *(getattr(member, key, None) for key in ("fget", "fset", "__func__"))):
        code = part if isinstance(part, CodeType) else getattr(part, "__code__", None)
        if isinstance(code, CodeType):
            yield code
            for constant in code.co_consts:
                if isinstance(constant, CodeType):
                    yield from codes_of(constant)


# ---- a projection in several convolutions -------------------------------------------------------


def _join(module: Any, split: Split) -> None:
    """Put the rows of the parts into one convolution, head by head."""
    heads = _whole(module, "num_heads")
    rows = {part: _whole(module, key) for part, key in split.rows.items()}
    convs = {name: _conv(module, name) for name in split.parts}
    for name, conv in convs.items():
        found, expected = len(conv.conv.weight), heads * sum(rows[p] for p in split.parts[name])
        if found != expected:
            raise _UnknownForkError(
                f"has {found} outputs in “{name}”, and its {heads} heads need {expected}"
            )
    first, *others = convs.values()
    if any(_manner(conv) != _manner(first) for conv in others):
        raise _UnknownForkError(f"computes {' and '.join(convs)} in different ways")
    if first.conv.groups != 1:
        raise _UnknownForkError(f"computes {' and '.join(convs)} in groups")
    for name, side in split.kernels.items():
        _check_kernel(_conv(module, name), side, heads * rows[split.order[-1]])
    # From here on nothing is refused, so that a module is converted whole or not at all.
    _stack(list(convs.values()), _order(split, heads, rows))
    for name, side in split.kernels.items():
        _pad(_conv(module, name), side)
    parts = {split.joined: first}
    parts |= {key: part for key, part in module._modules.items() if key not in convs}
    module._modules.clear()
    module._modules.update(parts)
    for key, total in split.totals.items():
        setattr(module, key, total(module))


def _order(split: Split, heads: int, rows: Mapping[str, int]) -> torch.Tensor:
    """Return which row of the stacked convolutions goes to each row of the joined one."""
    starts, total = {}, 0
    for part in (part for parts in split.parts.values() for part in parts):
        starts[part], total = total, total + heads * rows[part]
    return torch.cat(
        [
            torch.arange(rows[part]) + starts[part] + head * rows[part]
            for head in range(heads)
            for part in split.order
        ]
    )


def _whole(module: Any, key: str) -> int:
    value = vars(module).get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 16:
        raise _UnknownForkError(f"has no whole number “{key}”")
    return value


def _conv(module: Any, name: str) -> Any:
    """Return a convolution of Ultralytics, with BatchNorm or, once fused, a bias."""
    conv = module._modules.get(name)
    inner = conv._modules.get("conv") if type(conv) is Conv else None
    norm = conv._modules.get("bn") if inner is not None else None
    if type(inner) is not nn.Conv2d or type(norm) not in (nn.BatchNorm2d, type(None)):
        raise _UnknownForkError(f"has no convolution “{name}” as Ultralytics builds one")
    if inner.weight is None or inner.weight.ndim != 4:
        raise _UnknownForkError(f"has no convolution “{name}” as Ultralytics builds one")
    outputs = inner.weight.shape[0]
    tensors = [*(norm.state_dict().values() if norm is not None else ()), inner.bias]
    if any(t is not None and t.ndim and t.shape != (outputs,) for t in tensors):
        raise _UnknownForkError(f"has shapes in “{name}” that do not fit each other")
    return conv


def _manner(conv: Any) -> tuple[Any, ...]:
    """Return all that two convolutions must have in common to be one."""
    inner, norm = conv.conv, conv._modules.get("bn")
    keys = ("stride", "padding", "dilation", "groups", "padding_mode")
    shared = (*(getattr(inner, key) for key in keys), inner.weight.shape[1:], inner.weight.dtype)
    kind = (type(conv.act), repr(conv.act), inner.bias is None, "forward" in vars(conv))
    if norm is None:
        return (*shared, *kind)
    state = tuple((key, value.dtype) for key, value in norm.state_dict().items())
    return (*shared, *kind, norm.eps, norm.momentum, norm.affine, norm.track_running_stats, state)


def _stack(convs: list[Any], order: torch.Tensor) -> None:
    """Give the first of several convolutions the rows of all."""
    for key in ("conv", "bn"):
        parts = [conv._modules.get(key) for conv in convs]
        first: Any = parts[0]
        if first is None:  # fused
            continue
        for name, table in [(n, t) for t in (first._parameters, first._buffers) for n in t]:
            tensors = [getattr(part, name) for part in parts]
            if tensors[0] is None or not tensors[0].ndim:  # the count of batches
                continue
            data = torch.cat([tensor.detach() for tensor in tensors])[order]
            trains = any(tensor.requires_grad for tensor in tensors)
            table[name] = nn.Parameter(data, trains) if table is first._parameters else data
        setattr(first, "out_channels" if key == "conv" else "num_features", len(order))


def _check_kernel(conv: Any, side: int, channels: int) -> None:
    """Refuse what is no convolution per channel that `_pad` can give a larger kernel."""
    inner = conv.conv
    sides = tuple(inner.weight.shape[2:])
    fits = (
        inner.weight.shape[:2] == (channels, 1)
        and inner.groups == channels
        and tuple(inner.stride) == (1, 1) == tuple(inner.dilation)
        and inner.padding_mode == "zeros"
        and all(length % 2 and length <= side for length in sides)
        and inner.padding == tuple(length // 2 for length in sides)
    )
    if not fits:
        raise _UnknownForkError(
            f"has a position encoding of shape {tuple(inner.weight.shape)}, which no known fork has"
        )


def _pad(conv: Any, side: int) -> None:
    """Put zeros around the kernel, and as much padding."""
    inner = conv.conv
    high, wide = ((side - length) // 2 for length in inner.weight.shape[2:])
    weight = functional.pad(inner.weight.detach(), (wide, wide, high, high))
    inner.weight = nn.Parameter(weight, inner.weight.requires_grad)
    inner.kernel_size, inner.padding = (side, side), (side // 2, side // 2)
    inner._reversed_padding_repeated_twice = [side // 2] * 4
