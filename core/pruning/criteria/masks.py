"""Readings of every atom while images pass: its activation, and the gradient of a mask on it.

A mask multiplies an atom's channels wherever a mixing layer reads them. That is where removal
acts: the reader loses those columns. It is also the sum over the layers that make them, since an
add passes the gradient on to each, so an atom with a shortcut is neither lost nor counted twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.graph.table import ChannelTable

Read = Callable[[int, Tensor], Tensor]


class _Tap(torch.autograd.Function):
    """Identity whose backward hands on value times gradient, summed over positions."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, sink: Callable[[Tensor, Tensor], None]) -> Tensor:
        ctx.save_for_backward(value)
        ctx.sink = sink
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (value,) = ctx.saved_tensors
        ctx.sink(value, gradients[0])
        return gradients[0], None


class AtomReadings:
    """Collects one number per image and atom.

    Parameters
    ----------
    model : nn.Module
    table : ChannelTable
        Of that network.
    """

    def __init__(self, model: nn.Module, table: ChannelTable) -> None:
        self.table = table
        device = next(model.parameters()).device
        self.readers: list[tuple[nn.Module, Tensor, bool]] = []
        self.seen = np.zeros(table.atom_count, bool)
        for number, layer in enumerate(table.layers):
            if layer.mixes and layer.followed:
                atoms = table.inputs(number).astype(np.int64)
                self.seen[atoms[atoms >= 0]] = True
                places = np.where(atoms < 0, table.atom_count, atoms)
                module = model.get_submodule(layer.name)
                last = isinstance(module, nn.Linear)
                self.readers.append((module, torch.from_numpy(places).to(device), last))
        self.sums = torch.zeros(0, table.atom_count + 1, device=device)
        self.counts = torch.zeros(table.atom_count + 1, device=device)
        for _, atoms_read, _ in self.readers:
            self.counts.index_add_(0, atoms_read, torch.ones(len(atoms_read), device=device))

    def start(self, images: int) -> None:
        """Forget the last batch and make room for the next."""
        self.sums = torch.zeros(images, self.sums.shape[1], device=self.sums.device)

    def take(self) -> Tensor:
        """Return the readings, shape (images, atoms)."""
        return self.sums[:, :-1]

    def _add(self, places: Tensor, last: bool, values: Tensor) -> None:
        """Sum a layer's input over positions into its atoms, image by image."""
        if not last:
            values = values.movedim(1, -1)
        images = self.sums.shape[0]
        flat = values.reshape(images, -1, values.shape[-1]).sum(1)
        self.sums.index_add_(1, places, flat.to(self.sums.dtype))

    @contextlib.contextmanager
    def gradients(self) -> Iterator[None]:
        """Read value times gradient during every backward pass inside."""
        with contextlib.ExitStack() as stack:
            for module, places, last in self.readers:

                def sink(
                    value: Tensor, gradient: Tensor, places: Tensor = places, last: bool = last
                ) -> None:
                    self._add(places, last, value * gradient)

                def tap(_module: nn.Module, inputs: tuple[Any, ...], sink: Any = sink) -> Any:
                    return (_Tap.apply(inputs[0], sink), *inputs[1:])

                stack.callback(module.register_forward_pre_hook(tap).remove)
            yield

    def activations(self) -> contextlib.AbstractContextManager[None]:
        """Read the mean absolute activation during every forward pass inside."""

        def read(places: Tensor, last: bool, value: Tensor) -> None:
            positions = value.numel() / self.sums.shape[0] / len(places)
            self._add(places, last, value.abs() / positions)

        return self._inputs(read)

    @contextlib.contextmanager
    def _inputs(self, read: Callable[[Tensor, bool, Tensor], None]) -> Iterator[None]:
        """Hand on what every reader is given during every forward pass inside."""
        with contextlib.ExitStack() as stack:
            for module, places, last in self.readers:

                def hook(
                    _module: nn.Module,
                    inputs: tuple[Any, ...],
                    places: Tensor = places,
                    last: bool = last,
                ) -> None:
                    read(places, last, inputs[0].detach())

                stack.callback(module.register_forward_pre_hook(hook).remove)
            yield

    def spare_unread(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give atoms that no layer reads the highest score: nothing is known about them."""
        return np.where(self.seen, scores, scores.max(initial=0.0))
