"""A tick and a frame of the largest YOLOv8 with every block open: their work, counted.

How long they take is measured by ``python -m tests.benchmarks.window``; what other work a machine
has adds to a time and never to a count.
"""

from __future__ import annotations

import gc
import sys

import pytest
from PySide6.QtCore import QPointF

from app.graph_view.drawing.state import GraphState

TICK, FRAME = 7, 18
"""Calls for a thing; one that looked at all others as well would make hundreds."""


def state(table, part):
    """A state in which every block, line and layer is another than with another part."""
    layers = {
        layer.name: (i, i // part, o, o // part)
        for layer, i, o in zip(
            table.layers, table.in_counts.tolist(), table.out_counts.tolist(), strict=True
        )
    }
    return GraphState(
        widths_in={b.index: b.in_channels // part for b in table.blocks},
        widths_out={b.index: b.out_channels // part for b in table.blocks},
        share_kept={b.index: 1 / part for b in table.blocks},
        roles={b.index: "cascade" for b in table.blocks},
        layer_widths=layers,
    )


def calls(action):
    """How many functions, Python's and Qt's, are called meanwhile."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    gc.collect()
    gc.disable()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.fixture
def large(view, tables):
    view.set_table(tables("yolov8x"))
    view.open_all()
    return view


def items(table):
    """Boxes, lines and layers that a look is made of."""
    return len(table.blocks) + sum(len(b.sources) for b in table.blocks) + len(table.layers)


def test_a_tick_costs_a_few_calls_for_each_thing_that_changes(large, tables):
    table = tables("yolov8x")
    one, other = state(table, 2), state(table, 4)
    large.set_state(one)
    assert calls(lambda: large.set_state(other)) < TICK * items(table)


@pytest.mark.parametrize("zoom", [0.3, 1.0])
def test_a_frame_costs_a_few_calls_for_each_thing_there_is(large, tables, zoom):
    large.set_state(state(tables("yolov8x"), 2))
    large.zoom_at(QPointF(700, 500), zoom / large.zoom)
    large.centre_on_point(large.scene().blocks[6].sceneBoundingRect().center())
    large.viewport().repaint()
    assert 0 < calls(lambda: large.viewport().repaint()) < FRAME * items(tables("yolov8x"))
