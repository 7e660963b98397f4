"""The network as a drawing: the window's own layout as SVG, coloured by the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Any

from core.drawing.layout import layout_blocks
from core.drawing.places import BoxPlace, EdgePlace, GraphLayout, Point, Points
from core.drawing.shapes import pill_text
from core.graph.table import ChannelTable
from core.system.escape import html_text

RADIUS = 7.0
LETTER = 7.6
"""Width of a letter of a block's type, at most."""


def draw(table: ChannelTable, blocks: Sequence[Mapping[str, Any]], side: str) -> str:
    """Draw the network.

    Parameters
    ----------
    table : ChannelTable
    blocks : sequence of mapping
        Of a report.
    side : str
        ``before`` or ``after``: whose widths are written.

    Returns
    -------
    str
        An ``svg`` element. Its colours are classes of the page's style sheet.
    """
    layout = layout_blocks(table)
    _, _, width, height = layout.bounds
    by_index = {block["index"]: block for block in blocks}
    parts = [
        f'<svg class="graph" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="The network {side} pruning: blocks, widths and connections">'
    ]
    parts += _background(layout, width)
    parts += [_edge(edge, by_index, side) for edge in layout.edges]
    parts += [_box(table, box, by_index[box.index], side) for box in layout.boxes]
    return "".join([*parts, "</svg>"])


def _background(layout: GraphLayout, width: float) -> list[str]:
    parts = []
    bottom = layout.bounds[3] - 10
    for lane in layout.lanes:
        parts.append(
            f'<rect x="{lane.x - 14:.1f}" y="6" width="{lane.width + 28:.1f}" '
            f'height="{bottom - 6:.1f}" rx="10" class="lane"/>'
            f'<text x="{lane.x:.1f}" y="26" class="heading">{html_text(lane.title)}</text>'
        )
    for row in layout.rows:
        parts.append(
            f'<path d="M12 {row.y:.1f}H{width - 12:.0f}" class="row"/>'
            f'<text x="14" y="{row.y + 18:.1f}" class="heading">{html_text(row.name)}</text>'
            f'<text x="14" y="{row.y + 34:.1f}" class="dim">/{row.stride}</text>'
        )
    return parts


def _edge(edge: EdgePlace, blocks: Mapping[int, Mapping[str, Any]], side: str) -> str:
    source = blocks.get(edge.source)
    changed = side == "after" and source is not None and source["after"] != source["before"]
    label = str(source["after"]) if changed and source is not None else edge.label
    kind = "edge changed" if changed else "edge"
    x, y = edge.label_at
    text = ""
    if label:
        text = f'<text x="{x:.1f}" y="{y + 3.5:.1f}" class="width" text-anchor="middle">'
        text += f"{html_text(label)}</text>"
    return f'<path d="{rounded(edge.points)}" class="{kind}"/>{_arrow(edge.points, changed)}{text}'


def _arrow(points: Points, changed: bool) -> str:
    (ax, ay), (bx, by) = points[-2], points[-1]
    length = hypot(bx - ax, by - ay) or 1.0
    ux, uy = (bx - ax) / length, (by - ay) / length
    corners = (
        (bx, by),
        (bx - 7 * ux - 3.5 * uy, by - 7 * uy + 3.5 * ux),
        (bx - 7 * ux + 3.5 * uy, by - 7 * uy - 3.5 * ux),
    )
    kind = "tip changed" if changed else "tip"
    return f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in corners)}Z" class="{kind}"/>'


