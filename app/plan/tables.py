"""Blocks, the layers of a block and the channels between blocks, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from app.kit import formats, theme
from app.kit.table_model import Column
from app.state.session import Session
from core.graph.table import Block

if TYPE_CHECKING:
    from core.plan.live import Prediction

# ---- the blocks -------------------------------------------------------------------------------


def _role(session: Session, block: Block) -> str:
    return session.prediction.roles.get(block.index, "") if session.prediction else ""


def _after(session: Session, block: Block, side: Literal["block_in", "block_out"]) -> int:
    before = block.in_channels if side == "block_in" else block.out_channels
    if session.prediction is None:
        return before
    known = session.prediction.block_in if side == "block_in" else session.prediction.block_out
    return known.get(block.index, before)


def _cost(session: Session, block: Block, side: Literal["block_parameters", "block_macs"]) -> int:
    found = session.prediction
    if found is None:
        return 0
    known = found.block_macs if side == "block_macs" else found.block_parameters
    return known.get(block.index, 0)


def block_columns(session: Session) -> list[Column[Block]]:
    """Return the columns of the table of blocks."""
    role, after, cost = partial(_role, session), partial(_after, session), partial(_cost, session)
    return [
        Column("#", lambda b: str(b.index), lambda b: b.index, "The block's index", role),
        Column("Type", lambda b: b.type, tip="The block's class", colour=role),
        Column("Stage", lambda b: formats.STAGES.get(b.stage, b.stage), tip="Stage of the network"),
        Column("Reads", formats.sources, tip="The blocks that it reads"),
        Column(
            "Channels in",
            lambda b: formats.widths(b.in_channels, after(b, "block_in")),
            lambda b: b.in_channels,
            "Input channels, before → after",
            lambda b: role(b) if after(b, "block_in") != b.in_channels else "",
            True,
        ),
        Column(
            "Channels out",
            lambda b: formats.widths(b.out_channels, after(b, "block_out")),
            lambda b: b.out_channels,
            "Output channels, before → after",
            lambda b: role(b) if after(b, "block_out") != b.out_channels else "",
            True,
        ),
        Column(
            "Parameters",
            lambda b: formats.count(cost(b, "block_parameters")),
            lambda b: cost(b, "block_parameters"),
            "The number of weights, after the plan",
            right=True,
        ),
        Column(
            "GFLOPs",
            lambda b: formats.gflops(cost(b, "block_macs")),
            lambda b: cost(b, "block_macs"),
            "For one image, after the plan",
            right=True,
        ),
        Column(
            "Plan",
            lambda b: theme.ROLE_NAMES[role(b)],
            tip="What the plan does to the block",
            colour=role,
        ),
        Column("Description", formats.plain, tip="A short description of the block"),
    ]


# ---- layers of a block ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer with its widths before and after."""

    name: str
    kind: str
    kernel: str
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    parameters: int
    fixed: str


LAYER_COLUMNS: list[Column[LayerRow]] = [
    Column(
        "Layer",
        lambda r: r.name.removesuffix(".conv") + (" (fixed)" if r.fixed else ""),
        tip="Name within the block; fixed: its outputs cannot be removed",
    ),
    Column("Kernel", lambda r: r.kernel or r.kind, tip="Kernel size, or the class"),
    Column("In", lambda r: formats.widths(*r.inputs), lambda r: r.inputs[0], "Inputs", right=True),
    Column(
        "Out", lambda r: formats.widths(*r.outputs), lambda r: r.outputs[0], "Outputs", right=True
    ),
    Column("Params", lambda r: formats.count(r.parameters), lambda r: r.parameters, right=True),
]


def layer_rows(session: Session, block: int) -> list[LayerRow]:
    """Return the layers of a block, normalisation left out (it follows its convolution)."""
    model, prediction = session.model, session.prediction
    if model is None or prediction is None:
        return []
    from core.plan.widths import layer_costs

    table = model.table
    parameters = layer_costs(table, prediction.after)[0]
    rows = []
    for number in table.layers_of(block):
        layer = table.layers[number]
        if not layer.mixes and not layer.kind.startswith("Conv"):
            continue
        own = table.outputs(number)
        fixed = [int(table.fixed[a]) for a in own.tolist() if a >= 0]
        note = table.reasons[fixed[0]] if fixed and all(f >= 0 for f in fixed) else ""
        side = round(layer.kernel**0.5)
        kernel = f"{side}×{side}" if layer.kind.startswith("Conv") else ""
        gone = layer.name not in model.left.index
        inputs, outputs = _widths_of(prediction, number, gone)
        rows.append(
            LayerRow(
                layer.name.removeprefix(f"model.{block}."),
                layer.kind,
                "removed" if gone else kernel,
                inputs,
                outputs,
                int(parameters[number]),
                note,
            )
        )
    return rows


def _widths_of(
    prediction: Prediction, number: int, gone: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return a layer's inputs and outputs, before and after; of one that goes, nothing."""
    if gone:
        return (0, 0), (0, 0)
    before, after = prediction.before, prediction.after
    return (
        (int(before.inputs[number]), int(after.inputs[number])),
        (int(before.outputs[number]), int(after.outputs[number])),
    )


# ---- channel flow -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One connection: a block's output read by another block."""

    source: int
    source_name: str
    target: int
    target_name: str
    before: int
    after: int
    joined: str


FLOW_COLUMNS: list[Column[FlowRow]] = [
    Column("From", lambda r: r.source_name, lambda r: r.source, "The source block"),
    Column("To", lambda r: r.target_name, lambda r: r.target, "The reading block"),
    Column(
        "Channels",
        lambda r: formats.widths(r.before, r.after),
        lambda r: r.before,
        "Channels, before → after",
        right=True,
    ),
    Column("Position", lambda r: r.joined, tip="Position among the channels of a Concat"),
]


def flow_rows(session: Session) -> list[FlowRow]:
    """Return who feeds whom."""
    if session.table is None or session.prediction is None:
        return []
    blocks = {b.index: b for b in session.table.blocks}
    outs = session.prediction.block_out
    rows = []
    for block in session.table.blocks:
        offset = 0
        many = len(block.sources) > 1
        for source, before in zip(block.sources, block.source_channels, strict=True):
            lost = blocks[source].out_channels - outs[source] if source >= 0 else 0
            after = before - lost
            name = f"{source} {blocks[source].type}" if source >= 0 else "image"
            joined = "one of its feature maps" if many else ""
            if many and block.type == "Concat":
                joined = f"channels {offset}–{offset + after - 1} of Concat {block.index}"
            target = f"{block.index} {block.type}"
            rows.append(FlowRow(source, name, block.index, target, before, after, joined))
            offset += after
    return rows
