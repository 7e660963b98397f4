"""The layout without Qt: nothing crosses, nothing overlaps, everything is where it belongs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.drawing.layout import find_lanes, layout_blocks, row_of
from core.drawing.places import BoxPlace, GraphLayout, Points
from tests.app.graph_view.graph_families import FAMILIES, ROOT

EVERY = frozenset(range(99))
SOME = frozenset({2, 4, 12})
SLACK = 0.5


def hits(points: Points, x: float, y: float, width: float, height: float) -> bool:
    """Whether a line touches the inside of a rectangle."""
    for (ax, ay), (bx, by) in pairwise(points):
        left, right = sorted((ax, bx))
        top, bottom = sorted((ay, by))
        inside_x = left < x + width - SLACK and right > x + SLACK
        if inside_x and top < y + height - SLACK and bottom > y + SLACK:
            return True
    return False


def overlap(one: BoxPlace, other: BoxPlace) -> bool:
    return (
        one.x < other.right
        and other.x < one.right
        and one.y < other.bottom
        and other.y < one.bottom
    )


def check(layout: GraphLayout) -> None:
    for edge in layout.edges:
        for (ax, ay), (bx, by) in pairwise(edge.points):
            assert ax == bx or ay == by, edge
        for box in layout.boxes:
            assert not hits(edge.points, box.x, box.y, box.width, box.height), (edge, box.index)
            half = 4.0 * len(edge.label)
            x, y = edge.label_at
            label = ((x - half, y - 5), (x + half, y - 5), (x + half, y + 5), (x - half, y + 5))
            corners = (*label, label[0])
            assert not hits(corners, box.x, box.y, box.width, box.height), (edge, box.index)
    for one, other in combinations(layout.boxes, 2):
        assert not overlap(one, other), (one, other)
    for index, inside in layout.insides.items():
        for node in inside.nodes:
            assert node.x >= 0 and node.x + node.width <= inside.width
            assert node.y >= 0 and node.y + node.height <= inside.height
            for line in inside.lines:
                assert not hits(line, node.x, node.y, node.width, node.height), (index, node)
        for one, other in combinations(inside.nodes, 2):
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert apart_x or apart_y, (index, one, other)


@pytest.mark.parametrize("opened", [frozenset(), SOME, EVERY], ids=["closed", "some", "every"])
@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_crosses_or_overlaps(tables, name, opened):
    check(layout_blocks(tables(name), opened))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(("yolov8n", "yolov9t", "rtdetr-l", "yolo12n", "yolov8n-p6")),
    opened=st.frozensets(st.integers(0, 30), max_size=12),
)
def test_any_blocks_may_be_open(tables, name, opened):
    check(layout_blocks(tables(name), opened))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_edge_begins_and_ends_at_its_blocks(tables, name):
    table = tables(name)
    layout = layout_blocks(table)
    assert sorted(b.index for b in layout.boxes) == [b.index for b in table.blocks]
    wanted = sorted((s, b.index) for b in table.blocks for s in b.sources)
    assert sorted((e.source, e.target) for e in layout.edges) == wanted
    for edge in layout.edges:
        for index, (x, y) in ((edge.source, edge.points[0]), (edge.target, edge.points[-1])):
            if index < 0:
                continue
            box = layout.by_index[index]
            on_side = x in (box.x, box.right) and box.y <= y <= box.bottom
            on_end = y in (box.y, box.bottom) and box.x <= x <= box.right
            assert on_side or on_end, (edge, box)


@pytest.mark.parametrize("name", FAMILIES)
def test_lanes_and_rows_are_in_order(tables, name):
    table = tables(name)
    layout = layout_blocks(table)
    assert layout.lanes[0].stage == "backbone"
    assert layout.lanes[-1].stage == "head"
    for before, after in pairwise(layout.lanes):
        assert before.x + before.width < after.x
    for above, below in pairwise(layout.rows):
        assert above.y + above.height <= below.y
    rows = {row.name: row for row in layout.rows}
    for block in table.blocks:
        if block.stage == "head":
            continue
        row = rows[f"P{row_of(block.stride)}"]
        box = layout.by_index[block.index]
        assert row.y <= box.y and box.bottom <= row.y + row.height


def test_yolov8_is_drawn_as_the_field_draws_it(tables):
    table = tables("yolov8n")
    lanes = find_lanes(table.blocks)
    assert [(lane.title, lane.blocks) for lane in lanes] == [
        ("Backbone", tuple(range(10))),
        ("Neck · top-down", tuple(range(10, 16))),
        ("Neck · bottom-up", tuple(range(16, 22))),
        ("Head", (22,)),
    ]
    boxes = layout_blocks(table).by_index
    assert boxes[10].y > boxes[11].y > boxes[12].y > boxes[15].y  # the way up goes up
    assert boxes[16].y < boxes[18].y < boxes[21].y
    for source in (15, 18, 21):  # the head spans all it reads
        assert boxes[22].y <= boxes[source].middle[1] <= boxes[22].bottom


def test_two_heads_stand_side_by_side(tables):
    """YOLO-World's pooling over scales is read by no block, as its head is."""
    table = tables("yolov8n")
    pooling = replace(table.blocks[22], index=23, type="ImagePoolingAttn", sources=(15, 12, 9))
    pooling = replace(pooling, source_channels=(64, 128, 256))
    two = replace(table, blocks=(*table.blocks, pooling))
    layout = layout_blocks(two)
    check(layout)
    assert [lane.title for lane in layout.lanes[-2:]] == ["Head", "Head"]
    assert layout.by_index[22].right < layout.by_index[23].x
    assert [part.source for part in layout.by_index[23].parts] == [15, 12, 9]


def test_a_classifier_has_no_neck(tables):
    assert [lane.stage for lane in find_lanes(tables("yolov8n-cls").blocks)] == [
        "backbone",
        "head",
    ]


def test_edges_say_channels_and_joins(tables):
    layout = layout_blocks(tables("yolov8n"))
    edges = {(e.source, e.target): e for e in layout.edges}
    assert edges[6, 11].label == "128"
    assert edges[6, 11].joins_at == edges[6, 11].points[-1]
    assert edges[10, 11].joins_at is not None
    assert edges[5, 6].joins_at is None
    joins = {e.joins_at for e in layout.edges if e.target == 11}
    assert len(joins) == 2


@pytest.mark.parametrize("name", ["yolov8n", "yolov8x", "yolo11n", "yolo12n", "yolov8n-p2"])
def test_a_closed_network_fits_a_wide_screen(tables, name):
    _, _, width, height = layout_blocks(tables(name)).bounds
    assert 1.0 < width / height < 1.9
    assert height < 1150


@pytest.mark.parametrize(
    ("stride", "row"), [(1, 0), (2, 1), (4, 2), (8, 3), (16, 4), (21, 5), (32, 5), (64, 6)]
)
def test_rows(stride, row):
    assert row_of(stride) == row


def test_opening_a_block_without_layers_changes_nothing(tables):
    table = tables("yolov8n")
    assert layout_blocks(table, frozenset({10, 11})) == layout_blocks(table)


def test_layout_needs_neither_qt_nor_torch():
    code = (
        "import sys, core.drawing.layout, app.graph_view.drawing.looks, app.graph_view.search;"
        "assert not {'PySide6', 'torch', 'ultralytics'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_view_never_imports_torch():
    code = "import sys, app.graph_view.view;assert not {'torch', 'ultralytics'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
