"""Sizes in the drawing: channels as widths, Concats in parts, heads by scale."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.drawing.layout import layout_blocks, row_of
from core.drawing.shapes import BOX_WIDTHS, LINE_WIDTHS, box_width, line_width, pill_text
from tests.app.graph_view.graph_families import FAMILIES


@pytest.mark.parametrize(("scale", "limits"), [(box_width, BOX_WIDTHS), (line_width, LINE_WIDTHS)])
def test_more_channels_are_never_narrower(scale, limits):
    sizes = [scale(channels) for channels in range(0, 4096, 8)]
    assert all(one <= other for one, other in pairwise(sizes))
    assert limits[0] <= sizes[0] and sizes[-1] == limits[1]
    assert scale(64) < scale(128) < scale(320) < scale(512)


def test_a_larger_network_looks_larger(tables):
    small, large = layout_blocks(tables("yolov8n")), layout_blocks(tables("yolov8x"))
    for index in (0, 4, 9, 12, 21):
        assert large.by_index[index].width > small.by_index[index].width + 15


@pytest.mark.parametrize("name", FAMILIES)
def test_width_is_channels(tables, name):
    table = tables(name)
    boxes = layout_blocks(table).by_index
    for block in table.blocks:
        box = boxes[block.index]
        if table.layers_of(block.index) and not box.parts:
            channels = block.out_channels or table.out_counts[table.layers_of(block.index)[-1]]
            assert box.width == box_width(channels)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_concat_is_a_bar_in_parts(tables, name):
    table = tables(name)
    boxes = layout_blocks(table).by_index
    for block in table.blocks:
        if block.type != "Concat":
            continue
        box = boxes[block.index]
        assert tuple(part.source for part in box.parts) == block.sources
        assert tuple(part.channels for part in box.parts) == block.source_channels
        for one, other in pairwise(box.parts):
            assert one.x + one.width < other.x
            shares = (one.width / other.width, one.channels / other.channels)
            assert shares[0] == pytest.approx(shares[1])
        assert box.parts[-1].x + box.parts[-1].width == pytest.approx(box.width)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_head_is_a_box_at_the_row_of_each_scale(tables, name):
    table = tables(name)
    layout = layout_blocks(table)
    rows = {row.name: row for row in layout.rows}
    ends = {(e.source, e.target): e.points[-1] for e in layout.edges}
    for block in table.blocks:
        strides = {table.blocks[s].stride for s in block.sources if s >= 0}
        box = layout.by_index[block.index]
        if block.stage != "head" or len(strides) < 2:
            assert box.small or not box.parts
            continue
        assert {part.source for part in box.parts} == set(block.sources)
        for part in box.parts:
            assert part.name == f"P{row_of(table.blocks[part.source].stride)}"
            middle = box.y + part.y + part.height / 2
            row = rows[part.name]
            assert row.y <= middle <= row.y + row.height
            assert ends[part.source, block.index] == (box.x, pytest.approx(middle))
        for one, other in pairwise(box.parts):
            assert one.y + one.height < other.y
        assert not layout_blocks(table, frozenset({block.index})).by_index[block.index].parts


def test_pills_say_what_they_do(tables):
    blocks = tables("yolov8n").blocks
    assert pill_text(tables("yolov8n"), blocks[10]) == "10 ×2"
    tiny = tables("yolov3-tiny")
    pool = next(b for b in tiny.blocks if b.type == "MaxPool2d")
    assert pill_text(tiny, pool) == f"{pool.index} MaxPool2d"
