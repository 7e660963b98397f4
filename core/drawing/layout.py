"""Lays the network out as the field draws YOLO; no Qt.

Lanes run from left to right: backbone, the neck's way up to fine strides (top-down path), its way
back down (bottom-up path), head. Rows are strides, P1 at the top. Blocks of one lane and stride
are in a stack; the stack follows the flow, so it grows upwards on the way up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise

from core.drawing.diagram import place_inside
from core.drawing.places import (
    BoxPlace,
    EdgePlace,
    GraphLayout,
    InsidePlace,
    LanePlace,
    RowPlace,
)
from core.drawing.routing import Router
from core.drawing.shapes import (
    BOX_HEIGHT,
    bar_parts,
    box_width,
    entering,
    head_parts,
    is_bar,
    row_of,
    size_of,
)
from core.graph.table import Block, ChannelTable

__all__ = ["BoxPlace", "EdgePlace", "GraphLayout", "layout_blocks", "row_of"]

OPENED_WIDTH = 320.0
HEADER = 48.0
STACK_GAP = 24.0
ROW_GAP = 8.0
ROW_PAD = 9.0
LANE_TOP = 40.0
ROW_LABEL = 92.0
TITLES = {"backbone": "Backbone", "head": "Head"}


@dataclass(frozen=True)
class _Lane:
    title: str
    stage: str
    upwards: bool
    blocks: tuple[int, ...]


def layout_blocks(table: ChannelTable, opened: frozenset[int] = frozenset()) -> GraphLayout:
    """Place every block, its inside where it is open, and the lines between blocks.

    Parameters
    ----------
    table : ChannelTable
    opened : frozenset of int
        Blocks shown with their layers; those without layers stay closed.

    Returns
    -------
    GraphLayout
    """
    upwards = {i: lane.upwards for lane in find_lanes(table.blocks) for i in lane.blocks}
    insides = {
        index: inside
        for index in sorted(opened)
        if index in upwards and (inside := place_inside(table, index, upwards[index])).nodes
    }
    return _Layout(table, insides).run()


def find_lanes(blocks: tuple[Block, ...]) -> list[_Lane]:
    """Divide the blocks into lanes; the neck turns wherever its strides turn."""
    lanes: list[_Lane] = []
    backbone = tuple(b.index for b in blocks if b.stage == "backbone")
    if backbone:
        lanes.append(_Lane(TITLES["backbone"], "backbone", False, backbone))
    parts: list[tuple[bool, list[int]]] = []
    row = None
    for block in blocks:
        if block.stage != "neck":
            continue
        here = row_of(block.stride)
        if not parts:
            parts.append((True, []))
        elif row is not None and here != row:
            upwards = here < row
            if upwards != parts[-1][0] and _has_turned(parts[-1], blocks):
                parts.append((upwards, []))
        parts[-1][1].append(block.index)
        row = here
    for upwards, members in parts:
        title = "Neck · top-down" if upwards else "Neck · bottom-up"
        lanes.append(_Lane(title, "neck", upwards, tuple(members)))
    return lanes + _head_lanes(blocks)


def _head_lanes(blocks: tuple[Block, ...]) -> list[_Lane]:
    """Give each head that spans rows a lane of its own; what else nothing reads stands in one."""
    heads = [b for b in blocks if b.stage == "head"]
    tall = [(b.index,) for b in heads if _spanned(b, blocks)]
    others = tuple(b.index for b in heads if not _spanned(b, blocks))
    return [
        _Lane(TITLES["head"], "head", False, lane) for lane in ([others] if others else []) + tall
    ]


def _spanned(block: Block, blocks: tuple[Block, ...]) -> tuple[int, int] | None:
    """Return the first and the last row that a head reads, where there are several."""
    rows = [row_of(blocks[s].stride) for s in block.sources if s >= 0]
    if block.stage != "head" or len(set(rows)) < 2:
        return None
    return min(rows), max(rows)


def _has_turned(part: tuple[bool, list[int]], blocks: tuple[Block, ...]) -> bool:
    """Whether a way through the neck has already crossed rows in its own direction."""
    rows = [row_of(blocks[i].stride) for i in part[1]]
    steps = [b - a for a, b in pairwise(rows)]
    return any(step < 0 for step in steps) if part[0] else any(step > 0 for step in steps)


class _Layout:
    def __init__(self, table: ChannelTable, insides: dict[int, InsidePlace]) -> None:
        self.table = table
        self.insides = insides
        self.lanes = find_lanes(table.blocks)
        self.lane_of = {i: n for n, lane in enumerate(self.lanes) for i in lane.blocks}
        self.edges = [
            (source, block.index, channels)
            for block in table.blocks
            for source, channels in entering(table, block)
        ]
        self.small = {b.index for b in table.blocks if not table.layers_of(b.index)}
        self.tall = self._tall_heads()
        self.sizes = {b.index: self._size(b) for b in table.blocks}

    def _tall_heads(self) -> dict[int, tuple[int, int]]:
        """Heads that read several rows span them all."""
        blocks = self.table.blocks
        return {b.index: span for b in blocks if (span := _spanned(b, blocks)) is not None}

    def _size(self, block: Block) -> tuple[float, float]:
        if block.index in self.insides:
            inside = self.insides[block.index]
            return max(OPENED_WIDTH, inside.width), HEADER + inside.height
        if block.index in self.tall:
            return max(box_width(channels) for channels in block.source_channels), BOX_HEIGHT
        return size_of(self.table, block)

    # ---- from top to bottom -------------------------------------------------------------------

    def _row(self, index: int) -> int:
        return row_of(self.table.blocks[index].stride)

    def _stacks(self) -> dict[tuple[int, int], list[int]]:
        """Blocks of each (lane, row) from top to bottom."""
        stacks: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, lane in enumerate(self.lanes):
            for index in lane.blocks:
                if index not in self.tall:
                    stacks[number, self._row(index)].append(index)
            if lane.upwards:
                for (own, _), stack in stacks.items():
                    if own == number:
                        stack.reverse()
        return stacks

    def _stack_height(self, stack: list[int]) -> float:
        return sum(self.sizes[i][1] for i in stack) + STACK_GAP * (len(stack) - 1)

    def _rows(self, stacks: dict[tuple[int, int], list[int]]) -> dict[int, RowPlace]:
        used = {row for _, row in stacks} | {r for span in self.tall.values() for r in span}
        heights = dict.fromkeys(range(min(used), max(used) + 1), 0.0)
        for (_, row), stack in stacks.items():
            heights[row] = max(heights[row], self._stack_height(stack))
        rows = {}
        y = LANE_TOP
        for row, height in heights.items():
            if height > 0:
                rows[row] = RowPlace(f"P{row}", 2**row, y, height + 2 * ROW_PAD)
                y += height + 2 * ROW_PAD + ROW_GAP
        return rows

    def _vertical(
        self, rows: dict[int, RowPlace], stacks: dict[tuple[int, int], list[int]]
    ) -> dict[int, BoxPlace]:
        """Return the boxes with y, height and parts; x comes later."""
        places = {}
        for (_, row), stack in stacks.items():
            y = rows[row].y + (rows[row].height - self._stack_height(stack)) / 2
            for index in stack:
                places[index] = self._box(index, y)
                y += self.sizes[index][1] + STACK_GAP
        self._level(rows, stacks, places)
        for index, (first, last) in self.tall.items():
            block = self.table.blocks[index]
            width, height = self.sizes[index]
            top = rows[first].y + ROW_PAD
            if index in self.insides:
                span = rows[last].y + rows[last].height - ROW_PAD - top
                # An opened head may be taller than its rows; it then hangs below them.
                places[index] = BoxPlace(index, 0.0, top, width, max(span, height), opened=True)
                continue
            centres = {s: places[s].middle[1] if s in places else top for s in block.sources}
            top, parts = head_parts(self.table, block, centres)
            height = parts[-1].y + parts[-1].height
            places[index] = BoxPlace(index, 0.0, top, width, height, parts=parts)
        return places

    def _level(
        self,
        rows: dict[int, RowPlace],
        stacks: dict[tuple[int, int], list[int]],
        places: dict[int, BoxPlace],
    ) -> None:
        """Move stacks within their rows, so that what reads each other is level."""
        for (lane, row), stack in stacks.items():
            room = (rows[row].height - 2 * ROW_PAD - self._stack_height(stack)) / 2
            if room <= 0:
                continue
            own = set(stack)
            shifts = [
                sign * (places[target].middle[1] - places[source].middle[1])
                for source, target, _ in self.edges
                for sign, here, there in ((1, source, target), (-1, target, source))
                if here in own
                and there in places
                and self.lane_of[there] != lane
                and self._row(there) == row
            ]
            if not shifts:
                continue
            shift = min(max(min(shifts, key=abs), -room), room)
            for index in stack:
                places[index] = replace(places[index], y=places[index].y + shift)

    def _box(self, index: int, y: float) -> BoxPlace:
        block = self.table.blocks[index]
        width, height = self.sizes[index]
        bar = is_bar(self.table, block)
        parts = bar_parts(block, width, height) if bar else ()
        return BoxPlace(
            index, 0.0, y, width, height, index in self.small, index in self.insides, parts
        )

    # ---- from left to right --------------------------------------------------------------------

    def run(self) -> GraphLayout:
        """Place everything."""
        stacks = self._stacks()
        rows = self._rows(stacks)
        boxes = self._vertical(rows, stacks)
        widths = [max(self.sizes[i][0] for i in lane.blocks) for lane in self.lanes]
        router = Router(self.table, boxes, self.lane_of, self.edges)
        gutters = router.gutters()
        lanes = []
        x = ROW_LABEL
        for number, lane in enumerate(self.lanes):
            x += gutters[number]
            lanes.append(LanePlace(lane.title, lane.stage, x, widths[number]))
            for index in lane.blocks:
                box = boxes[index]
                boxes[index] = replace(box, x=x + (widths[number] - box.width) / 2)
            x += widths[number]
        bottom = max(row.y + row.height for row in rows.values())
        bottom = max(bottom, *(box.bottom + ROW_PAD for box in boxes.values()))
        edges = router.route(boxes, [(lane.x, lane.width) for lane in lanes])
        ordered = tuple(boxes[i] for i in sorted(boxes))
        return GraphLayout(
            boxes=ordered,
            edges=edges,
            lanes=tuple(lanes),
            rows=tuple(rows.values()),
            insides=self.insides,
            bounds=(0.0, 0.0, x + 24.0, bottom + 16.0),
            by_index={box.index: box for box in ordered},
        )
