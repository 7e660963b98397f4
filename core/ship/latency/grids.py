"""Which widths are measured, and the steps that show in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.plan.latency.clock import Grid
from core.progress import Progress
from core.ship.devices.bench import find_step
from core.ship.latency.layers import Point
from core.ship.latency.shapes import Shape, Use
from core.ship.latency.store import LayerStore, Place

Measure = Callable[[Sequence[Point]], NDArray[np.float64]]
"""Times points, in milliseconds."""

LEVELS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Multiples of a step that are measured: every one at the narrow end, ever fewer above."""

FINEST = 8
"""Grid spacing at the narrow end where no steps show."""

PROBE = Shape("Conv2d", (3, 3), (1, 1), (1, 1), (1, 1), (0, 0), (40, 40), "SiLU")
PROBED = tuple(range(32, 132, 4))
"""Output widths at which a single layer is measured to find the step, at 64 inputs."""

PROBES = 5
"""How often; the least time of each width counts, since only interruptions make it longer."""

REFERENCE: Point = (PROBE, 64, 64)
"""The layer that reports how fast the machine runs at the moment."""

CHUNK_POINTS = 32
CHUNK_ELEMENTS = 16_000_000
"""Limits of what is measured in turns together: points, and elements of inputs and outputs."""


def levels(most: int, step: int) -> NDArray[np.int32]:
    """Return the widths measured for a layer of ``most`` channels, itself included."""
    base = step if step > 1 else FINEST
    below = [base * level for level in LEVELS if base * level < most]
    return np.array([*below, most], np.int32)


def grid_points(use: Use, step: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the input and output widths of a layer's grid.

    Inputs that no plan changes (the image's) are one column; a grouped layer has none.
    """
    if use.shape.grouped:
        whole = use.shape.per_group[1]
        outs = np.unique(-(-levels(use.outputs, step) // whole) * whole).astype(np.int32)
        return np.zeros(1, np.int32), outs
    few = use.inputs <= min(4, step)
    ins = np.array([use.inputs], np.int32) if few else levels(use.inputs, step)
    return ins, levels(use.outputs, step)


def points_of(uses: Iterable[Use], step: int) -> dict[Place, Point]:
    """Return every point that the grids of some layers need, once."""
    points: dict[Place, Point] = {}
    for use in uses:
        ins, outs = grid_points(use, step)
        for narrow in ins.tolist():
            for wide in outs.tolist():
                points[use.shape.name, narrow, wide] = (use.shape, narrow, wide)
    return points


def measure_step(store: LayerStore, measure: Measure) -> int:
    """Return the step of this machine's runtime, measured once."""
    if store.step is None:
        points = [(PROBE, 64, wide) for wide in PROBED]
        times = np.min([measure(points) for _ in range(PROBES)], axis=0)
        store.step = find_step(PROBED, times)
        store.save()
    return store.step


def measure_points(
    store: LayerStore, points: dict[Place, Point], measure: Measure, progress: Progress
) -> None:
    """Measure the points that the store lacks, a few in turns together; may be cancelled.

    Each time one layer, always the same, takes part: where the machine runs slower or faster than
    at first, as virtual ones do for minutes, the times are scaled back by it.
    """
    lacking = {place: point for place, point in points.items() if place not in store}
    whole = sum(_work(point) for point in lacking.values()) or 1.0
    done = 0.0
    for places in chunks(lacking):
        progress(done / whole, f"Measuring layers: {lacking[places[0]][0].name}")
        times = measure([REFERENCE, *(lacking[place] for place in places)])
        store.reference = store.reference or float(times[0])
        pace = store.reference / times[0] if times[0] > 0 else 1.0
        store.add(places, times[1:] * pace)
        done += sum(_work(lacking[place]) for place in places)


def _work(point: Point) -> float:
    """Multiply-adds of a point, roughly: what its measuring costs, for progress."""
    shape, narrow, wide = point
    ins, outs = shape.widths(narrow, wide)
    pairs = outs * shape.per_group[0] if shape.grouped else ins * outs
    places = np.prod(shape.side) / np.prod(shape.stride)
    return float(pairs * np.prod(shape.kernel) * places)


def chunks(points: dict[Place, Point]) -> Iterable[list[Place]]:
    """Part points into those that are measured in turns together."""
    chunk: list[Place] = []
    held = 0
    for place, (shape, narrow, wide) in points.items():
        elements = sum(shape.widths(narrow, wide)) * int(np.prod(shape.side))
        if chunk and (held + elements > CHUNK_ELEMENTS or len(chunk) >= CHUNK_POINTS):
            yield chunk
            chunk, held = [], 0
        chunk.append(place)
        held += elements
    if chunk:
        yield chunk


def grid_of(use: Use, step: int, store: LayerStore) -> Grid:
    """Return a layer's grid from measured points."""
    ins, outs = grid_points(use, step)
    name = use.shape.name
    ms = [[store[name, narrow, wide] for wide in outs.tolist()] for narrow in ins.tolist()]
    return Grid(name, ins, outs, np.array(ms, np.float64))
