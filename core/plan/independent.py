"""The strategy “independent”: blocks whose removal touches nothing but their own reader."""

from __future__ import annotations

from core.graph.table import ChannelTable
from core.plan.axes import Axes


def why_not_independent(axes: Axes, block: int) -> str:
    """Describe what else removing a block's outputs would change; empty if only one reader."""
    own = axes.block_outputs[block]
    if not own:
        return f"Block {block} has no feature map as output."
    for number in axes.mixing:
        layer = axes.table.layers[number]
        if layer.block != block and own & set(axes.table.outputs(number).tolist()):
            return f"Block {block} shares channels with {layer.name} in block {layer.block}."
    readers = reading_blocks(axes.table, block, own)
    if len(readers) > 1:
        named = " and ".join(str(r) for r in sorted(readers))
        return f"Block {block} is read by blocks {named}, so all of them would change."
    return ""


def reading_blocks(table: ChannelTable, block: int, atoms: set[int]) -> set[int]:
    """Other blocks with a layer that mixes some of the atoms."""
    return {
        layer.block
        for number, layer in enumerate(table.layers)
        if layer.mixes and layer.block != block and atoms & set(table.inputs(number).tolist())
    }


def independent_blocks(axes: Axes) -> tuple[int, ...]:
    """Blocks the strategy may prune; none of them reads another."""
    chosen: list[int] = []
    taken: set[int] = set()
    for block in axes.table.blocks:
        able = any(
            (axes.table.fixed[axes.held[number]] < 0).any()
            for number, _ in axes.targets(block.index, "output")
        )
        if able and block.index not in taken and not why_not_independent(axes, block.index):
            chosen.append(block.index)
            taken |= reading_blocks(axes.table, block.index, axes.block_outputs[block.index])
    return tuple(chosen)
