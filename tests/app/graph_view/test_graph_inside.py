"""The inside of blocks, read from the trace."""

from __future__ import annotations

import pytest

from core.drawing.diagram import place_inside
from core.drawing.inside import read_inside
from tests.app.graph_view.graph_families import FAMILIES


def described(nodes):
    return [(n.label, n.kernel, [nodes[s].label for s in n.sources]) for n in nodes]


def test_c2f_shows_split_shortcuts_and_concat(tables):
    assert described(read_inside(tables("yolov8n"), 4)) == [
        ("from 3", "", []),
        ("cv1", "1×1", ["from 3"]),
        ("split", "", ["cv1"]),
        ("m.0.cv1", "3×3", ["split"]),
        ("m.0.cv2", "3×3", ["m.0.cv1"]),
        ("add", "", ["split", "m.0.cv2"]),
        ("m.1.cv1", "3×3", ["add"]),
        ("m.1.cv2", "3×3", ["m.1.cv1"]),
        ("add", "", ["add", "m.1.cv2"]),
        ("Concat", "", ["split", "add", "add"]),
        ("cv2", "1×1", ["Concat"]),
    ]


def test_the_head_names_what_it_reads(tables):
    nodes = read_inside(tables("yolov8n"), 22)
    assert [n.label for n in nodes[:3]] == ["from 15", "from 18", "from 21"]


def test_attention_is_followed(tables):
    described_nodes = described(read_inside(tables("rtdetr-l"), 11))
    assert ("ma.out_proj", "", ["from 10"]) in described_nodes
    assert ("add", "", ["from 10", "ma.out_proj"]) in described_nodes


@pytest.mark.parametrize("name", FAMILIES)
def test_every_followed_convolution_is_shown_once(tables, name):
    table = tables(name)
    for block in table.blocks:
        shown = [n.name for n in read_inside(table, block.index) if n.kind == "layer"]
        wanted = {
            table.layers[s.layer].name
            for s in table.steps
            if s.block == block.index
            and s.layer >= 0
            and (s.op == "layer" or table.layers[s.layer].kind.startswith("Conv"))
        }
        assert set(shown) == wanted
        if block.type != "RTDETRDecoder":  # runs some layers once per step of its decoder
            assert len(shown) == len(wanted)


def test_a_block_on_the_way_up_is_drawn_upwards(tables):
    table = tables("yolov8n")
    down, up = place_inside(table, 12), place_inside(table, 12, upwards=True)
    first = next(n for n in down.nodes if n.label == "cv1")
    turned = next(n for n in up.nodes if n.label == "cv1")
    assert first.y + first.height + turned.y == pytest.approx(down.height)
    assert (down.width, down.height) == (up.width, up.height)


def test_blocks_without_layers_have_no_inside(tables):
    assert place_inside(tables("yolov8n"), 11).nodes == ()
    assert place_inside(tables("yolov8n"), 10).nodes == ()
