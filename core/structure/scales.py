"""Detection scales: which there are, which can go, and what feeds them alone."""

from __future__ import annotations

from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn

from core.errors import UserError
from core.graph.drive import block_sources, untouched
from core.graph.tensors import tensors_in
from core.plan.schema import Plan
from core.structure.units import record


def strides_of(model: nn.Module) -> tuple[int, ...]:
    """Return the strides of a network's detection scales; empty where it has none."""
    head: Any = model.model[-1]  # type: ignore[index]
    stride, count = getattr(head, "stride", None), getattr(head, "nl", 0)
    if not isinstance(stride, Tensor) or stride.numel() != count or not isinstance(head.f, list):
        return ()
    return tuple(int(value) for value in stride)


def chosen_levels(model: nn.Module, plan: Plan) -> tuple[int, ...]:
    """Return the places of the scales that a plan takes away.

    Raises
    ------
    UserError
        For a scale that there is not, that something else reads, or that is the last.
    """
    asked = [entry.scale for entry in plan.structure if entry.scale is not None]
    if not asked:
        return ()
    strides = strides_of(model)
    head: Any = model.model[-1]  # type: ignore[index]
    kind = type(head).__name__
    if not strides:
        raise UserError(
            f"The head of this network ({kind}) has no scale that can be removed.",
            "Remove units or channels instead.",
        )
    listed = ", ".join(map(str, strides))
    for stride in asked:
        if stride not in strides:
            raise UserError(
                f"The network has no scale of stride {stride}.", f"Its scales are {listed}."
            )
    if set(strides) <= set(asked):
        raise UserError(
            "At least one scale must stay.", f"Its scales are {listed}: keep one of them."
        )
    for stride in asked:
        _check_free(model, head, strides, stride)
    return tuple(sorted({strides.index(stride) for stride in asked}))


def _check_free(model: nn.Module, head: Any, strides: tuple[int, ...], stride: int) -> None:
    """Raise where anything but the branches of a scale reads it."""
    readers = _other_readers(model, head)
    others = readers[strides.index(stride)]
    if others:
        free = [s for s, own in zip(strides, readers, strict=True) if not own]
        hint = f"These can: {', '.join(map(str, free))}." if free else "None of its scales can."
        raise UserError(
            f"The scale of stride {stride} cannot be removed: {others[0]} reads it.",
            hint,
            (others[0],),
        )


def _other_readers(model: nn.Module, head: Any) -> list[list[str]]:
    """For every scale, the modules of the head outside its branches that read it."""
    calls = record(model).calls
    last = len(model.model) - 1  # type: ignore[arg-type]
    branches = tuple(f"model.{last}.{name}." for name in _branches(head))
    found = []
    for source in block_sources(head, last)[: head.nl]:
        feature = calls[f"model.{source}"].result
        own = [n for n, call in calls.items() if call.source is feature]
        inside = [n for n in own if n.startswith(f"model.{last}.")]
        found.append([n for n in inside if not n.startswith(branches)])
    return found


def _branches(head: nn.Module) -> list[str]:
    """Return the names of the lists that have a part for every scale."""
    lists = ((n, m) for n, m in head.named_children() if isinstance(m, nn.ModuleList))
    return [name for name, parts in lists if len(parts) == head.nl]


def places_of(model: nn.Module, images: Tensor) -> tuple[int, ...]:
    """Return at how many positions each detection scale sees an image, the finest first.

    Counted on what the head reads: a stride need not be whole, and paddings add to it.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode.
    images : Tensor, shape (n, channels, height, width)
        Of the size concerned; only the first is run.
    """
    seen: list[int] = []

    def note(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.extend(t.shape[-2] * t.shape[-1] for t in tensors_in(inputs[0]))

    head: Any = model.model[-1]  # type: ignore[index]
    hook = head.register_forward_pre_hook(note)
    try:
        with torch.inference_mode(), untouched(model):
            model(images[:1])
    finally:
        hook.remove()
    return tuple(seen[: len(strides_of(model))])


def sources_of(model: nn.Module) -> tuple[int, ...]:
    """Return the blocks that the detection scales of a network read, the finest first."""
    head: Any = model.model[-1]  # type: ignore[index]
    last = len(model.model) - 1  # type: ignore[arg-type]
    return tuple(block_sources(head, last)[: len(strides_of(model))])


def modules_of(model: nn.Module, level: int) -> tuple[str, ...]:
    """Return the names of the modules of a head that work for one scale alone."""
    head: Any = model.model[-1]  # type: ignore[index]
    last = len(model.model) - 1  # type: ignore[arg-type]
    return tuple(f"model.{last}.{name}.{level}" for name in _branches(head))


def feeding_alone(model: nn.Module, levels: tuple[int, ...]) -> frozenset[int]:
    """Return the blocks that feed nothing but some scales."""
    if not levels:
        return frozenset()
    blocks = list(model.model)  # type: ignore[arg-type]
    last = len(blocks) - 1
    graph: Any = nx.DiGraph()
    for index, block in enumerate(blocks):
        graph.add_edges_from((source, index) for source in block_sources(block, index))
    before = nx.ancestors(graph, last)
    sources = block_sources(blocks[last], last)
    graph.remove_edges_from((sources[level], last) for level in levels)
    kept = {s for n, s in enumerate(sources) if n not in levels}
    graph.add_edges_from((source, last) for source in kept)
    return frozenset(n for n in before - nx.ancestors(graph, last) if n >= 0)


def drop(model: nn.Module, levels: tuple[int, ...], kind: type[nn.ModuleList]) -> None:
    """Take scales out of a network's head in place.

    Parameters
    ----------
    model : nn.Module
    levels : tuple of int
        Their places.
    kind : type
        What the lists of its branches become.
    """
    head: Any = model.model[-1]  # type: ignore[index]
    kept = [n for n in range(head.nl) if n not in levels]
    for name in _branches(head):
        parts = getattr(head, name)
        parts.__class__ = kind
        for key in [list(parts._modules)[level] for level in levels]:
            del parts._modules[key]
    head.f = [source for n, source in enumerate(head.f) if n not in levels]
    head.nl = len(kept)
    head.stride = head.stride[kept]
    head.shape = None  # else it would keep the anchors of all scales
    model.stride = head.stride.clone()
