"""Sizes in the drawing: channels as widths, Concats in parts, heads by scale."""

from __future__ import annotations

from itertools import pairwise

import pytest

from app.graph_view.drawing.frames import make_frames
from app.graph_view.drawing.ink import LEAST_TEXT, SIZES, Ink, text_size
from app.graph_view.drawing.looks import Looks, Marks
from app.graph_view.drawing.state import GraphState
from app.graph_view.drawing.texts import LEFT, RIGHT
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


NO_PLAN = GraphState()


def frames_of(table, layout, ink, zoom, state=NO_PLAN):
    """The boxes of all blocks as they are painted at a zoom."""
    looks = Looks(table)
    for box in layout.boxes:
        inside = layout.insides.get(box.index)
        look = looks.block(box.index, state, Marks(), ink.palette, inside)
        yield box, make_frames(box, look, box.index, text_size("small", zoom), ink)


def halved(table):
    """Every block in the plan, and half of its channels gone."""
    return GraphState(
        widths_in={b.index: b.in_channels // 2 for b in table.blocks},
        widths_out={b.index: b.out_channels // 2 for b in table.blocks},
        share_kept={b.index: 0.5 for b in table.blocks},
        roles={b.index: "selected" for b in table.blocks},
        ratios={b.index: 0.5 for b in table.blocks},
    )


@pytest.mark.parametrize("zoom", [0.15, 0.25, 0.4, 0.6, 0.75, 1.0, 2.5])
@pytest.mark.parametrize("name", ["yolov8n", "yolov8x", "yolov9t", "rtdetr-l", "yolov8n-seg"])
def test_text_is_large_enough_and_stays_in_its_box(qtbot, tables, name, zoom):
    table, ink = tables(name), Ink("light")
    for layout in (layout_blocks(table), layout_blocks(table, frozenset({2, 4, 12}))):
        for box, frames in frames_of(table, layout, ink, zoom, halved(table)):
            for frame in frames:
                for text in frame.texts:
                    size = text.font.pixelSize()
                    assert size * zoom >= LEAST_TEXT
                    kind = "bold" if text.font.weight() > 400 else "plain"
                    end = text.at.x() + ink.width(kind, size, text.text)
                    assert frame.rect.left() <= text.at.x() and end <= frame.rect.right() + 1
                    assert frame.rect.top() <= text.at.y() <= frame.rect.bottom(), (box, text)


def test_names_are_read_at_fit_with_every_block_of_yolov8x_open(view, tables):
    table = tables("yolov8x")
    view.resize(1280, 800)
    view.set_table(table)
    view.open_all()
    view.fit()
    layout = view.scene().layout
    names = {
        box.index: [text.text for frame in frames for text in frame.texts]
        for box, frames in frames_of(table, layout, Ink("light"), view.zoom)
    }
    for block in table.blocks:
        if table.layers_of(block.index):
            assert names[block.index][0] == f"{block.index} {block.type}"


@pytest.mark.parametrize("kept", [1.0, 0.75, 0.5, 0.05])
def test_what_goes_stays_as_a_ghost(qtbot, tables, kept):
    table = tables("yolov8n")
    layout = layout_blocks(table)
    state = GraphState(
        widths_out={4: round(64 * kept)},
        share_kept={4: kept},
        roles={4: "selected"} if kept < 1 else {},
        ratios={4: 1 - kept},
    )
    frames = {box.index: f for box, f in frames_of(table, layout, Ink("light"), 1.0, state)}
    [frame] = frames[4]
    assert frame.rect.width() == box_width(64)
    assert bool(frame.hatch) == (kept < 1)
    assert frame.body.width() == pytest.approx(box_width(round(64 * kept)), abs=7)
    piece = frames[14][1]  # the Concat's part that results from it
    assert piece.body.width() == pytest.approx(piece.rect.width() * round(64 * kept) / 64)
    assert bool(piece.hatch) == (kept < 1)
    for one in (*frames[4], *frames[14]):
        for line in one.hatch:
            area = one.ghost.adjusted(-0.01, -0.01, 0.01, 0.01)
            assert area.contains(line.p1()) and area.contains(line.p2())


ZOOMS = [round(0.5 + 0.05 * n, 2) for n in range(21)]


@pytest.mark.parametrize("kind", ["light", "dark"])
@pytest.mark.parametrize("name", ["yolov8n", "yolov8x", "yolov10n", "yolov8n-p2"])
@pytest.mark.parametrize("state", [NO_PLAN, None])
def test_a_scale_of_a_head_has_room_for_its_share(qtbot, tables, name, kind, state):
    """Zooming in or out: wherever its share fits next to which scale it is, both are shown."""
    table, ink = tables(name), Ink(kind)
    layout, shown = layout_blocks(table), state or halved(table)
    heads = [b for b in layout.boxes if b.parts and table.blocks[b.index].stage == "head"]
    assert heads
    looks = Looks(table)
    for zoom in (*ZOOMS, *reversed(ZOOMS)):
        for box in heads:
            look = looks.block(box.index, shown, Marks(), ink.palette, None)
            frames = make_frames(box, look, box.index, text_size("small", zoom), ink)
            shares = {part.source: part.share for part in look.parts}
            for part, frame in zip(box.parts, frames, strict=True):
                check_head(frame, part.name, shares[part.source], ink, zoom)


def check_head(frame, name, share, ink, zoom):
    """Texts are whole, apart, and the share is there where there is room for it."""
    texts = [text.text for text in frame.texts]
    assert all("…" not in text for text in texts), texts
    sizes = [max(SIZES[kind], text_size("small", zoom)) for kind in ("bold", "small")]
    wide = ink.width("bold", sizes[0], name) + 8 + ink.width("small", sizes[1], share)
    two = len(texts) > 1  # widths below it; else the box is low or narrow
    if two and share and wide < frame.body.width() - LEFT - RIGHT:
        assert share in texts, (texts, zoom)
    if share in texts:
        first, second = frame.texts[0], frame.texts[texts.index(share)]
        assert first.text.endswith(name)
        end = first.at.x() + ink.width("bold", sizes[0], first.text)
        assert end + 8 <= second.at.x()
        assert second.at.x() + ink.width("small", sizes[1], share) <= frame.body.right()
