"""Milliseconds of a plan, from a table of layer times measured on this machine. No torch.

A table holds, for every distinct layer shape of a network, its time on a grid of input and output
widths. Runtimes work on blocks of channels (16 for ONNX Runtime with AVX-512), so widths between
two multiples of ``step`` cost as much as the upper one: that is the staircase a plan should land
on. Between grid points the time is interpolated along both widths. What is no layer (joins,
splits, the head's last operations) is a calibrated overhead: a scale of the layers' sum, a
constant, a cost per element moved, and a surcharge on layers of odd input width.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable, Ints
from core.plan.widths import Mask, kept_of

Floats = NDArray[np.float64]
PACKED = 4
"""Runtimes read inputs in fours; a layer whose input width is no multiple may take a slower way.

ONNX Runtime does, behind a split or a join, where it cannot repack such inputs into its blocks.
How much slower is calibrated, and nothing where a runtime does not care.
"""

NO_GRID = -1
"""Stands for a layer without a time of its own, such as a BatchNorm that the runtime folds."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Times of one layer shape.

    Attributes
    ----------
    name : str
        The shape, in words.
    inputs, outputs : int arrays, shape (m,) and (n,)
        Widths measured, rising. A layer that works channel by channel has one input width, 0.
    ms : float array, shape (m, n)
        Milliseconds of one call.
    """

    name: str
    inputs: Ints
    outputs: Ints
    ms: Floats


@dataclass(frozen=True)
class LatencyTable:
    """Times of all layers of one network, on one machine, in one runtime.

    Attributes
    ----------
    about : dict
        ``device``, ``runtime``, ``version``, ``threads``, ``batch``, ``image_size``,
        ``precision`` and the model's ``sha256``.
    step : int
        Widths between two multiples of it cost as much as the upper one; 1 where no steps show.
    grids : tuple of Grid
    layer_grid : int array, shape (layers,)
        Index into ``grids``, or ``NO_GRID``.
    calls : int array, shape (layers,)
        How often the layer runs in one pass.
    scale, constant, per_move, per_odd : float
        The calibration: milliseconds are ``scale`` times the layers' sum, plus ``constant``, plus
        ``per_move`` times the elements moved. Layers of odd input width (``PACKED``) count for
        ``1 + per_odd``.
    measured_ms : float
        The whole unpruned network, as measured.
    error : float
        Largest relative error over the networks it was calibrated on.
    """

    about: dict[str, Any]
    step: int
    grids: tuple[Grid, ...]
    layer_grid: Ints
    calls: Ints
    scale: float = 1.0
    constant: float = 0.0
    per_move: float = 0.0
    per_odd: float = 0.0
    measured_ms: float = 0.0
    error: float = field(default=float("nan"))

    def fits(self, table: ChannelTable) -> bool:
        """Whether it may be of the network that a channel table describes."""
        return len(self.layer_grid) == len(table.layers)


class Moves:
    """Elements that steps other than layers move: joins, splits, and what the head rearranges.

    Read and written elements count alike; an operation that only passes channels on (an
    activation, a pooling) is left to the layers. Spatial sizes are those at the table's image size.

    Parameters
    ----------
    table : ChannelTable

    Attributes
    ----------
    per_atom : float array, shape (atoms,)
        Elements moved for each atom kept.
    always : float
        Those of no atom.
    """

    def __init__(self, table: ChannelTable) -> None:
        places = _positions(table)
        moved = np.zeros(table.atom_count + 1)
        for step in table.steps:
            if step.op in ("layer", "parameter", "follow"):
                continue
            for tensor in (*step.inputs, *step.outputs):
                np.add.at(moved, table.tensors[tensor], places[tensor])  # no atom is -1, the last
        self.per_atom, self.always = moved[:-1], float(moved[-1])
        self._places, self._table = places, table

    def by_block(self, removed: Mask) -> Floats:
        """Return the elements each block moves without some atoms, shape (blocks,)."""
        table, kept = self._table, kept_of(removed)
        moved = np.zeros(len(table.blocks))
        for step in table.steps:
            if step.op in ("layer", "parameter", "follow"):
                continue
            for tensor in (*step.inputs, *step.outputs):
                count = int(kept[table.tensors[tensor]].sum())
                moved[step.block] += self._places[tensor] * count
        return moved

    def count(self, removed: Mask) -> float:
        """Return the elements moved without some atoms, mask of shape (atoms,)."""
        return float(self.per_atom @ ~removed) + self.always


def _positions(table: ChannelTable) -> Floats:
    """Spatial positions of every tensor the steps name, shape (tensors,)."""
    places = np.zeros(len(table.tensors))
    last = len(table.blocks) - 1
    for step in table.steps:
        made = max((places[t] for t in step.inputs), default=0.0)
        if step.op == "layer" and table.layers[step.layer].positions:
            made = float(table.layers[step.layer].positions)
        elif step.block < last and table.blocks[step.block].stride:
            made = (table.image_size / table.blocks[step.block].stride) ** 2
        for tensor in step.outputs:
            places[tensor] = places[tensor] or made
    return places


class Clock:
    """Predicts milliseconds for one network: build it once, ask it at every tick.

    Parameters
    ----------
    latency : LatencyTable
    table : ChannelTable
        Of the network the latency table was made for.

    Raises
    ------
    ValueError
        When the two do not belong together.
    """

    def __init__(self, latency: LatencyTable, table: ChannelTable) -> None:
        if not latency.fits(table):
            raise ValueError("the latency table belongs to another network")
        self.latency, self.table = latency, table
        self.timed = np.flatnonzero(latency.layer_grid != NO_GRID)
        own = [latency.grids[latency.layer_grid[n]] for n in self.timed]
        most_in, most_out = table.in_counts[self.timed], table.out_counts[self.timed]
        self._in = _Axis([g.inputs for g in own], most_in, latency.step)
        self._out = _Axis([g.outputs for g in own], most_out, latency.step)
        self._wide = np.array([len(g.outputs) for g in own], np.int64)
        sizes = [g.ms.size for g in own]
        self._start = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        weights = latency.scale * latency.calls[self.timed]
        flat = [w * g.ms.ravel() for w, g in zip(weights, own, strict=True)]
        self._ms: Floats = np.concatenate([np.zeros(0), *flat])
        self.place = np.full(len(table.layers), NO_GRID, np.int64)
        self.place[self.timed] = np.arange(len(self.timed))
        self.moves = Moves(table)
        # A width that no plan changes (the image's) is in the measured time already.
        few = most_in <= PACKED
        self._mixing = np.array([table.layers[n].mixes for n in self.timed], bool) & ~few

    def layer_ms(self, layers: NDArray[np.int64], inputs: Ints, outputs: Ints) -> Floats:
        """Milliseconds of layers at given widths; 0 for those without a time of their own.

        Parameters
        ----------
        layers : int array, shape (n,)
            Layer numbers; any order, repeats allowed.
        inputs, outputs : int arrays, shape (n,)
            Widths, up to those of the unpruned layer.
        """
        place = self.place[layers]
        timed = place != NO_GRID
        result = np.zeros(len(place))
        rows = place[timed]
        if not len(rows):
            return result
        low_in, share_in = self._in.find(rows, inputs[timed])
        low_out, share_out = self._out.find(rows, outputs[timed])
        corner = self._start[rows] + low_in * self._wide[rows] + low_out
        down = np.where(share_in > 0, self._wide[rows], 0)
        right = (share_out > 0).astype(np.int64)
        ms = self._ms
        upper = ms[corner] * (1 - share_out) + ms[corner + right] * share_out
        lower = ms[corner + down] * (1 - share_out) + ms[corner + down + right] * share_out
        values = upper * (1 - share_in) + lower * share_in
        # A layer that lost every channel of one side does nothing.
        values[outputs[timed] == 0] = 0.0
        result[timed] = values
        return result

    def ms(self, removed: Mask) -> float:
        """Milliseconds of the network without the removed atoms, shape (atoms,)."""
        own, moved, odd = self.parts(removed)
        latency = self.latency
        return own + latency.constant + latency.per_move * moved + latency.per_odd * odd

    def block_ms(self, removed: Mask) -> Floats:
        """Milliseconds of every block without the removed atoms, shape (blocks,).

        They sum up to those of the network but for the calibration's constant, which no block
        causes.
        """
        latency = self.latency
        own, odd = self._layers(removed)
        spent = own + latency.per_odd * np.where(odd, own, 0.0)
        blocks = np.array([self.table.layers[n].block for n in self.timed], np.int64)
        result = np.bincount(blocks, spent, len(self.table.blocks))
        return result + latency.per_move * self.moves.by_block(removed)

    def parts(self, removed: Mask) -> tuple[float, float, float]:
        """Return what the calibration weighs, after removing atoms.

        Returns
        -------
        own : float
            Milliseconds of all layers.
        moved : float
            Elements moved.
        odd : float
            Milliseconds of the layers of odd input width.
        """
        own, odd = self._layers(removed)
        return float(own.sum()), self.moves.count(removed), float(own[odd].sum())

    def _layers(self, removed: Mask) -> tuple[Floats, NDArray[np.bool_]]:
        """Return milliseconds of the timed layers, and which have an odd input width."""
        atoms, starts = self.table.gather
        kept = kept_of(removed).view(np.uint8)
        inputs, outputs = np.split(np.add.reduceat(kept.take(atoms), starts, dtype=np.int32), 2)
        inputs, outputs = inputs[self.timed], outputs[self.timed]
        own = self.layer_ms(self.timed, inputs, outputs)
        return own, self._mixing & (inputs % PACKED != 0)


class _Axis:
    """Finds widths on the grids of many layers at once, by one look-up each."""

    def __init__(self, grids: list[Ints], most: Ints, step: int) -> None:
        lows, shares, starts = [], [], []
        held = 0
        for grid, top in zip(grids, most.tolist(), strict=True):
            low, share = _place(grid, np.arange(top + 1), step)
            lows.append(low)
            shares.append(share)
            starts.append(held)
            held += top + 1
        self._low = np.concatenate([np.zeros(0, np.int64), *lows])
        self._share = np.concatenate([np.zeros(0), *shares])
        self._start = np.array(starts, np.int64)

    def find(self, rows: NDArray[np.int64], widths: Ints) -> tuple[NDArray[np.int64], Floats]:
        """Return the grid point below each width, and the share of the way to the next."""
        where = self._start[rows] + widths
        return self._low[where], self._share[where]


def _place(grid: Ints, widths: NDArray[Any], step: int) -> tuple[NDArray[np.int64], Floats]:
    """Place widths on a grid; one that was measured itself is not rounded up.

    Widths below the first point cost as much as it, those above the last as much as that.
    """
    if len(grid) == 1:
        return np.zeros(len(widths), np.int64), np.zeros(len(widths))
    # A measured width within the same step costs the same and is nearer (a layer's own full width).
    following = grid[np.minimum(np.searchsorted(grid, widths), len(grid) - 1)]
    effective = np.clip(np.minimum(-(-widths // step) * step, following), grid[0], grid[-1])
    low = np.clip(np.searchsorted(grid, effective, side="right") - 1, 0, len(grid) - 2)
    share = (effective - grid[low]) / (grid[low + 1] - grid[low])
    at_end = share >= 1.0
    return np.where(at_end, low + 1, low).astype(np.int64), np.where(at_end, 0.0, share)
