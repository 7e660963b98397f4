"""How what a plan removes as a whole is shown: pale, in dashes, and in words. No Qt."""

from __future__ import annotations

from app.graph_view.drawing.state import GraphState
from core.drawing.places import EdgePlace, InsidePlace

GONE = "removed"
"""What stands for the channels of what the plan removes as a whole."""
Places = frozenset[int]


def gone_inside(index: int, inside: InsidePlace | None, state: GraphState) -> tuple[Places, Places]:
    """Return which nodes and lines of an opened block the plan removes, by their places."""
    if inside is None or not (state.gone_modules or index in state.gone):
        return frozenset(), frozenset()
    if index in state.gone:
        return frozenset(range(len(inside.nodes))), frozenset(range(len(inside.lines)))
    prefixes = tuple(f"{name}." for name in state.gone_modules)
    nodes = frozenset(
        number
        for number, node in enumerate(inside.nodes)
        if node.owner and f"{node.name or node.owner}.".startswith(prefixes)
    )
    lines = frozenset(n for n, ends in enumerate(inside.ends) if nodes.intersection(ends))
    return nodes, lines


def with_gone(layers: tuple[str, ...], gone: Places, inside: InsidePlace | None) -> tuple[str, ...]:
    """Write of layers that go that they do, instead of their widths."""
    if not gone or inside is None:
        return layers
    return tuple(
        GONE if n in gone and inside.nodes[n].layer >= 0 else text for n, text in enumerate(layers)
    )


def is_gone(place: EdgePlace, state: GraphState) -> bool:
    """Whether the plan removes a connection, or one of the blocks that it joins."""
    ends = (place.source, place.target)
    return ends in state.gone_links or bool(state.gone.intersection(ends))
