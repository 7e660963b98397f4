"""What a head does at each scale it reads: its outputs and its part of the cost, from the trace."""

from __future__ import annotations

from dataclasses import dataclass

from core.drawing.inside import Node, read_inside, readers_of
from core.graph.table import ChannelTable


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale of a head.

    Attributes
    ----------
    source : int
        Block it reads.
    outputs : tuple of int
        Channels of the last layers that belong to this scale alone.
    ends : tuple of int
        Those layers.
    layers : tuple of (int, float)
        Layers that read it, and which part of each counts for this scale: all of it, or a half
        where two scales share it.
    """

    source: int
    outputs: tuple[int, ...]
    ends: tuple[int, ...]
    layers: tuple[tuple[int, float], ...]


def read_scales(table: ChannelTable, block: int) -> tuple[Scale, ...]:
    """Divide the layers of a head among the blocks it reads, in the order of its sources.

    Parameters
    ----------
    table : ChannelTable
    block : int
        Index of the head.
    """
    nodes = read_inside(table, block)
    reads = _reads(nodes)
    readers = readers_of(nodes)
    scales = []
    for source in table.blocks[block].sources:
        mine = [n for n, node in enumerate(nodes) if node.kind == "layer" and source in reads[n]]
        alone = {n for n in mine if len(reads[n]) == 1}
        last = [n for n in sorted(alone) if not _after(n, readers) & alone]
        ends = tuple(nodes[n].layer for n in last)
        outputs = _once(tuple(int(table.out_counts[layer]) for layer in ends))
        ends = ends[len(ends) - len(outputs) :]
        layers = tuple((nodes[n].layer, 1.0 / len(reads[n])) for n in mine)
        scales.append(Scale(source, outputs, ends, layers))
    return tuple(scales)


def _reads(nodes: list[Node]) -> list[frozenset[int]]:
    """Return which blocks each node depends on."""
    found: list[frozenset[int]] = []
    for node in nodes:
        word = node.label.split()[-1]
        if node.kind == "input":
            found.append(frozenset({int(word)} if word.isdigit() else ()))
        else:
            found.append(frozenset().union(*(found[s] for s in node.sources)))
    return found


def _after(node: int, readers: dict[int, list[int]]) -> set[int]:
    """Return everything that depends on a node."""
    seen: set[int] = set()
    edge = [node]
    while edge:
        for reader in readers.get(edge.pop(), ()):
            if reader not in seen:
                seen.add(reader)
                edge.append(reader)
    return seen


def _once(outputs: tuple[int, ...]) -> tuple[int, ...]:
    """Name outputs once where a second set of branches (end to end) repeats them."""
    for size in range(2, len(outputs) // 2 + 1):
        if outputs[:size] == outputs[size : 2 * size]:
            return outputs[size:]
    return outputs
