"""Watches modules while a network is traced: which one runs, what it takes and returns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from core.graph.findings import RawPort
from core.graph.modules import rule_of, stand_in_of
from core.graph.parameters import names_itself
from core.graph.rules import Side
from core.graph.tensors import replaced, tensors_in
from core.graph.trace import ChannelTrace


class Watch:
    """Tells a trace which module runs, and locks one whose outputs come from nowhere.

    Parameters
    ----------
    model : nn.Module
        Modules with a stand-in (`core.graph.modules`) run it from now on; whoever traces the
        network puts their attributes back.
    trace : ChannelTrace
    """

    def __init__(self, model: nn.Module, trace: ChannelTrace) -> None:
        self.trace = trace
        self.modules = list(model.modules())
        self._unseen: set[str] = set()
        self._known = {id(t) for t in (*model.parameters(), *model.buffers())}
        self._ports = {
            id(module)
            for module in self.modules
            if (rule := rule_of(module)) is not None and any(not s.layer for s in rule.stores)
        }
        for module in self.modules:
            stand_in = stand_in_of(module)
            if stand_in is not None:
                module.__dict__["forward"] = partial(stand_in, module)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch during every pass inside; most of PyTorch's own leaves need no watching."""
        real, hooks = Tensor.numpy, list[RemovableHandle]()
        for module in self.modules:
            own = not type(module).__module__.startswith("torch.nn.")
            if own or names_itself(module) or isinstance(module, nn.MultiheadAttention):
                hooks.append(module.register_forward_pre_hook(self._enter))
                hooks.append(module.register_forward_hook(self._leave, always_call=True))

        def numpy(tensor: Tensor, **options: Any) -> Any:
            self._take_out(tensor)
            return real(tensor, **options)

        try:
            with mock.patch.object(Tensor, "numpy", numpy):
                yield
        finally:
            for hook in hooks:
                hook.remove()

    def use_own_forward(self, block: nn.Module) -> None:
        """Let a block's modules run as they are from now on, where a stand-in failed."""
        for module in block.modules():
            module.__dict__.pop("forward", None)

    def _take_out(self, tensor: Tensor) -> None:
        """Remember a module that takes channels out of PyTorch: what becomes of them is unseen."""
        owner = self.trace.owner
        if owner is not None and not self.trace.busy and self.trace.is_traced(tensor):
            self._lose(owner, "takes values out of PyTorch")

    def _lose(self, module: nn.Module, how: str) -> None:
        name = self.trace.names[id(module)]
        self._unseen.add(name)
        text = f"{name} ({type(module).__name__}) {how}"
        self.trace.findings.locked_modules.setdefault(name, text)

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        self.trace.enter(module)
        with self.trace.at_work():
            self._note(module, inputs, "inputs")

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        with self.trace.at_work():
            self._note(module, output, "outputs")
            self.trace.leave()
            return self._checked(module, inputs, output)

    def _checked(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """Fix what a module that cannot be traced read and made; None where all is as it was."""
        name = self.trace.names[id(module)]
        read = [t for t in tensors_in(inputs) if self.trace.is_traced(t)]
        lost = bool(read) and any(map(self._is_lost, tensors_in(output)))
        if lost:
            self._lose(module, "makes its outputs in a way that is not traced")
        if name in self._unseen:
            made = [t for t in tensors_in(output) if self.trace.is_traced(t)]
            for tensor in (*read, *made):
                self.trace.fix_tensor(tensor, self.trace.findings.locked_modules[name])
        return replaced(output, self._constant) if lost else None

    def _is_lost(self, tensor: Tensor) -> bool:
        """Whether a tensor carries no channel, though it is none of the network's own."""
        known = self.trace.is_traced(tensor) or id(tensor) in self._known
        return tensor.is_floating_point() and not known

    def _constant(self, tensor: Tensor) -> Tensor:
        return self.trace.constant(torch.zeros(tensor.shape)) if self._is_lost(tensor) else tensor

    def _note(self, module: nn.Module, value: Any, side: Side) -> None:
        """Remember the channels that a module takes or returns, where it stores how many."""
        if id(module) not in self._ports:
            return
        name = self.trace.names[id(module)]
        for place, tensor in enumerate(tensors_in(value)):
            if self.trace.is_traced(tensor) and tensor.ndim > 1:
                port = RawPort(name, side, place, self.trace.read(tensor))
                self.trace.findings.ports.setdefault((name, side, place), port)
