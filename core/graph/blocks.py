"""The block graph: who feeds whom, at which stride, and which part of the network it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import networkx as nx

from core.graph.table import Block, ChannelTable, Ints


@dataclass(frozen=True, slots=True)
class BlockTrace:
    """Plain facts about one block, as the trace met it."""

    index: int
    type: str
    sources: tuple[int, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    image_side: int
    heights: tuple[int, ...]
    out_atoms: Ints
    parameters: int
    reason: str
    width: int
    lateral: bool

    @property
    def spatial(self) -> bool:
        """Whether the block puts out a feature map."""
        return len(self.output_shape) == 4

    @property
    def stride(self) -> int:
        """Image pixels per output position (of the finest input where there is no map)."""
        return max(1, self.image_side // max(self.heights)) if self.heights else 1


def describe_blocks(table: ChannelTable, traces: Sequence[BlockTrace]) -> ChannelTable:
    """Return the table with its blocks, and with the parameters no layer accounts for."""
    stages = find_stages(traces)
    pairs = table.in_counts.astype(int) * table.out_counts
    cost = table.coefficients
    macs = cost[2] * pairs + cost[3] * table.out_counts
    blocks = tuple(
        Block(
            index=trace.index,
            type=trace.type,
            stage=stages[trace.index],
            stride=trace.stride,
            sources=trace.sources,
            source_channels=tuple(shape[1] for shape in trace.input_shapes),
            out_channels=trace.output_shape[1] if trace.spatial else trace.width,
            out_atoms=trace.out_atoms if trace.spatial else trace.out_atoms[:0],
            parameters=trace.parameters,
            macs=int(sum(macs[n] for n in table.layers_of(trace.index))),
            spatial=trace.spatial,
            reason=trace.reason,
        )
        for trace in traces
    )
    counted = int((cost[0] * pairs + cost[1] * table.out_counts).sum())
    other = sum(block.parameters for block in blocks) - counted
    return replace(table, blocks=blocks, other_parameters=other)


def find_stages(traces: Sequence[BlockTrace]) -> dict[int, str]:
    """Tell backbone, neck and head apart by the graph.

    The head is what nothing reads. The neck begins where the path first turns back to a finer
    stride or joins blocks of different depth at one stride; a pointwise convolution that narrows
    the deepest features right before that turn is part of it. All before is backbone.
    """
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(trace.index for trace in traces)
    graph.add_edges_from((s, t.index) for t in traces for s in t.sources if s >= 0)
    by_index = {trace.index: trace for trace in traces}
    heads = {node for node in graph if graph.out_degree(node) == 0}
    turn = next((t.index for t in traces if t.index not in heads and _turns(t, by_index)), None)
    if turn is not None:
        deepest = max(t.stride for t in traces if t.index < turn)
        before = [t for t in traces if t.index < turn and t.stride == deepest]
        turn = next((t.index for t in before if t.lateral), turn)
    return {
        trace.index: "head"
        if trace.index in heads
        else "backbone"
        if turn is None or trace.index < turn
        else "neck"
        for trace in traces
    }


def _turns(trace: BlockTrace, by_index: dict[int, BlockTrace]) -> bool:
    strides = [by_index[s].stride for s in trace.sources if s >= 0]
    return bool(strides) and trace.spatial and min(strides) > trace.stride


def block_graph(table: ChannelTable) -> nx.DiGraph[int]:
    """Return the blocks as a networkx graph.

    Nodes are block indices with the block's facts as attributes and its layers' names as
    ``layers``; each edge carries ``channels`` and, into a Concat, its ``offset``.
    """
    graph: nx.DiGraph[int] = nx.DiGraph()
    for block in table.blocks:
        graph.add_node(
            block.index,
            type=block.type,
            stage=block.stage,
            stride=block.stride,
            in_channels=block.in_channels,
            out_channels=block.out_channels,
            parameters=block.parameters,
            macs=block.macs,
            layers=tuple(table.layers[n].name for n in table.layers_of(block.index)),
        )
    for block in table.blocks:
        offset = 0
        for source, channels in zip(block.sources, block.source_channels, strict=True):
            if source >= 0:
                graph.add_edge(source, block.index, channels=channels, offset=offset)
            offset += channels
    return graph