def rounded(points: Sequence[Point], radius: float = RADIUS) -> str:
    """Return the path of a line whose corners are rounded as far as its pieces allow."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        arrive, leave = hypot(*_minus(before, corner)), hypot(*_minus(after, corner))
        reach = min(radius, arrive / 2, leave / 2)
        if reach < 0.5:
            parts.append(f"L{corner[0]:.1f} {corner[1]:.1f}")
            continue
        start, end = _towards(corner, before, reach), _towards(corner, after, reach)
        parts.append(
            f"L{start[0]:.1f} {start[1]:.1f}"
            f"Q{corner[0]:.1f} {corner[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
        )
    parts.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    return "".join(parts)


def _minus(one: Point, other: Point) -> Point:
    return one[0] - other[0], one[1] - other[1]


def _towards(start: Point, goal: Point, distance: float) -> Point:
    dx, dy = _minus(goal, start)
    length = hypot(dx, dy) or 1.0
    return start[0] + dx * distance / length, start[1] + dy * distance / length


def _box(table: ChannelTable, box: BoxPlace, block: Mapping[str, Any], side: str) -> str:
    after = side == "after"
    role = block["role"] if after else ""
    kind = f"block {role}".strip()
    scales = box.parts if not box.small else ()
    areas = [(p.x, p.y, p.width, p.height) for p in scales] or [(0.0, 0.0, box.width, box.height)]
    rects = "".join(
        f'<rect x="{box.x + x:.1f}" y="{box.y + y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="7" class="{kind}"/>'
        for x, y, width, height in areas
    )
    tip = f"<title>{html_text(_tip(block, after))}</title>"
    words = _widths(block, after)
    if box.small:
        return f"<g>{tip}{rects}{_small(table, box, words)}</g>"
    if LETTER * len(words) > areas[0][2]:
        words = words.removesuffix(" channels")
    inside = "".join(
        _title(box.x, box.y + part.y, f"{block['type']} {part.name}", part.width, "")
        for part in scales
    )
    if not scales:
        number = str(block["index"])
        inside = _title(box.x, box.y, str(block["type"]), box.width, number)
    y = box.y + scales[0].y if scales else box.y
    inside += f'<text x="{box.x + 12:.1f}" y="{y + 37:.1f}">{words}</text>'
    share = block["share"] if after else 1.0
    x, y, long = box.x + 12, y + 43.5, areas[0][2] - 24
    bar = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{long:.1f}" height="4" rx="2" class="bar"/>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{long * share:.1f}" height="4" rx="2" '
        f'class="bar kept {role}"/>'
    )
    return f"<g>{tip}{rects}{inside}{bar}</g>"


def _title(x: float, y: float, title: str, width: float, number: str) -> str:
    room = int((width - 24 - LETTER * (len(number) + 1)) / LETTER)
    number = f'<tspan class="dim">{number}</tspan> ' if number else ""
    text = html_text(_short(title, room))
    return f'<text x="{x + 12:.1f}" y="{y + 20:.1f}" class="title">{number}{text}</text>'


def _small(table: ChannelTable, box: BoxPlace, words: str) -> str:
    """Write on a block without weights: a pill's name, or a bar's number, name and width."""
    middle = box.y + box.height / 2 + 4
    block = table.blocks[box.index]
    width = words.removesuffix(" channels")
    if not box.parts:
        text = html_text(pill_text(table, block))
        return (
            f'<text x="{box.x + box.width / 2:.1f}" y="{middle:.1f}" text-anchor="middle">'
            f"{text}</text>"
        )
    return (
        f'<text x="{box.x + 10:.1f}" y="{middle:.1f}"><tspan class="dim">{box.index}'
        f"</tspan> {html_text(block.type)}</text>"
        f'<text x="{box.right - 10:.1f}" y="{middle:.1f}" text-anchor="end" class="dim">'
        f"{width}</text>"
    )


def _short(title: str, letters: int) -> str:
    return title if len(title) <= letters else f"{title[: max(1, letters - 1)]}…"


def _widths(block: Mapping[str, Any], after: bool) -> str:
    before, now = block["before"], block["after"]
    if not before:
        return "the head" if block["stage"] == "head" else ""
    if after and now is not None and now != before:
        return f"{now} of {before} channels"
    return f"{before} channels"


def _tip(block: Mapping[str, Any], after: bool) -> str:
    sources = ", ".join("the image" if s < 0 else str(s) for s in block["sources"])
    text = f"Block {block['index']}, {block['type']}: reads {sources}."
    if after and block["gives"]:
        text += f" Prunes {block['gives']} channels."
    if after and block["reason"]:
        text += f" {block['reason']}."
    return text
