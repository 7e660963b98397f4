"""Drive a network block by block, on channel numbers or on shapes alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.checkpoint.forks import codes_of
from core.errors import UserError, one_line
from core.graph.findings import Findings
from core.graph.handlers import HANDLERS, run_unknown
from core.graph.modules import stand_in_of
from core.graph.prompts import Prompts, embeddings_of
from core.graph.shapes import META, ShapePass
from core.graph.tensors import tensors_in
from core.graph.trace import ChannelTrace
from core.graph.watch import Watch
from core.system.size import ImageSize, SizeLike
from core.trust.run import raised_by_trusted


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
        self,
        index: int,
        sources: tuple[int, ...],
        inputs: list[Tensor],
        output: Any,
        side: int,
        heights: list[int],
        failure: str,
    ) -> None:
        made = [t for t in tensors_in(output) if t.is_floating_point()]
        self.index = index
        self.sources = sources
        self.image_side = side
        self.heights = heights
        self.shapes = [tuple(t.shape) for t in inputs]
        self.output_shape = tuple(made[0].shape) if made else ()
        first = made[0].detach() if made else torch.zeros(1, 0)
        self.numbers = (
            first.numpy().reshape(first.shape[0], first.shape[1], -1)[0, :, 0].astype(np.int64)
        )
        self.failure = failure


def image_channels(model: nn.Module) -> int:
    """Return how many channels the model's images have."""
    yaml = getattr(model, "yaml", None) or {}
    for key in ("channels", "ch"):
        if isinstance(yaml.get(key), int):
            return int(yaml[key])
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return 3 if first is None else first.in_channels


def image_unit(model: nn.Module) -> int:
    """Return what image sides are multiples of, in pixels, as Ultralytics sizes them.

    A stride is what a 256-pixel image shows, so it need not be whole (7.53 behind a padding), and
    multiples of 15 need not fit a network whose stride is 15.06: those of 32 do.
    """
    stride = getattr(model, "stride", None)
    known = isinstance(stride, Tensor) and stride.numel()
    return max(int(stride.max()), 32) if known else 32  # type: ignore[union-attr]


def _traced_side(model: nn.Module) -> int:
    """Side of the smallest image with two positions everywhere, so that training can normalise."""
    stride = getattr(model, "stride", None)
    unit = image_unit(model)
    whole = not isinstance(stride, Tensor) or not bool((unit % stride).any())
    # Where strides do not divide it, missing paddings take positions away at every step.
    return (2 if whole else 4) * unit


def real_size(model: nn.Module, image_size: SizeLike) -> ImageSize:
    """Size of the image in the real pass: rounded up to multiples of the model's unit."""
    return ImageSize.of(image_size).rounded(image_unit(model))


def block_sources(block: nn.Module, index: int) -> tuple[int, ...]:
    """Return the indices of the blocks that one reads; -1 for the image."""
    own: Any = getattr(block, "f", -1)
    listed = [own] if isinstance(own, int) else list(own)
    return tuple(index + source if source < 0 else source for source in listed)


