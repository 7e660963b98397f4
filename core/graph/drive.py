"""Drive a network block by block, on channel numbers or on shapes alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from core.errors import UserError
from core.graph.shapes import META, ShapePass
from core.graph.trace import ChannelTrace, Findings

MINIMUM_SIDE = 64
"""Smallest image side traced: two positions at stride 32, so training mode can normalise."""


@contextlib.contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Put back every attribute a pass may set (anchors, shapes, mode)."""
    before = [(module, dict(module.__dict__)) for module in model.modules()]
    try:
        yield
    finally:
        for module, attributes in before:
            module.__dict__.clear()
            module.__dict__.update(attributes)


@contextlib.contextmanager
def slow_attention() -> Iterator[None]:
    """Keep attention in separate operations, which can be followed."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


class BlockRun:
    """What one block read and made in the traced pass."""

    def __init__(
        self, index: int, sources: tuple[int, ...], inputs: list[Tensor], output: Any, side: int
    ) -> None:
        made = [t for t in tensors_in(output) if t.is_floating_point()]
        self.index = index
        self.sources = sources
        self.image_side = side
        self.shapes = [tuple(t.shape) for t in inputs]
        self.output_shape = tuple(made[0].shape) if made else ()
        first = made[0].detach() if made else torch.zeros(1, 0)
        self.numbers = (
            first.numpy().reshape(first.shape[0], first.shape[1], -1)[0, :, 0].astype(np.int64)
        )
        self.failure = ""


def tensors_in(value: Any) -> list[Tensor]:
    """Return all tensors in nested dictionaries, lists and tuples, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [t for part in value for t in tensors_in(part)]
    return []


def image_channels(model: nn.Module) -> int:
    """Return how many channels the model's images have."""
    yaml = getattr(model, "yaml", None) or {}
    for key in ("channels", "ch"):
        if isinstance(yaml.get(key), int):
            return int(yaml[key])
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return 3 if first is None else first.in_channels


def largest_stride(model: nn.Module) -> int:
    """Largest stride the model states; image sides must be multiples of it."""
    stride = getattr(model, "stride", None)
    return int(stride.max()) if isinstance(stride, Tensor) and stride.numel() else 32


def _side(model: nn.Module) -> int:
    return max(MINIMUM_SIDE, 2 * largest_stride(model))


def _sources(block: nn.Module, index: int) -> tuple[int, ...]:
    own: Any = getattr(block, "f", -1)
    listed = [own] if isinstance(own, int) else list(own)
    return tuple(index + source if source < 0 else source for source in listed)


def run_blocks(model: nn.Module, findings: Findings, record_steps: bool) -> list[BlockRun]:
    """Run the blocks one after another, as the model's own forward does."""
    trace = ChannelTrace(model, findings, record_steps)
    side = _side(model)
    channels = image_channels(model)
    image = torch.zeros(1, channels, side, side)
    if record_steps:
        numbers = trace.fresh(channels)
        trace.fix(numbers, "it is a channel of the image")
    else:
        numbers = np.arange(1, channels + 1)
    image = trace.add_tensor(trace.spread(numbers, image.shape), numbers)
    outputs: list[Any] = []
    runs: list[BlockRun] = []
    x: Any = image
    hooks = (
        torch_module.register_module_forward_pre_hook(trace.enter),
        torch_module.register_module_forward_hook(trace.leave, always_call=True),
    )
    try:
        for index, block in enumerate(model.model):  # type: ignore[arg-type]
            if getattr(block, "f", -1) != -1:
                picked = [x if s == index - 1 else outputs[s] for s in _sources(block, index)]
                x = picked[0] if isinstance(block.f, int) else picked
            inputs = tensors_in(x)
            trace.start_block(index, last=index == len(model.model) - 1)  # type: ignore[arg-type]
            x, failure = _run_block(trace, block, x, index)
            runs.append(BlockRun(index, _sources(block, index), inputs, x, side))
            runs[-1].failure = failure
            outputs.append(x)
    finally:
        for hook in hooks:
            hook.remove()
    _fix_outputs(trace, x, inputs)
    return runs


