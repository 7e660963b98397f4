"""Routes lines between blocks: straight within a stack, else through the gutters between lanes.

A line leaves a box at its right side, runs up or down in a gutter, crosses a lane only where no
box is, and enters its reader from the left. So it cannot cross a box. Every line in a gutter
has its own track; tracks are chosen so that lines cross as little as they can.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from core.drawing.places import BoxPlace, EdgePlace, Point, Points
from core.drawing.shapes import line_width
from core.graph.table import ChannelTable

TRACK = 15.0
"""A line's own width in a gutter, as much as the thickest needs."""
STUB = 24.0
LABEL_ZONE = 40.0
CLEAR = 7.0
LABEL_UP = 6.0
Edge = tuple[int, int, int]


@dataclass
class _Route:
    """One line on its way: heights where it runs level, gutters where it turns."""

    edge: Edge
    source_y: float
    target_y: float
    turns: list[tuple[int, float, float]] = field(default_factory=list)
    """Gutter, y before, y after."""
    tracks: list[int] = field(default_factory=list)
    back: bool = False
    straight: bool = False


class Router:
    """Plans all lines of one drawing; heights first, then tracks, then corners.

    Parameters
    ----------
    table : ChannelTable
    boxes : dict of int to BoxPlace
        With their heights and y; x is not yet known.
    lane_of : dict of int to int
    edges : list of (source, target, channels)
    """

    def __init__(
        self,
        table: ChannelTable,
        boxes: dict[int, BoxPlace],
        lane_of: dict[int, int],
        edges: list[Edge],
    ) -> None:
        self.table = table
        self.boxes = boxes
        self.lane_of = lane_of
        self.lane_count = max(lane_of.values()) + 1
        self.stacks: dict[int, list[BoxPlace]] = defaultdict(list)
        for index, box in boxes.items():
            self.stacks[lane_of[index]].append(box)
        for stack in self.stacks.values():
            stack.sort(key=lambda box: box.y)
        self.levels: list[tuple[float, int, int]] = []
        self.routes = [self._start(edge) for edge in edges if edge[0] >= 0]
        self.images = [edge for edge in edges if edge[0] < 0]
        self._choose_ports()
        for route in sorted(self.routes, key=lambda r: self._reach(r.edge)):
            if not route.straight:
                self._turn(route)
        self.used = self._choose_tracks()

    def _reach(self, edge: Edge) -> tuple[int, float]:
        lanes = self.lane_of[edge[1]] - self.lane_of[edge[0]]
        return lanes, abs(self.boxes[edge[0]].y - self.boxes[edge[1]].y)

    # ---- heights -------------------------------------------------------------------------------

    def _start(self, edge: Edge) -> _Route:
        source, target, _ = edge
        route = _Route(edge, self.boxes[source].middle[1], self.boxes[target].middle[1])
        if self.lane_of[source] == self.lane_of[target]:
            stack = [box.index for box in self.stacks[self.lane_of[source]]]
            route.straight = abs(stack.index(source) - stack.index(target)) == 1
            route.back = not route.straight
        return route

    def _choose_ports(self) -> None:
        """Spread the lines that enter one box from the left, level with their sources if free."""
        entering: dict[int, list[_Route]] = defaultdict(list)
        for route in self.routes:
            if not route.straight:
                entering[route.edge[1]].append(route)
        for target, routes in entering.items():
            box = self.boxes[target]
            routes.sort(key=lambda r: r.source_y)
            low, high = box.y + 10, box.bottom - 10
            if box.parts and not box.small:
                self._enter_scales(box, routes)
            elif len(routes) == 1 or box.height > 100:
                for route in routes:
                    route.target_y = _between(route.source_y, low, high)
                    if route.target_y != route.source_y and len(routes) == 1 and not box.opened:
                        route.target_y = box.middle[1]
                _spread(routes, low, high, 16.0)
            else:
                for place, route in enumerate(routes):
                    route.target_y = box.y + box.height * (place + 1) / (len(routes) + 1)
        for route in self.routes:  # a short jog is better straightened at the source
            box = self.boxes[route.edge[0]]
            if not route.straight and box.y + 10 <= route.target_y <= box.bottom - 10:
                route.source_y = route.target_y

    def _enter_scales(self, box: BoxPlace, routes: list[_Route]) -> None:
        """Let each line enter the box of its scale, in the middle."""
        middles = {part.source: box.y + part.y + part.height / 2 for part in box.parts}
        for route in routes:
            route.target_y = middles[route.edge[0]]

    def _turn(self, route: _Route) -> None:
        """Choose the gutters a line turns in, and where it crosses the lanes between."""
        source, target = self.lane_of[route.edge[0]], self.lane_of[route.edge[1]]
        if route.back:
            route.turns = [(target, route.source_y, route.target_y)]
            return
        between = range(source + 1, target)
        level = self._free_level(route, between) if between else route.target_y
        turns = []
        if level != route.source_y:
            turns.append((source + 1, route.source_y, level))
        if between and level != route.target_y:
            turns.append((target, level, route.target_y))
        if between:
            self.levels.append((level, source, target))
        route.turns = turns

    def _free_level(self, route: _Route, lanes: range) -> float:
        """Find a height at which all lanes between are free, near the line's ends."""
        spans = [(b.y - CLEAR, b.bottom + CLEAR) for lane in lanes for b in self.stacks[lane]]
        taken = [y for y, a, b in self.levels if a < lanes[-1] + 1 and b > lanes[0] - 1]
        wanted = [route.source_y, route.target_y]
        for edge in [y for span in spans for y in span]:
            wanted += [edge, edge - 2, edge + 2, edge - 8, edge + 8]
        low, high = sorted((route.source_y, route.target_y))

        def cost(y: float) -> float:
            return abs(y - route.source_y) + abs(y - route.target_y) - (high - low)

        fine = [
            y
            for y in wanted
            if all(not (top < y < bottom) for top, bottom in spans)
            and all(abs(y - other) >= 6 for other in taken)
        ]
        if not fine:
            fine = [max(bottom for _, bottom in spans) + 6 * (1 + len(taken))]
        return min(fine, key=lambda y: (cost(y), y != route.source_y, y != route.target_y))

    # ---- tracks --------------------------------------------------------------------------------

    def _choose_tracks(self) -> dict[int, int]:
        """Give each vertical piece a track of its gutter; return how many each gutter needs."""
        by_gutter: dict[int, list[tuple[_Route, int]]] = defaultdict(list)
        for route in self.routes:
            route.tracks = [0] * len(route.turns)
            for place, turn in enumerate(route.turns):
                by_gutter[turn[0]].append((route, place))
        used = {}
        for gutter, members in by_gutter.items():
            members.sort(key=lambda m: abs(m[0].turns[m[1]][1] - m[0].turns[m[1]][2]))
            placed: list[tuple[_Route, int, int]] = []
            for route, place in members:
                options = range(len(members))
                track = min(options, key=lambda t: (self._clashes(route, place, t, placed), t))
                placed.append((route, place, track))
            taken = sorted({track for _, _, track in placed})
            for route, place, track in placed:
                route.tracks[place] = taken.index(track)
            used[gutter] = len(taken)
        return used

    def _clashes(
        self, route: _Route, place: int, track: int, placed: list[tuple[_Route, int, int]]
    ) -> float:
        """Count crossings with lines already placed; lines on top of each other weigh most."""
        mine = _pieces(route, place, track)
        total = 0.0
        for other, other_place, other_track in placed:
            theirs = _pieces(other, other_place, other_track)
            if track == other_track and _overlap(mine[1], theirs[1], 4.0):
                total += 100.0
            total += sum(_crosses(mine[1], track, level) for level in theirs[0])
            total += sum(_crosses(theirs[1], other_track, level) for level in mine[0])
            same_source = route.edge[0] == other.edge[0]
            for level in mine[0]:
                for against in theirs[0]:
                    if abs(level[0] - against[0]) < 4 and not same_source:
                        total += 20.0 * _overlap(level[1:], against[1:], 0.0)
        return total

    def gutters(self) -> list[float]:
        """Width of the gutter left of each lane."""
        widths = []
        for lane in range(self.lane_count):
            tracks = self.used.get(lane, 0)
            widths.append(STUB + TRACK * tracks + LABEL_ZONE if lane or tracks else STUB)
        return widths

    # ---- corners -------------------------------------------------------------------------------

    def route(
        self, boxes: dict[int, BoxPlace], lanes: list[tuple[float, float]]
    ) -> tuple[EdgePlace, ...]:
        """Return the finished lines, now that the boxes' x is known.

        Parameters
        ----------
        boxes : dict of int to BoxPlace
        lanes : list of (x, width)
        """
        self.boxes = boxes
        gutters = self.gutters()
        self.track_x = [lanes[n][0] - gutters[n] + STUB for n in range(self.lane_count)]
        edges = [self._image(edge) for edge in self.images]
        edges += [self._finish(route) for route in self.routes]
        return tuple(edges)

    def _image(self, edge: Edge) -> EdgePlace:
        box = self.boxes[edge[1]]
        x = box.middle[0]
        points = ((x, box.y - 18.0), (x, box.y))
        return EdgePlace(-1, edge[1], points, str(edge[2]), (x - 12, box.y - 11), None, edge[2])

    def _finish(self, route: _Route) -> EdgePlace:
        source, target, channels = route.edge
        start, end = self.boxes[source], self.boxes[target]
        if route.straight:
            x = end.middle[0]
            down = start.y < end.y
            points: Points = (
                ((x, start.bottom), (x, end.y)) if down else ((x, start.y), (x, end.bottom))
            )
            top, bottom = sorted((points[0][1], points[1][1]))
            # Next to the line's end, so that a long line says it where it is read.
            y = bottom - 12 if down else top + 12
            beside = 6 + line_width(channels) / 2 + 4.0 * len(str(channels))
            label_at = (x + beside, _between(y, top, bottom))
        else:
            points = self._corners(route, start, end)
            up = LABEL_UP + line_width(channels) / 2
            label_at = (end.x - 6 - LABEL_ZONE / 2, points[-1][1] - up)
        joins = points[-1] if self.table.blocks[target].type == "Concat" else None
        return EdgePlace(source, target, points, str(channels), label_at, joins, channels)

    def _corners(self, route: _Route, start: BoxPlace, end: BoxPlace) -> Points:
        points: list[Point] = [(start.x if route.back else start.right, route.source_y)]
        for (gutter, before, after), track in zip(route.turns, route.tracks, strict=True):
            x = self.track_x[gutter] + TRACK * (track + 0.5)
            points += [(x, before), (x, after)]
        points.append((end.x, route.target_y))
        return tuple(points)


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _spread(routes: list[_Route], low: float, high: float, step: float) -> None:
    """Keep entries of a tall box apart, in order, moving them as little as possible."""
    for before, after in pairwise(routes):
        after.target_y = max(after.target_y, before.target_y + step)
    if routes and routes[-1].target_y > high:
        routes[-1].target_y = high
        pairs = list(pairwise(routes))
        for before, after in reversed(pairs):
            before.target_y = max(low, min(before.target_y, after.target_y - step))


Level = tuple[float, float, float]
"""Height, from track, to track."""


def _pieces(route: _Route, place: int, track: int) -> tuple[list[Level], tuple[float, float]]:
    _, before, after = route.turns[place]
    inwards = -1.0 if not route.back else 1e3
    return [(before, inwards, track), (after, track, 1e3)], (min(before, after), max(before, after))


def _overlap(one: tuple[float, float], other: tuple[float, float], slack: float) -> bool:
    one, other = (min(one), max(one)), (min(other), max(other))
    return one[0] < other[1] + slack and other[0] < one[1] + slack


def _crosses(span: tuple[float, float], track: float, level: Level) -> bool:
    left, right = sorted(level[1:])
    return span[0] < level[0] < span[1] and left < track < right