class Driver:
    """Runs the blocks one after another, as the model's own forward does, on channel numbers.

    Parameters
    ----------
    model : nn.Module
    findings : Findings
        Where the passes gather what they see.
    """

    def __init__(self, model: nn.Module, findings: Findings, image_size: ImageSize) -> None:
        self.model = model
        self.blocks: list[nn.Module] = list(model.model)  # type: ignore[arg-type]
        self.trace = ChannelTrace(model, findings, HANDLERS, run_unknown)
        self.watch = Watch(model, self.trace)
        self.outputs: list[Any] = []
        self.side = _traced_side(model)
        channels = image_channels(model)
        numbers = self.trace.fresh(channels)
        self.trace.fix(numbers, "it is a channel of the image")
        shape = (1, channels, self.side, self.side)
        self.image = self.trace.add_tensor(self.trace.spread(numbers, shape), numbers)
        self.prompts = Prompts(self._traced_prompts())
        real = real_size(model, image_size)
        self.real_sides = (real.height, real.width)
        self.trace.extents.start(self.image, self.real_sides)

    def _traced_prompts(self) -> Tensor | None:
        """Return channel numbers in the place of the embeddings of open-vocabulary networks."""
        embeddings = embeddings_of(self.model)
        if embeddings is None:
            return None
        numbers = self.trace.fresh(embeddings.shape[2])
        self.trace.fix(numbers, "it is a channel of the class embeddings")
        return self.trace.add_tensor(self.trace.spread(numbers, embeddings.shape, 2), numbers)

    def evaluate(self) -> list[BlockRun]:
        """Run every block in evaluation mode; its operations become the table's steps."""
        self.set_mode(training=False)
        self.trace.record_steps = True
        runs = []
        for index, block in enumerate(self.blocks):
            x = self.input_of(index)
            output, failure = self._run(index, x)
            self.outputs.append(output)
            sources = block_sources(block, index)
            inputs = tensors_in(x)
            size = self._heights(inputs, output)
            runs.append(BlockRun(index, sources, inputs, output, *size, failure))
        self._fix_outputs()
        return runs

    def train(self) -> None:
        """Run in training mode what may then run otherwise, and all that reads it."""
        self.set_mode(training=True)
        self.trace.record_steps = False
        changed: set[int] = set()
        for index, block in enumerate(self.blocks):
            if _reads_mode(block) or changed & set(block_sources(block, index)):
                changed.add(index)
                self.outputs[index] = self._run(index, self.input_of(index))[0]
        if changed:
            self._fix_outputs()
        self.set_mode(training=False)

    def set_mode(self, *, training: bool) -> None:
        """Set the mode of all modules; ``untouched`` puts back what it was."""
        for module in self.watch.modules:
            module.__dict__["training"] = training

    def input_of(self, index: int) -> Any:
        """What a block reads: a tensor, or a list of them."""
        listed = getattr(self.blocks[index], "f", -1)
        picked = [
            self.image if s < 0 else self.outputs[s]
            for s in block_sources(self.blocks[index], index)
        ]
        return picked[0] if isinstance(listed, int) else picked

    def _heights(self, inputs: list[Tensor], output: Any) -> tuple[int, list[int]]:
        """Return the image's side and the heights of what a block makes, else of what it reads.

        At the real size where it is known: at the trace's, paddings weigh too much.
        """
        made = [t for t in tensors_in(output)[:1] if t.ndim == 4]
        maps = made or [tensor for tensor in inputs if tensor.ndim == 4]
        real = [extent[0] for extent in map(self.trace.extents.of, maps) if extent is not None]
        if len(real) == len(maps):
            return self.real_sides[0], real
        return self.side, [int(tensor.shape[2]) for tensor in maps]

    def _run(self, index: int, x: Any) -> tuple[Any, str]:
        block = self.blocks[index]
        self.trace.start_block(index, last=index == len(self.blocks) - 1)
        failure = ""
        try:
            with self.trace:
                output = block(*self.prompts.arguments(block, x))
        except Exception as error:
            # Of the user's own code, anything may be raised; elsewhere, the rest is a bug.
            if not isinstance(error, CANNOT_FOLLOW) and not raised_by_trusted(error):
                raise
            output, failure = _lock_block(self.watch, index, block, x, error, self.prompts)
        self.prompts.note(block, output)
        return output, failure

    def _fix_outputs(self) -> None:
        """What leaves the network keeps its channels; features handed through do not count."""
        inputs = tensors_in(self.input_of(len(self.blocks) - 1))
        handed_through = {(t.data_ptr(), tuple(t.shape)) for t in inputs}
        for tensor in tensors_in(self.outputs[-1]):
            known = (tensor.data_ptr(), tuple(tensor.shape)) in handed_through
            if tensor.is_floating_point() and self.trace.is_traced(tensor) and not known:
                self.trace.fix_tensor(tensor, "it is an output of the network")


CANNOT_FOLLOW = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, KeyError)


def _reads_mode(block: nn.Module) -> bool:
    """Whether a block's own code may look at ``training``; PyTorch's layers keep their channels."""
    by_kind: dict[Any, nn.Module] = {type(module): module for module in block.modules()}
    described = any(stand_in_of(module) is not None for module in by_kind.values())
    return described or any(_mentions_training(kind) for kind in by_kind)