def _run_block(trace: ChannelTrace, block: nn.Module, x: Any, index: int) -> tuple[Any, str]:
    try:
        with trace:
            return block(list(x) if isinstance(x, list) else x), ""
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
        # The block cannot be followed: it is locked whole, the rest of the network stays free.
        trace.start_block(index)
        reason = f"block {index} ({type(block).__name__}) could not be followed: {error}"
        name = trace.names[id(block)]
        trace.findings.locked_modules[name] = reason
        for tensor in tensors_in(x):
            trace.fix_tensor(tensor, reason)
        try:
            result = block(
                [torch.randn(t.shape) for t in x] if isinstance(x, list) else torch.randn(x.shape)
            )
        except Exception as second:
            raise UserError(
                f"Block {index} ({type(block).__name__}) does not run on its own: {second}.",
                "Secateur cannot follow this network.",
            ) from second
        _add_unreached(trace, block, name)
        for tensor in tensors_in(result):
            tensor.zero_()
            trace.add_tensor(tensor, np.zeros(tensor.shape[1], np.int64))
        return result, reason


def _add_unreached(trace: ChannelTrace, block: nn.Module, prefix: str) -> None:
    """List the layers of a locked block that the trace did not reach: they count, but stay."""
    for name, module in block.named_modules(prefix=prefix):
        if name in trace.findings.uses or not isinstance(module, COUNTED):
            continue
        rows = int(module.weight.shape[0])
        transposed = isinstance(module, nn.ConvTranspose2d)
        groups = int(getattr(module, "groups", 1))
        ins = int(getattr(module, "in_channels", getattr(module, "in_features", rows)))
        outs = int(module.weight.shape[1]) * groups if transposed else rows
        trace.use_layer(
            name,
            module,
            np.zeros(ins, np.int64),
            np.zeros(outs, np.int64),
            mixes=not isinstance(module, nn.BatchNorm2d),
            groups=groups,
            kernel=int(np.prod(module.weight.shape[2:])),
            bias=module.bias is not None,
        )


COUNTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d)


def _fix_outputs(trace: ChannelTrace, output: Any, inputs: list[Tensor]) -> None:
    """What leaves the network keeps its channels; features handed through do not count."""
    handed_through = {(t.data_ptr(), tuple(t.shape)) for t in inputs}
    for tensor in tensors_in(output):
        known = (tensor.data_ptr(), tuple(tensor.shape)) in handed_through
        if tensor.is_floating_point() and trace.is_traced(tensor) and not known:
            trace.fix_tensor(tensor, "it is an output of the network")


def count_positions(model: nn.Module, image_size: int) -> dict[str, int]:
    """Count positions at the real image size, rounded up to the model's stride."""
    stride = _side(model) // 2
    side = max(1, -(-image_size // stride)) * stride
    counter = ShapePass(model)
    x: Any = torch.empty(1, image_channels(model), side, side, device=META)
    outputs: list[Any] = []
    for index, block in enumerate(model.model):  # type: ignore[arg-type]
        if getattr(block, "f", -1) != -1:
            picked = [x if s == index - 1 else outputs[s] for s in _sources(block, index)]
            x = picked[0] if isinstance(block.f, int) else picked
        before = dict(counter.positions)
        try:
            with counter:
                made = block(list(x) if isinstance(x, list) else x)
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
            counter.positions = before
            made = _count_by_running(counter, block, x, f"model.{index}")
        x = made
        outputs.append(x)
    return counter.positions


def _count_by_running(counter: ShapePass, block: nn.Module, x: Any, prefix: str) -> Any:
    """Count a block's positions by running it on zeros, where shapes alone do not get through."""

    def count(name: str, transposed: bool) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            where = inputs[0] if transposed else output
            rows = where.shape[2:].numel() if where.ndim == 4 else where.shape[:-1].numel()
            counter.positions[name] = counter.positions.get(name, 0) + rows

        return hook

    hooks = [
        module.register_forward_hook(count(name, isinstance(module, nn.ConvTranspose2d)))
        for name, module in block.named_modules(prefix=prefix)
        if isinstance(module, COUNTED)
    ]
    zeros = [torch.zeros(t.shape) for t in tensors_in(x)]
    try:
        made = block(zeros if isinstance(x, list) else zeros[0])
    finally:
        for hook in hooks:
            hook.remove()
    return [t.to(META) for t in made] if isinstance(made, list) else made.to(META)
