"""Understand a network: trace it, join its channels into atoms, describe its blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import nn

from core.checkpoint.guard import guarded, may_grow
from core.errors import UserError
from core.graph.blocks import BlockTrace, describe_blocks
from core.graph.drive import BlockRun, Driver, count_positions, slow_attention, untouched
from core.graph.findings import Findings, LayerUse
from core.graph.modules import described, is_inside, rule_of
from core.graph.parameters import at_rest, is_sized
from core.graph.table import NO_ATOM, ChannelTable, Ints, Layer, Port, Split, Step
from core.system.size import ImageSize, SizeLike

MOST_OPERATIONS = 10**7
"""Of a trace, when it has to be guarded; those of the largest networks are some ten thousand."""


def analyse_model(model: nn.Module, image_size: SizeLike) -> ChannelTable:
    """Trace a network and return its channel table.

    Parameters
    ----------
    model : nn.Module
        A network of Ultralytics. It is left exactly as it was.
    image_size : ImageSize, int or pair of int
        Of the image at which multiply-adds are counted: a square's side, or height and width.

    Returns
    -------
    ChannelTable
        Frozen, without torch.

    Raises
    ------
    UserError
        When the network is not a list of blocks that can be followed.
    """
    if not isinstance(getattr(model, "model", None), nn.Sequential):
        raise UserError(
            f"{type(model).__name__} is not a network of blocks that Secateur supports.",
            "Open a detection, segmentation, pose, oriented-box or classification checkpoint.",
        )
    findings, size = Findings(), ImageSize.of(image_size)
    guard = guarded("The file", MOST_OPERATIONS) if may_grow(model) else nullcontext()
    with untouched(model), torch.no_grad(), slow_attention(), guard:
        driver = Driver(model, findings, size)
        with driver.watch.watching():
            runs = driver.evaluate()
            driver.train()
        positions = count_positions(driver)
    return _build(model, findings, runs, positions, size)


def _build(
    model: nn.Module,
    findings: Findings,
    runs: list[BlockRun],
    positions: dict[str, int],
    image_size: ImageSize,
) -> ChannelTable:
    """Join numbers into atoms and lay everything out in arrays."""
    modules = dict(model.named_modules())
    _tie_heads(modules, findings)
    _lock_modules(findings)
    labels = _components(findings)
    # Number 0 is the constant: nothing ever joins it, so its label is 0 and becomes NO_ATOM.
    atom_of = (labels - 1).astype(np.int32)
    atom_of[0] = NO_ATOM
    fixed, reasons = _fixed_atoms(findings, atom_of, int(labels.max()))
    uses = list(findings.uses.values())
    ins = [atom_of[use.ins] for use in uses]
    outs = [atom_of[use.outs] for use in uses]
    by_name = {use.name: number for number, use in enumerate(uses)}
    unfollowed = _unfollowed(modules, set(by_name))
    tensors = tuple(atom_of[t] for t in findings.tensors)
    bare = ChannelTable(
        layers=_layers(modules, uses, positions),
        in_atoms=_joined(ins),
        in_offsets=_offsets(ins),
        out_atoms=_joined(outs),
        out_offsets=_offsets(outs),
        fixed=fixed,
        reasons=reasons,
        splits=_splits(findings, atom_of),
        steps=tuple(
            Step(s.op, s.block, s.owner, by_name.get(s.layer, -1), s.inputs, s.outputs)
            for s in findings.steps
        ),
        tensors=tensors,
        blocks=(),
        image_size=image_size,
        other_parameters=0,
        unfollowed=unfollowed,
        ports=tuple(
            Port(p.name, p.side, p.place, atom_of[p.numbers]) for p in findings.ports.values()
        ),
    )
    return describe_blocks(bare, [_block_trace(model, run, atom_of) for run in runs])


def _layers(
    modules: Mapping[str, nn.Module], uses: list[LayerUse], positions: dict[str, int]
) -> tuple[Layer, ...]:
    # As in the count of Ultralytics, products inside nn.MultiheadAttention, its packed
    # projections included, are no layer's multiply-adds.
    packed = {n for n, m in modules.items() if isinstance(m, nn.MultiheadAttention)}
    unseen = described(modules)
    return tuple(
        Layer(
            use.name,
            type(modules[use.name]).__name__ if use.name in modules else "Parameter",
            use.block,
            use.mixes,
            use.kernel,
            use.groups,
            use.bias,
            0 if use.name.rpartition(".")[0] in packed else positions.get(use.name, 0),
            not is_inside(use.name, unseen),
            at_rest(use.module),
            is_sized(use.module),
        )
        for use in uses
    )


def _tie_heads(modules: Mapping[str, nn.Module], findings: Findings) -> None:
    """Attention loses whole heads: everything a head owns is one atom."""
    for name, module in modules.items():
        rule = rule_of(module)
        layout = None if rule is None else rule.heads
        use = findings.uses.get(f"{name}.{layout.projection}") if layout else None
        if layout is None or use is None:
            continue
        sizes: Any = module
        heads, per_head = int(sizes.num_heads), layout.per_head(module)
        if len(use.outs) != heads * per_head:
            findings.locked_modules[name] = f"{name} has an unknown layout of its heads"
            continue
        groups = [use.outs.reshape(heads, per_head)]
        if layout.tied_to_input:
            head_dim = int(sizes.head_dim)
            if len(use.ins) != heads * head_dim:
                findings.locked_modules[name] = f"{name} has an input of unexpected width"
                continue
            groups.append(use.ins.reshape(heads, head_dim))
        first = groups[0][:, :1]
        for rows in groups:
            pairs = np.stack([np.broadcast_to(first, rows.shape).ravel(), rows.ravel()])
            findings.edges.append(pairs[:, (pairs > 0).all(axis=0)])


def _lock_modules(findings: Findings) -> None:
    for name, reason in findings.locked_modules.items():
        for use in findings.uses.values():
            if use.name == name or use.name.startswith(f"{name}."):
                both = np.concatenate([use.ins, use.outs])
                findings.fixed.insert(0, (both[both > 0], reason))


def _components(findings: Findings) -> NDArray[np.int32]:
    """Label of the coupled set of every channel number (0 included)."""
    count = findings.next_number
    pairs = np.concatenate([np.zeros((2, 0), np.int64), *findings.edges], axis=1)
    graph = coo_array((np.ones(pairs.shape[1], np.int8), (pairs[0], pairs[1])), (count, count))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def _fixed_atoms(
    findings: Findings, atom_of: NDArray[np.int32], atoms: int
) -> tuple[Ints, tuple[str, ...]]:
    reasons: list[str] = []
    fixed = np.full(atoms, -1, np.int32)
    for found in (findings.fixed, findings.fixed_beside):
        for numbers, reason in found:
            own = atom_of[numbers]
            own = own[own >= 0]
            own = own[fixed[own] < 0]
            if len(own) == 0 and found is findings.fixed_beside:
                continue
            if reason not in reasons:
                reasons.append(reason)
            fixed[own] = reasons.index(reason)
    return fixed, tuple(reasons)


def _splits(findings: Findings, atom_of: NDArray[np.int32]) -> tuple[Split, ...]:
    """Equal pieces, once each: both passes see the same ones."""
    found: dict[tuple[str, bytes], Split] = {}
    for split in findings.splits:
        pieces = tuple(atom_of[piece] for piece in split.pieces)
        key = (split.owner, b"".join(piece.tobytes() for piece in pieces))
        found.setdefault(key, Split(split.owner, split.block, pieces))
    return tuple(found.values())


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, np.int32), *parts]).astype(np.int32)


def _offsets(parts: Sequence[Ints]) -> Ints:
    return np.cumsum([0, *(len(part) for part in parts)]).astype(np.int32)


def _unfollowed(modules: Mapping[str, nn.Module], names: set[str]) -> tuple[str, ...]:
    """Modules with weights of their own that no pass reached."""
    return tuple(
        name
        for name, module in modules.items()
        for own in [[p for p, value in module._parameters.items() if value is not None]]
        if own and name not in names and not any(f"{name}.{p}" in names for p in own)
    )


def _block_trace(model: nn.Module, run: BlockRun, atom_of: NDArray[np.int32]) -> BlockTrace:
    block: nn.Module = model.model[run.index]  # type: ignore[index,assignment]
    return BlockTrace(
        index=run.index,
        type=type(block).__name__,
        sources=run.sources,
        input_shapes=tuple(run.shapes),
        output_shape=run.output_shape,
        image_side=run.image_side,
        heights=tuple(run.heights),
        out_atoms=atom_of[run.numbers],
        parameters=sum(p.numel() for p in block.parameters()),
        reason=run.failure,
        width=int(getattr(block, "no", 0) or getattr(block, "nc", 0) or 0),
        lateral=_is_lateral(block),
    )


def _is_lateral(block: nn.Module) -> bool:
    """Whether a block is a single pointwise convolution that narrows its input."""
    convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    return (
        len(convolutions) == 1
        and convolutions[0].kernel_size == (1, 1)
        and convolutions[0].out_channels < convolutions[0].in_channels
    )
