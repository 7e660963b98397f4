"""What a network takes to build, counted before it is built: on tensors that have no memory.

A description of a few bytes can ask for any number of weights, blocks or activations; its numbers
alone do not tell, since every module makes something else of them. So the network is built once
on PyTorch's device ``meta``, where only shapes are computed, and every operation is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from torch import nn
from torch.nn.modules import module as registry
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from core.errors import UserError
from core.system.budget import MOST_MODULES, MOST_PARAMETERS

# The most that a network which Ultralytics ships takes: 229 million elements, 49 thousand million
# multiply-adds, 7 thousand operations, 4 thousand parts.
MOST_ELEMENTS = 2 * MOST_PARAMETERS
"""Elements of all that operations give out. Ultralytics runs the network once, on 256 pixels, to
learn its strides."""
MOST_MULTIPLY_ADDS = 300 * 10**9
MOST_OPERATIONS = 20_000
ROOM = 640 << 20
"""Bytes that operations may take, where they are not only rehearsed."""
_LARGE, _NUMBER = 1_000_000, 8
"""Elements of an operation before which memory is looked at, and bytes of the largest kind."""
MOST_PARTS = 2 * MOST_MODULES
"""Modules and parameters."""
_PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
_USUAL_SCALE, _USUAL_PADDING, _USUAL_POOL, _USUAL_UPSAMPLED = 2, 64, 16, 16
_PADDED = (nn.modules.conv._ConvNd, nn.MaxPool2d, nn.AvgPool2d)
_GROWTH = {"padding", "upscale_factor", "kernel_size"}
"""What other layers have that make features larger."""
_MAY_COPY = {f"aten::{name}" for name in ("contiguous", "reshape", "to", "flatten", "unflatten")}
"""Operations that PyTorch lists as views and that make a copy where they have to."""
_NORM = "aten::native_batch_norm"
_ITEM = "aten::_local_scalar_dense"


class TooLargeError(UserError):
    """A network, or what it makes of an image, is far larger than any that people train."""


class Guard(TorchDispatchMode):
    """Counts what operations make, before they run, and refuses the first that is too much.

    Parameters
    ----------
    label : object
        How messages name the file.
    operations : int
        How many there may be.
    room : float
        Bytes of memory that they may take at any moment.
    """

    def __init__(
        self, label: object, operations: int = MOST_OPERATIONS, room: float = math.inf
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._label, self._most, self._room = label, operations, room
        self._began = psutil.Process().memory_info().rss
        self._made = self._operations = 0
        self._parts = self._multiply_adds = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True imports the compiler, which takes a second and is not used

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation that is not too much."""
        name, options = func._schema.name, dict(kwargs or {})
        self._operations += 1
        if self._operations > self._most:
            raise self._refused("operations")
        if name == _ITEM and args[0].is_meta:  # a number nobody can know; its kind is enough
            return torch.ones((), dtype=args[0].dtype).item()
        if name.endswith("_") or (func.is_view and name not in _MAY_COPY):  # nothing new
            return func(*args, **options)
        shape = args[0] if args and isinstance(args[0], list | tuple) else None
        if shape and all(isinstance(side, int) for side in shape):  # a tensor of that shape
            self._count(math.prod(shape))
            return func(*args, **options)
        if not any(isinstance(each, torch.Tensor) and not each.is_meta for each in args):
            # Takes next to no memory. PyTorch's own rule for the first imports its compiler.
            norm = name == _NORM and args[0].is_meta
            found = _normalised(*args) if norm else func(*args, **options)
            self._count_all(name, found, args)
            return found
        shapes = _shapes_of(func, args, options)
        self._count_all(name, shapes, args)
        return func(*args, **options)

    def _count_all(self, name: str, found: Any, args: Any) -> None:
        parts = found if isinstance(found, list | tuple) else [found]
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        self._count(sum(part.numel() for part in tensors))
        if name == "aten::convolution" and tensors:
            weight, transposed = args[1], args[6]
            sums = args[0].numel() if transposed else tensors[0].numel()
            self._count_products(sums * math.prod(weight.shape[1:]))
        elif name in _PRODUCTS and tensors:
            self._count_products(tensors[0].numel() * args[-1].shape[-2])

    def _count(self, elements: int) -> None:
        self._made += elements
        if self._made > MOST_ELEMENTS or (elements > _LARGE and not self._fits(elements)):
            raise self._refused("weights or activations")

    def _fits(self, elements: int) -> bool:
        """Whether there is room for that many numbers."""
        taken = psutil.Process().memory_info().rss - self._began
        return taken + _NUMBER * elements <= self._room

    def _count_products(self, multiply_adds: int) -> None:
        self._multiply_adds += multiply_adds
        if self._multiply_adds > MOST_MULTIPLY_ADDS:
            raise self._refused("multiply-adds")

    def count_part(self, *_: object) -> None:
        """Count a parameter or module that another gets."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise self._refused("modules")

    def _refused(self, what: str) -> Exception:
        return TooLargeError(
            f"{self._label} describes an unreasonably large network: too many {what}.",
            "Check that it is the right file.",
        )


def _normalised(x: torch.Tensor, *_: Any) -> tuple[torch.Tensor, ...]:
    return torch.empty_like(x), *(x.new_empty(x.shape[1]) for _ in range(2))


def _shapes_of(func: Any, args: Any, options: Mapping[str, Any]) -> Any:
    """Return what an operation would give out, without memory; nothing where that cannot be."""

    def hollow(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")

    changed = {key: "meta" if key == "device" else value for key, value in options.items()}
    try:
        return func(*tree_map_only(torch.Tensor, hollow, args), **changed)
    except (NotImplementedError, RuntimeError):
        return None


@contextmanager
def guarded(label: object, operations: int = MOST_OPERATIONS, room: float = ROOM) -> Iterator[None]:
    """Refuse what makes too much of a network, while it is made or run.

    Raises
    ------
    TooLargeError
        Before the memory is taken.
    """
    guard = Guard(label, operations, room)
    hooks = [
        registry.register_module_module_registration_hook(guard.count_part),
        registry.register_module_parameter_registration_hook(guard.count_part),
    ]
    try:
        with guard:
            yield
    finally:
        for hook in hooks:
            hook.remove()


def rehearse(build: Callable[[], object], label: object) -> None:
    """Build a network without memory, to see that it is not too much.

    Parameters
    ----------
    build : callable
        Fails as it does when it builds.
    label : object
        How messages name the file.
    """
    with torch.device("meta"), guarded(label, room=math.inf):
        build()


def may_grow(model: nn.Module) -> bool:
    """Whether layers of PyTorch, by their numbers, may make features far larger than the image.

    Of a checkpoint, these numbers are as the file says. Those of ordinary networks never do, and
    need no `guarded`.
    """
    upsampled = 0
    for module in model.modules():
        if not type(module).__module__.startswith("torch.nn."):
            continue
        own = vars(module)
        if "scale_factor" in own:
            upsampled += 1
            if own.get("size") is not None or not _at_most(own["scale_factor"], _USUAL_SCALE):
                return True
        if isinstance(module, _PADDED):
            reach = _reach_of(own.get("kernel_size"), own.get("dilation", 1))
            transposed = own.get("transposed") and not _at_most(own.get("stride"), _USUAL_SCALE)
            if transposed or not _at_most(own.get("padding"), reach):
                return True
        elif _GROWTH & own.keys():
            return True
        if not _at_most(own.get("output_size", 1), _USUAL_POOL):
            return True
    return upsampled > _USUAL_UPSAMPLED


def _at_most(value: Any, most: float) -> bool:
    parts = value if isinstance(value, tuple | list) else (value,)
    return all(
        part in ("same", "valid") if isinstance(part, str) else _is_number(part) and part <= most
        for part in parts
    )


def _reach_of(kernel: Any, dilation: Any) -> float:
    """Return how many positions from its middle a kernel sees, twice; of the smallest side."""
    sizes = [p if isinstance(p, tuple | list) else (p,) for p in (kernel, dilation)]
    if not all(map(_is_number, (*sizes[0], *sizes[1]))):
        return -1.0
    return float(min(min(sizes[1]) * (min(sizes[0]) - 1), _USUAL_PADDING))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
