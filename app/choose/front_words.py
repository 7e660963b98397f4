"""Alternatives in words and as a table: the same for the tip, the reader and the saved figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.kit import formats
from app.kit.charts.data import Cell, ChartData

if TYPE_CHECKING:
    from app.state.measurements import Alternative
    from core.choose.measured import MeasuredPoint

COLUMNS = (
    "GFLOPs kept (%)",
    "parameters kept (%)",
    "predicted cost (comparable within this table only)",
    "in the plan",
)
TIMES = ("time (ms)", "time, lower quartile (ms)", "time, upper quartile (ms)")


def metric_of(point: MeasuredPoint) -> str:
    """Return the name of the accuracy that was measured."""
    from core.data.figures import figure_name

    return figure_name(point.metric)


def table(
    front: Sequence[Alternative], unpruned: MeasuredPoint | None, chosen: int | None
) -> ChartData:
    """Return the alternatives, with what was measured and the unpruned network if there is one."""
    rows: list[tuple[Cell, ...]] = []
    for number, one in enumerate(front):
        score = None if math.isnan(one.score) else one.score
        rows.append((100 * one.macs, 100 * one.params, score, int(number == chosen)))
    if unpruned is None:
        return ChartData(COLUMNS, rows)
    name = metric_of(unpruned)
    columns = (name, f"{name}, low (95%)", f"{name}, high (95%)", f"{name} of unpruned (%)", *TIMES)
    cells = [_cells(one.measured, unpruned) for one in front]
    rows = [known + measured for known, measured in zip(rows, cells, strict=True)]
    rows.append((100.0, 100.0, None, 0, *_cells(unpruned, unpruned)))
    return ChartData((*COLUMNS, *columns), rows)


def _cells(point: MeasuredPoint | None, unpruned: MeasuredPoint) -> tuple[Cell, ...]:
    if point is None:
        return (None,) * 7
    share = 100 * point.accuracy / unpruned.accuracy if unpruned.accuracy > 0 else None
    times = (point.latency_ms, point.latency_low, point.latency_high)
    return (point.accuracy, point.low, point.high, share, *times)


def tip(one: Alternative, unpruned: MeasuredPoint | None) -> str:
    """Describe a point."""
    kept = f"{one.macs:.1%} of the GFLOPs, {one.params:.1%} of the parameters kept\n"
    if one.measured is None or unpruned is None:
        return f"{kept}predicted cost {one.score:.3g} (comparable within this chart only)"
    return kept + measured_words(one.measured, unpruned)


def measured_words(point: MeasuredPoint, unpruned: MeasuredPoint) -> str:
    """Describe what was measured of a network, next to the unpruned one."""
    base = unpruned.accuracy
    share = f"{point.accuracy / base:.1%} of the unpruned {base:.4f}" if base > 0 else "unpruned 0"
    accuracy = (
        f"{metric_of(point)} {point.accuracy:.4f}, {share}; 95% interval {point.low:.4f} to "
        f"{point.high:.4f}"
    )
    if point.low <= base <= point.high:
        accuracy += f"\nno difference that {formats.counted(point.images, 'image')} can show"
    return (
        f"{accuracy}\n{point.latency_ms:.1f} ms per image of {unpruned.latency_ms:.1f}; quartiles "
        f"{point.latency_low:.1f} to {point.latency_high:.1f}"
    )


def unpruned_tip(point: MeasuredPoint | None) -> str:
    """Describe the point of the unpruned network."""
    if point is None:
        return "Unpruned"
    return (
        f"Unpruned: {metric_of(point)} {point.accuracy:.4f}, {point.latency_ms:.1f} ms per image\n"
        f"on {formats.counted(point.images, 'image')} at {point.image_size.text}"
    )


def description(
    front: Sequence[Alternative], unpruned: MeasuredPoint | None, chosen: int | None
) -> str:
    """Describe the chart to a screen reader."""
    words = f"{len(front)} alternatives"
    points = [one.measured for one in front if one.measured is not None]
    if unpruned is not None and points:
        images = formats.counted(unpruned.images, "image")
        words += f", {len(points)} of them measured on {images}"
    if chosen is None:
        return words
    one = front[chosen]
    words += f", the plan has {one.macs:.0%} of the GFLOPs"
    if one.measured is not None and unpruned is not None:
        words += ": " + measured_words(one.measured, unpruned).replace("\n", "; ")
    return words
