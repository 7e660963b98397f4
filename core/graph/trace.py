"""One forward pass on channel numbers instead of an image.

Every tensor of the pass holds, at each element, the number of the channel that element belongs to.
A convolution or linear layer that mixes channels gives its outputs fresh numbers and a depthwise
one passes its input's on; nothing is computed. Operations that only move data run as they are, on
the numbers, so index maps through ``Concat`` and ``C2f`` cannot be wrong. An element-wise
operation on two tensors reports that two numbers are one. ``0`` represents a constant.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from core.graph.extents import Extents
from core.graph.findings import Findings, LayerUse, Numbers, RawStep
from core.graph.modules import rule_of
from core.graph.parameters import layer_names

Handler = Callable[["ChannelTrace", Any, tuple[Any, ...], dict[str, Any]], Any]
"""Does to channel numbers what an operation does to data: trace, function, arguments, options."""


class ChannelTrace(TorchDispatchMode):
    """Runs a network on channel numbers and gathers ``Findings``.

    Parameters
    ----------
    model : nn.Module
        The network. Its weights are neither read nor changed.
    findings : Findings
        Where to add; a layer that runs again keeps the numbers of its first run.
    handlers : mapping
        From operation to handler (see ``core.graph.handlers``).
    unknown : callable
        The handler of every other operation.
    """

    def __init__(
        self,
        model: nn.Module,
        findings: Findings,
        handlers: Mapping[Any, Handler],
        unknown: Handler,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.findings = findings
        self.record_steps = True
        self.busy = False
        self.extents = Extents()
        self._handlers = handlers
        self._unknown = unknown
        self.block = -1
        self.names: dict[int, str] = {}
        modules = list(model.named_modules())
        self.parameters = layer_names(modules)
        self.transposed: dict[int, tuple[Tensor, Tensor]] = {}
        self._traced: dict[int, tuple[Tensor, int]] = {}
        self._signatures: dict[int, Numbers] = {}
        self._chosen: dict[int, Tensor] = {}
        self._shadows: dict[int, Tensor] = {}
        self._stack: list[nn.Module] = []
        self.buffers: set[int] = set()
        self.keep_apart = False
        for name, module in modules:
            self.names[id(module)] = name
            own = (buffer for buffer in module._buffers.values() if buffer is not None)
            self.buffers.update(id(buffer) for buffer in own)

    # ---- modules entered and left -------------------------------------------------------------

    def enter(self, module: nn.Module) -> None:
        """Remember which module runs."""
        self._stack.append(module)

    def leave(self) -> None:
        """Forget it."""
        if self._stack:
            self._stack.pop()

    def start_block(self, index: int, last: bool = False) -> None:
        """Set the block that runs next."""
        self.block = index
        self.keep_apart = last
        self._stack.clear()

    @property
    def owner(self) -> nn.Module | None:
        """The innermost module running."""
        return self._stack[-1] if self._stack else None

    @property
    def owner_name(self) -> str:
        """Its dotted name."""
        return self.names.get(id(self.owner), "") if self._stack else ""

    @property
    def owner_text(self) -> str:
        """Its name in a reason: a leaf of PyTorch that is a block is not watched."""
        return self.owner_name or f"block {self.block}"

    # ---- tensors and numbers ------------------------------------------------------------------

    def fresh(self, count: int) -> Numbers:
        """Hand out numbers no channel has yet."""
        first = self.findings.next_number
        self.findings.next_number = first + count
        return np.arange(first, first + count)

    def track(self, tensor: Tensor, tensor_id: int, numbers: Numbers | None = None) -> Tensor:
        """Mark a tensor as carrying channel numbers. It is kept alive so ids stay unique.

        ``numbers`` are those along axis 1, where they are known not to differ by position.
        """
        self._traced[id(tensor)] = (tensor, tensor_id)
        if numbers is not None:
            self._signatures[id(tensor)] = numbers
        return tensor

    def add_tensor(self, tensor: Tensor, numbers: Numbers, known: Numbers | None = None) -> Tensor:
        """Track a tensor as a new node of the pass, with its numbers along the channel axis."""
        self.findings.tensors.append(numbers)
        return self.track(tensor, len(self.findings.tensors) - 1, known)

    def constant(self, zeros: Tensor) -> Tensor:
        """Track a tensor of zeros as one that carries no channel."""
        shape = zeros.shape[1] if zeros.ndim > 1 else 0
        return self.add_tensor(zeros, np.zeros(shape, np.int64))

    def same(self, tensor: Tensor) -> Tensor:
        """Return another tensor with the same channels (the result of a unary operation).

        It shares memory, except in the head, where memory reports what is only handed through.
        """
        result = tensor.clone() if self.keep_apart else tensor.detach()
        return self.track(result, self.tensor_id(tensor), self._signatures.get(id(tensor)))

    def forget(self, tensor: Tensor) -> None:
        """Read a tensor's numbers again next time; they were written to."""
        self._signatures.pop(id(tensor), None)

    def spread(self, numbers: Numbers, shape: Iterable[int], axis: int = 1) -> Tensor:
        """Make a tensor of the given shape that holds ``numbers`` along ``axis``."""
        shape = tuple(shape)
        view = [1] * len(shape)
        view[axis] = len(numbers)
        column = torch.from_numpy(numbers.astype(np.float32)).view(view)
        return column.expand(shape).contiguous()

    def is_traced(self, value: Any) -> bool:
        """Whether a value is a tensor that carries numbers."""
        return isinstance(value, Tensor) and id(value) in self._traced

    def tensor_id(self, tensor: Tensor) -> int:
        """Node of the pass a tensor belongs to."""
        return self._traced[id(tensor)][1]

    def all_numbers(self, tensor: Tensor) -> Numbers:
        """Return every number in a tensor, without the constant 0."""
        known = self.uniform(tensor)
        numbers = np.unique(tensor.numpy() if known is None else known).astype(np.int64)
        return numbers[numbers > 0]

    def varies(self, tensor: Tensor, axis: int) -> bool:
        """Whether the numbers differ along an axis."""
        if tensor.shape[axis] < 2 or tensor.numel() == 0:
            return False
        if id(tensor) in self._signatures:
            numbers = self._signatures[id(tensor)]
            return axis % tensor.ndim == 1 and bool((numbers[1:] != numbers[:1]).any())
        values = np.moveaxis(tensor.numpy(), axis, 0)
        return bool((values[1:] != values[:1]).any())

    def read(self, tensor: Tensor, axis: int = 1) -> Numbers:
        """Return the numbers along the channel axis, joining those that share a channel.

        Where one channel holds several numbers (a layer applied at positions that came from
        different places), they are one: an edge is added for each.
        """
        known = self._signatures.get(id(tensor)) if axis == 1 else None
        if known is not None:
            return known
        values = np.moveaxis(tensor.numpy(), axis, 0).reshape(tensor.shape[axis], -1)
        numbers = values[:, 0] if values.shape[1] else np.zeros(len(values))
        uniform = bool((values == numbers[:, None]).all())
        if not uniform:
            numbers = values.max(axis=1)
            rows, columns = np.nonzero((values != numbers[:, None]) & (values > 0))
            self.join(numbers[rows], values[rows, columns])
        result: Numbers = numbers.astype(np.int64)
        if uniform and axis == 1 and tensor.shape[0] == 1 and self.is_traced(tensor):
            self._signatures[id(tensor)] = result
        return result

    def uniform(self, tensor: Tensor) -> Numbers | None:
        """Numbers along axis 1, or None where they differ by position."""
        known = self._signatures.get(id(tensor))
        if known is None and tensor.ndim >= 2 and tensor.shape[0] == 1 and tensor.numel():
            values = tensor.numpy().reshape(tensor.shape[1], -1)
            if (values == values[:, :1]).all():
                known = values[:, 0].astype(np.int64)
                if self.is_traced(tensor):  # only those are kept, so that their ids stay theirs
                    self._signatures[id(tensor)] = known
        return known

    def join(self, first: NDArray[Any], second: NDArray[Any]) -> None:
        """Report that numbers are pairwise the same channel."""
        pairs = np.stack([first, second]).astype(np.int64)
        pairs = pairs[:, (pairs[0] > 0) & (pairs[1] > 0) & (pairs[0] != pairs[1])]
        if pairs.size:
            # One integer per pair: numpy then finds the distinct ones without sorting.
            keys = np.unique((pairs[0] << 32) | pairs[1], sorted=False)
            self.findings.edges.append(np.stack([keys >> 32, keys & 0xFFFFFFFF]))

    def fix(self, numbers: Numbers, reason: str) -> None:
        """Report that channels can never be removed."""
        numbers = numbers[numbers > 0]
        if len(numbers):
            self.findings.fixed.append((numbers, reason))

    def fix_tensor(self, tensor: Tensor, reason: str) -> None:
        """Fix every channel in a tensor."""
        self.fix(self.all_numbers(tensor), reason)

    def lock_owner(self, reason: str) -> None:
        """Lock the innermost module whole: nothing in it may change width."""
        self.findings.locked_modules.setdefault(self.owner_name, reason)

    def place(self, tensor: Tensor, numbers: Numbers) -> None:
        """Give a tensor its own node when its channels are no longer those of its source.

        This happens where a module rearranges channels by shape (attention, DFL).
        """
        source = self.tensor_id(tensor)
        if np.array_equal(self.findings.tensors[source], numbers):
            return
        known = self._signatures.get(id(tensor))
        self.add_tensor(tensor, numbers, known)
        if self.record_steps:
            made = self.tensor_id(tensor)
            self.findings.steps.append(
                RawStep("pick", self.block, self.owner_name, "", (source,), (made,))
            )

    def step(
        self, op: str, inputs: Iterable[Tensor], outputs: Iterable[Tensor], layer: str = ""
    ) -> None:
        """Record an operation."""
        if self.record_steps:
            self.findings.steps.append(
                RawStep(
                    op,
                    self.block,
                    self.owner_name,
                    layer,
                    tuple(self.tensor_id(t) for t in inputs),
                    tuple(self.tensor_id(t) for t in outputs),
                )
            )

    # ---- layers -------------------------------------------------------------------------------

    def use_layer(
        self, name: str, module: nn.Module, ins: Numbers, outs: Numbers, **shape: Any
    ) -> LayerUse:
        """Record that a layer ran; a second run joins its channels with those of the first."""
        seen = self.findings.uses.get(name)
        if seen is not None:
            self.join(seen.ins, ins)
            self.join(seen.outs, outs)
            seen.ins = np.maximum(seen.ins, ins)
            return seen
        use = LayerUse(name, module, self.block, ins=ins, outs=outs, **shape)
        self.findings.uses[name] = use
        return use

    def outputs_of(self, name: str, count: int) -> Numbers:
        """Numbers of a mixing layer's outputs: fresh, or those of its earlier run."""
        seen = self.findings.uses.get(name)
        return self.fresh(count) if seen is None else seen.outs

    def shadow_parameter(self, parameter: Tensor) -> Tensor:
        """Stand-in with numbers for a bare parameter used in arithmetic (a learned scale)."""
        if id(parameter) in self._shadows:
            return self._shadows[id(parameter)]
        _, module = self.parameters[id(parameter)]
        name = full = self.names[id(module)]
        for own, value in module.named_parameters(recurse=False):
            if value is parameter:
                full = f"{name}.{own}" if name else own
        if sum(side > 1 for side in parameter.shape) <= 1 and parameter.is_floating_point():
            outs = self.outputs_of(full, parameter.numel())
            shape = {"mixes": False, "groups": 1, "kernel": 1, "bias": False}
            self.use_layer(full, module, outs, outs, **shape)
            shadow = torch.from_numpy(outs.astype(np.float32)).view(parameter.shape)
            self.add_tensor(shadow, outs)
            self.step("parameter", [], [shadow], full)
        else:
            shadow = torch.zeros_like(parameter.detach(), dtype=torch.float32)
            self.add_tensor(shadow, np.zeros(0, np.int64))
            kind = type(module).__name__
            self.lock_owner(f"{name} ({kind}) uses its weights in a way that cannot be traced")
        self._shadows[id(parameter)] = shadow
        return shadow

    def known_split(self) -> bool:
        """Whether the running module stores its split sizes where surgery can rewrite them."""
        rule = rule_of(self.owner)
        return rule is not None and rule.knows_splits

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; PyTorch's guard against it would cost a tenth of the pass."""
        return False

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Say that what happens inside is the trace's own doing, and not a module's."""
        before, self.busy = self.busy, True
        try:
            yield
        finally:
            self.busy = before

    # ---- dispatch -----------------------------------------------------------------------------

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Give an operation to its handler (see ``core.graph.handlers``)."""
        packet = func._overloadpacket
        before, self.busy = self.busy, True
        try:
            result = self._handlers.get(packet, self._unknown)(self, func, args, kwargs or {})
        finally:
            self.busy = before
        self.extents.carry(packet, args, result)
        if self._chosen and any(id(value) in self._chosen for value in args):
            self.mark_chosen(result)
        return result

    def mark_chosen(self, result: Any) -> None:
        """Remember that a tensor without channels was still made from channel numbers.

        Numbers are no image: a program that branches on such values would take a random branch.
        """
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, Tensor) and not self.is_traced(tensor):
                self._chosen[id(tensor)] = tensor

    def depends_on_image(self, tensor: Tensor) -> bool:
        """Whether a tensor's values would depend on the image."""
        return self.is_traced(tensor) or id(tensor) in self._chosen
