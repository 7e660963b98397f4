"""A tick on the largest YOLOv8 with every block open must leave most of a frame to others."""

from __future__ import annotations

import time

from PySide6.QtCore import QPointF

from app.graph_view.state import GraphState

SET_STATE = 0.008
PAINT = 0.016


def states(table):
    """Two states in which every block, line and layer differs."""
    made = []
    for part in (2, 4):
        layers = {
            layer.name: (i, i // part, o, o // part)
            for layer, i, o in zip(
                table.layers, table.in_counts.tolist(), table.out_counts.tolist(), strict=True
            )
        }
        made.append(
            GraphState(
                widths_in={b.index: b.in_channels // part for b in table.blocks},
                widths_out={b.index: b.out_channels // part for b in table.blocks},
                share_kept={b.index: 1 / part for b in table.blocks},
                roles={b.index: "cascade" for b in table.blocks},
                layer_widths=layers,
            )
        )
    return made


def quickest(action, times=25):
    """The machine's other work only ever adds to a time."""
    spent = []
    for number in range(times):
        before = time.perf_counter()
        action(number)
        spent.append(time.perf_counter() - before)
    return min(spent)


def test_a_tick_on_yolov8x_with_every_block_open(view, tables):
    table = tables("yolov8x")
    view.set_table(table)
    view.open_all()
    both = states(table)
    assert quickest(lambda n: view.set_state(both[n % 2])) < SET_STATE
    for zoom in (0.3, 1.0):
        view.zoom_at(QPointF(700, 500), zoom / view.zoom)
        view.centre_on_point(view.scene().blocks[6].sceneBoundingRect().center())
        assert quickest(lambda _: view.viewport().repaint(), 9) < PAINT
