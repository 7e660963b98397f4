"""Draws the inside of a block from top to bottom: chains of layers as columns, shortcuts as rails.

Ranks are the same height across the whole diagram, so lines may run freely between two ranks and
in the gutters between columns: no line can cross a layer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import networkx as nx

from core.drawing.inside import Node, read_inside, readers_of
from core.drawing.places import InsidePlace, NodePlace, Point, Points
from core.graph.table import ChannelTable

LAYER_HEIGHT = 22.0
WIDTHS_ROOM = 80.0
"""Right part of a layer's box, where its widths are."""
KERNEL_ROOM = 44.0
"""Left of that, its kernel."""
LETTER = 6.9
"""Width of a letter of the layers' font, near enough to reserve room without Qt."""
SMALL_SIZE = (56.0, 16.0)
GAP = 9.0
TRACK = 5.0
RAIL = 9.0
MARGIN = 12.0
SHELF = 500.0


def place_inside(table: ChannelTable, block: int, upwards: bool = False) -> InsidePlace:
    """Lay the inside of a block out, from its own upper left corner.

    Parameters
    ----------
    table : ChannelTable
    block : int
        Index of the block; one without layers gives an empty diagram.
    upwards : bool
        Whether it flows from bottom to top, as the way up through the neck does.
    """
    nodes = read_inside(table, block)
    if not any(node.kind == "layer" for node in nodes):
        return InsidePlace((), (), 0.0, 0.0)
    inside = _pack([_Diagram(part).place() for part in _components(nodes)])
    return _turned(inside) if upwards else inside


def _turned(inside: InsidePlace) -> InsidePlace:
    """Turn a diagram upside down."""
    height = inside.height
    nodes = tuple(replace(n, y=height - n.y - n.height) for n in inside.nodes)
    lines = tuple(tuple((x, height - y) for x, y in line) for line in inside.lines)
    return InsidePlace(nodes, lines, inside.width, height, inside.ends)


