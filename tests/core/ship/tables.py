"""Latency tables made up from a formula: nothing is timed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.graph.table import ChannelTable
from core.plan.latency.clock import Clock, LatencyTable
from core.plan.latency.files import describe
from core.plan.latency.times import Times
from core.plan.widths import Mask
from core.ship.latency.grids import measure_points, points_of
from core.ship.latency.layers import Point
from core.ship.latency.runtimes import fused
from core.ship.latency.shapes import Use, layer_uses
from core.ship.latency.store import LayerStore
from core.ship.latency.table import assemble
from core.structure.stage import Stage
from tests.core.networks import image_size, network, table_of

STEP = 16


class Machine:
    """In the place of measuring: it takes what the table says, times a factor for what is pruned.

    Attributes
    ----------
    shares : list of float
        What each network took of the unpruned one's time.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.shares: list[float] = []

    def __call__(self, stage: Stage, removed: Mask, latency: LatencyTable, **_: object) -> Times:
        table = stage.before.table
        timed = stage.timed(latency)
        assert timed is not None
        before = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
        after = Clock(timed, stage.analysis.table).ms(removed)
        times = Times(before, after * self.factor)
        self.shares.append(times.share)
        return times


def silent(_fraction: float, _text: str) -> None:
    pass


def made_up(points: Sequence[Point], *_: object) -> np.ndarray:
    """A staircase in both widths, as a runtime that works in blocks of 16 has."""
    times = []
    for shape, narrow, wide in points:
        ins, outs = shape.widths(narrow, wide)
        blocks = -(-outs // STEP) * (1 if shape.grouped else -(-ins // STEP))
        times.append(1e-6 * blocks * np.prod(shape.kernel) * np.prod(shape.side) + 0.001)
    return np.array(times)


@lru_cache(maxsize=4)
def uses_of(family: str) -> tuple[Use, ...]:
    return layer_uses(fused(network(family)), table_of(family), image_size(family))


def latency_from(
    table: ChannelTable, uses: Sequence[Use], size: int, step: int = STEP
) -> LatencyTable:
    """Made up, without overhead."""
    store = LayerStore({"device": "made up"}, Path("/nonexistent/layers.json"))
    measure_points(store, points_of(uses, step), made_up, silent)
    about = describe("torch", threads=1, image_size=size)
    return assemble(table, uses, step, store, about)


@lru_cache(maxsize=4)
def latency_of(family: str, step: int = STEP) -> LatencyTable:
    return latency_from(table_of(family), uses_of(family), image_size(family), step)