@lru_cache(maxsize=512)
def _mentions_training(kind: type) -> bool:
    own = [c for c in kind.__mro__ if c.__module__.partition(".")[0] not in ("torch", "builtins")]
    return any(
        "training" in (*code.co_names, *code.co_consts)
        for cls in own
        for member in vars(cls).values()
        for code in codes_of(member)
    )


def _lock_block(
    watch: Watch, index: int, block: nn.Module, x: Any, error: Exception, prompts: Prompts
) -> tuple[Any, str]:
    """Lock a block that cannot be followed whole; the rest of the network stays free."""
    trace = watch.trace
    trace.start_block(index)
    trace.extents.lose(index)
    reason = f"block {index} ({type(block).__name__}) could not be traced: {one_line(error)}"
    name = trace.names[id(block)]
    trace.findings.locked_modules[name] = reason
    for tensor in tensors_in(x):
        trace.fix_tensor(tensor, reason)
    try:
        noise = [torch.randn(tensor.shape) for tensor in tensors_in(x)]
        watch.use_own_forward(block)
        result = block(*prompts.arguments(block, noise if isinstance(x, list) else noise[0]))
    except Exception as second:
        raise _does_not_run(index, block, second) from second
    _add_unreached(trace, block, name)
    for tensor in tensors_in(result):
        tensor.zero_()
        trace.add_tensor(tensor, np.zeros(tensor.shape[1], np.int64))
    return result, reason


def _does_not_run(index: int, block: nn.Module, error: Exception) -> UserError:
    kind = type(block).__name__
    part = getattr(error, "obj", None) if isinstance(error, AttributeError) else None
    if isinstance(part, nn.Module):
        # The class is the installed one, and what it reads is not there: another class of its name.
        return UserError(
            f"Block {index} ({kind}) is from a fork or another version of Ultralytics: its "
            f"{type(part).__name__} has no “{getattr(error, 'name', '')}”, which that of the "
            "installed version uses.",
            "Open it with the program that saved it, or train the network again with the "
            "installed version.",
        )
    return UserError(
        f"Block {index} ({kind}) cannot be run alone: {one_line(error)}.",
        "Secateur cannot trace this network.",
    )


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


def count_positions(driver: Driver) -> dict[str, int]:
    """Count at how many positions each layer is applied at the real image size.

    The trace carries the sides of feature maps along; blocks in which it lost them (heads that
    rearrange features, attention) are run once more on shapes alone.
    """
    extents = driver.trace.extents
    positions = dict(extents.positions)
    counter = ShapePass(driver.model)
    for index in sorted(extents.missing):
        x = driver.input_of(index)
        sides = [extents.of(tensor) for tensor in tensors_in(x)]
        if any(side is None for side in sides):
            return _count_whole_network(driver, counter)
    for index in sorted(extents.missing):
        x = driver.input_of(index)
        shapes = [
            torch.empty(1, tensor.shape[1], *(extents.of(tensor) or ()), device=META)
            for tensor in tensors_in(x)
        ]
        _count_block(
            counter,
            driver.blocks[index],
            shapes if isinstance(x, list) else shapes[0],
            index,
            driver.prompts,
        )
    return {**positions, **counter.positions}


def _count_whole_network(driver: Driver, counter: ShapePass) -> dict[str, int]:
    x: Any = torch.empty(driver.image.shape[:2] + driver.real_sides, device=META)
    image, outputs = x, list[Any]()
    for index, block in enumerate(driver.blocks):
        picked = [image if s < 0 else outputs[s] for s in block_sources(block, index)]
        x = picked[0] if isinstance(getattr(block, "f", -1), int) else picked
        outputs.append(_count_block(counter, block, x, index, driver.prompts))
    return counter.positions


def _count_block(counter: ShapePass, block: nn.Module, x: Any, index: int, prompts: Prompts) -> Any:
    before = dict(counter.positions)
    try:
        with counter:
            return block(*prompts.arguments(block, x))
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        counter.positions = before
        return _count_by_running(counter, block, x, f"model.{index}", prompts)


def _count_by_running(
    counter: ShapePass, block: nn.Module, x: Any, prefix: str, prompts: Prompts
) -> Any:
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
        made = block(*prompts.arguments(block, zeros if isinstance(x, list) else zeros[0]))
    finally:
        for hook in hooks:
            hook.remove()
    return [t.to(META) for t in made] if isinstance(made, list) else made.to(META)