def _components(nodes: list[Node]) -> list[list[Node]]:
    """Take apart what no line joins (the branches of a head)."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(nodes)))
    graph.add_edges_from((s, n) for n, node in enumerate(nodes) for s in node.sources)
    parts = []
    for members in sorted(sorted(part) for part in nx.connected_components(graph)):
        place = {old: new for new, old in enumerate(members)}
        parts.append(
            [replace(nodes[m], sources=[place[s] for s in nodes[m].sources]) for m in members]
        )
    return parts


def _pack(parts: list[InsidePlace]) -> InsidePlace:
    """Set diagrams side by side until a shelf is full, then below it."""
    limit = max(SHELF, max(part.width for part in parts))
    x = y = shelf = width = 0.0
    nodes: list[NodePlace] = []
    lines: list[Points] = []
    ends: list[tuple[int, int]] = []
    for part in parts:
        if x and x + part.width > limit:
            x, y, shelf = 0.0, y + shelf, 0.0
        ends.extend((source + len(nodes), target + len(nodes)) for source, target in part.ends)
        nodes.extend(replace(node, x=node.x + x, y=node.y + y) for node in part.nodes)
        lines.extend(tuple((px + x, py + y) for px, py in line) for line in part.lines)
        x += part.width
        shelf = max(shelf, part.height)
        width = max(width, x)
    return InsidePlace(tuple(nodes), tuple(lines), width, y + shelf, tuple(ends))


class _Diagram:
    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.readers = readers_of(nodes)
        self.rank = self._ranks()
        self.below = self._chains()
        self.column = self._columns()

    # ---- which rank, which column -------------------------------------------------------------

    def _ranks(self) -> list[int]:
        """Longest way from the top; marks of inputs are right above their first reader."""
        ranks: list[int] = []
        for node in self.nodes:
            ranks.append(1 + max((ranks[s] for s in node.sources), default=-1))
        last = max(ranks)
        for number, node in enumerate(self.nodes):
            if not node.sources and not self.readers.get(number):  # on its own (DFL)
                ranks[number] = last
        return ranks

    def _chains(self) -> dict[int, int]:
        """Pair each node with the one that is under it in the same column."""
        below: dict[int, int] = {}
        taken: set[int] = set()
        for number in range(len(self.nodes)):
            wanted = sorted(self.readers.get(number, ()), key=lambda r: (self.rank[r], r))
            for reader in wanted:
                if reader not in taken:
                    below[number] = reader
                    taken.add(reader)
                    break
        return below

    def _columns(self) -> list[int]:
        """Give each chain the leftmost column that is free over its ranks."""
        heads = [n for n in range(len(self.nodes)) if n not in self.below.values()]
        heads.sort(key=lambda n: (self._home(n), self.rank[n], n))
        busy: list[list[tuple[int, int]]] = []
        column = [0] * len(self.nodes)
        for head in heads:
            chain = [head]
            while chain[-1] in self.below:
                chain.append(self.below[chain[-1]])
            span = (self.rank[chain[0]], self.rank[chain[-1]])
            place = next(
                (c for c, spans in enumerate(busy) if all(_apart(span, s) for s in spans)),
                len(busy),
            )
            if place == len(busy):
                busy.append([])
            busy[place].append(span)
            for number in chain:
                column[number] = place
        return column

    def _home(self, head: int) -> int:
        """Chains that start at the same input or node are side by side."""
        sources = self.nodes[head].sources
        return min(sources) if sources else head

    # ---- lines ---------------------------------------------------------------------------------

    def _straight(self, source: int, target: int) -> bool:
        return self.below.get(source) == target

    def _plan_lines(self) -> None:
        """Reserve a rail for every source of long lines, and a track in each gap they cross."""
        self.rails: dict[int, int] = {}
        self.gutters: dict[int, list[list[tuple[int, int]]]] = defaultdict(list)
        self.leaves: dict[int, list[int]] = defaultdict(list)
        self.enters: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for source in range(len(self.nodes)):
            far = [r for r in self.readers.get(source, ()) if not self._straight(source, r)]
            if not far:
                continue
            self.leaves[self.rank[source]].append(source)
            for target in far:
                self.enters[self.rank[target] - 1].append((source, target))
            span = (self.rank[source], max(self.rank[t] for t in far))
            if span[1] - span[0] > 1:
                self._take_rail(source, span)

    def _take_rail(self, source: int, span: tuple[int, int]) -> None:
        rails = self.gutters[self.column[source]]
        place = next(
            (n for n, spans in enumerate(rails) if all(_apart(span, s) for s in spans)),
            len(rails),
        )
        if place == len(rails):
            rails.append([])
        rails[place].append(span)
        self.rails[source] = place

    # ---- coordinates ---------------------------------------------------------------------------

    def place(self) -> InsidePlace:
        self._plan_lines()
        self._measure()
        places = tuple(self._place_node(number) for number in range(len(self.nodes)))
        ends = tuple((s, target) for target, node in enumerate(self.nodes) for s in node.sources)
        lines = tuple(self._line(source, target, places) for source, target in ends)
        return InsidePlace(places, lines, self.width, self.height, ends)

    def _measure(self) -> None:
        ranks = max(self.rank) + 1
        heights = [SMALL_SIZE[1]] * ranks
        for number, node in enumerate(self.nodes):
            heights[self.rank[number]] = max(heights[self.rank[number]], _size(node)[1])
        self.tops: list[float] = []
        self.gap_tops: list[float] = []
        y = MARGIN
        for rank in range(ranks):
            self.tops.append(y)
            y += heights[rank]
            self.gap_tops.append(y)
            tracks = len(self.leaves.get(rank, ())) + len(self.enters.get(rank, ()))
            y += GAP + TRACK * tracks
        self.heights = heights
        self.height = self.gap_tops[-1] + MARGIN
        x = MARGIN
        self.widths = [
            max(_size(node)[0] for n, node in enumerate(self.nodes) if self.column[n] == column)
            for column in range(max(self.column) + 1)
        ]
        self.lefts: list[float] = []
        self.rail_lefts: list[float] = []
        for column in range(max(self.column) + 1):
            self.rail_lefts.append(x)
            x += RAIL * len(self.gutters.get(column, ())) + (GAP if column else 0)
            self.lefts.append(x)
            x += self.widths[column]
        self.width = x + MARGIN

    def _place_node(self, number: int) -> NodePlace:
        node = self.nodes[number]
        width, height = _size(node)
        if node.kind == "layer":  # layers of one column have one width, so that texts align
            width = self.widths[self.column[number]]
        column, rank = self.column[number], self.rank[number]
        return NodePlace(
            node.kind,
            node.name,
            node.label,
            node.kernel,
            node.layer,
            self.lefts[column] + (self.widths[column] - width) / 2,
            self.tops[rank] + (self.heights[rank] - height) / 2,
            width,
            height,
            node.owner,
        )

    def _track(self, gap: int, place: int) -> float:
        return self.gap_tops[gap] + GAP / 2 + TRACK * (place + 0.5)

    def _line(self, source: int, target: int, places: tuple[NodePlace, ...]) -> Points:
        start, end = places[source], places[target]
        x0, y0 = start.x + start.width / 2, start.y + start.height
        if self._straight(source, target):
            return (x0, y0), (x0, end.y)
        x1 = self._port(source, target, end)
        gap_out, gap_in = self.rank[source], self.rank[target] - 1
        leaves = self.leaves[gap_out]
        y_out = self._track(gap_out, leaves.index(source))
        if gap_out == gap_in:
            return _clean(((x0, y0), (x0, y_out), (x1, y_out), (x1, end.y)))
        rail = self.rail_lefts[self.column[source]] + RAIL * (self.rails[source] + 0.5)
        own = len(self.leaves.get(gap_in, ())) + self.enters[gap_in].index((source, target))
        y_in = self._track(gap_in, own)
        corners = ((x0, y0), (x0, y_out), (rail, y_out), (rail, y_in), (x1, y_in), (x1, end.y))
        return _clean(corners)

    def _port(self, source: int, target: int, end: NodePlace) -> float:
        """Lines that do not come from right above enter next to the middle."""
        others = [s for s in self.nodes[target].sources if not self._straight(s, target)]
        sideways = len(others) < len(self.nodes[target].sources)
        step = min(8.0, (end.width / 2 - 6) / max(1, len(others)))
        shift = others.index(source) + (1 if sideways else 0)
        return end.x + end.width / 2 - step * shift


def _apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[1] < other[0] or other[1] < one[0]


def _size(node: Node) -> Point:
    if node.kind != "layer":
        return SMALL_SIZE
    return 12.0 + LETTER * len(node.label) + KERNEL_ROOM + WIDTHS_ROOM, LAYER_HEIGHT


def _clean(points: Points) -> Points:
    """Drop corners that are none."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1:
            (ax, ay), (bx, by) = kept[-2], kept[-1]
            if (ax == bx == point[0]) or (ay == by == point[1]):
                kept[-1] = point
                continue
        kept.append(point)
    return tuple(kept)
