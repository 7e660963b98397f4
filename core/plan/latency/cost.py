"""Milliseconds as a cost for allocation, and the rounding that goes with them."""

from __future__ import annotations

from dataclasses import replace
from math import lcm

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable
from core.plan.cost import CostModel
from core.plan.latency.clock import Clock, Floats, Grid, LatencyTable
from core.plan.positions import per_output
from core.plan.schema import Plan
from core.plan.widths import Mask


class Milliseconds(CostModel):
    """Predicted time of one pass.

    What a removal saves is read from times made monotone: in measured ones a layer may by chance
    take longer with fewer channels. The cost itself is the plain prediction.

    Parameters
    ----------
    table : ChannelTable
    latency : LatencyTable
        Of that network.
    """

    key = "latency_ms"
    label = "milliseconds"

    def __init__(self, table: ChannelTable, latency: LatencyTable) -> None:
        super().__init__(table)
        self.clock = Clock(latency, table)
        level = replace(latency, grids=tuple(_monotone(grid) for grid in latency.grids))
        self._level = Clock(level, table)
        self.constant = latency.constant
        self._moving = latency.per_move * per_output(table, self.clock.moves.per_atom)

    def of_layers(self, layers: NDArray[np.int64], inputs: Floats, outputs: Floats) -> Floats:
        """Return milliseconds of layers, what their outputs cost to move included."""
        own = self._level.layer_ms(
            layers, np.rint(inputs).astype(int), np.rint(outputs).astype(int)
        )
        ms: Floats = own + self._moving[layers] * outputs
        return ms

    def cost(self, removed: Mask) -> float:
        """Return the predicted milliseconds after removing atoms, mask of shape (atoms,)."""
        return self.clock.ms(removed)


def _monotone(grid: Grid) -> Grid:
    """Return times that never fall as either width rises, as near as two passes bring them."""
    ms = grid.ms
    for axis in (0, 1):
        rising = np.maximum.accumulate(ms, axis=axis)
        falling = np.flip(np.minimum.accumulate(np.flip(ms, axis), axis=axis), axis)
        ms = (rising + falling) / 2
    return replace(grid, ms=ms)


def rounded(plan: Plan, latency: LatencyTable | None) -> Plan:
    """Return the plan with the rounding that a latency table asks for.

    With ``round_to`` ``auto`` that is the table's step. With a target in milliseconds kept counts
    are multiples of both, since a count between two steps costs as much as the upper one.

    Parameters
    ----------
    plan : Plan
    latency : LatencyTable or None
        None when there is none; ``auto`` then is the usual rounding.
    """
    if latency is None:
        return plan.model_copy(update={"round_to": plan.multiple})
    if plan.round_to == "auto":
        return plan.model_copy(update={"round_to": latency.step})
    if plan.target is not None and plan.target.by_time:
        return plan.model_copy(update={"round_to": lcm(plan.multiple, latency.step)})
    return plan
