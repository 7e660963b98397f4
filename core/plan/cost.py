"""What a network costs at given widths: multiply-adds, parameters, or any other measure.

Allocation knows a cost only by ``CostModel``: what a layer costs at any width, and from that what
a removal saves. A further measure, milliseconds for one, is a further subclass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable
from core.plan.widths import Mask, compute_widths

Floats = NDArray[np.float64]
COST = ("parameters", "macs")
"""What a network costs on any device, by the names that figures have everywhere."""


def gflops(macs: float) -> str:
    """Write multiply-adds as GFLOPs, twice as many, as Ultralytics prints them: 8.74."""
    value = 2 * macs / 1e9
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


class CostModel(ABC):
    """Cost of one network at any widths.

    Parameters
    ----------
    table : ChannelTable

    Attributes
    ----------
    key : str
        Its name in a plan's target.
    label : str
        How messages call it.
    constant : float
        Cost that no plan changes.
    is_limit : bool
        Whether anything below a target meets it: a cost that falls in large steps.
    """

    key: str
    label: str
    constant: float = 0.0
    is_limit: bool = False

    def __init__(self, table: ChannelTable) -> None:
        self.table = table

    @abstractmethod
    def of_layers(self, layers: NDArray[np.int64], inputs: Floats, outputs: Floats) -> Floats:
        """Return the cost of layers at widths; all arrays of one shape, widths in channels."""

    def cost(self, removed: Mask) -> float:
        """Return the cost of the network after removing atoms, mask of shape (atoms,)."""
        widths = compute_widths(self.table, removed)
        numbers = np.arange(len(self.table.layers))
        parts = self.of_layers(numbers, widths.inputs.astype(float), widths.outputs.astype(float))
        return float(parts.sum()) + self.constant

    def binding(self, removed: Mask) -> CostModel:
        """Return the part of the cost that must fall for it to fall, after removing atoms.

        The cost itself, where it is a sum; where it is the largest of several, that one.
        """
        return self

    def whole(self) -> float:
        """Return the cost with nothing removed, which shares are of."""
        return self.cost(np.zeros(self.table.atom_count, bool))


class _Bilinear(CostModel):
    """A cost per pair of channels and per output, exact in double precision."""

    rows: slice
    place: int
    """In what a table says of the whole network."""

    def whole(self) -> float:
        """Return the cost with nothing removed, structure that went before included."""
        told = self.table.whole
        return super().whole() if told is None else float(told[self.place])

    def of_layers(self, layers: NDArray[np.int64], inputs: Floats, outputs: Floats) -> Floats:
        pair, each = self.table.coefficients[self.rows]
        cost: Floats = outputs * (pair[layers] * inputs + each[layers])
        return cost


class MultiplyAdds(_Bilinear):
    """Multiply-adds of convolutions and linear layers at the model's image size, batch 1."""

    key = "macs"
    label = "GFLOPs"
    rows = slice(2, 4)
    place = 1


class Parameters(_Bilinear):
    """Parameters, those outside the listed layers included."""

    key = "params"
    label = "parameters"
    rows = slice(0, 2)
    place = 0

    def __init__(self, table: ChannelTable) -> None:
        super().__init__(table)
        self.constant = float(table.other_parameters)


def cost_of(table: ChannelTable, removed: Mask, by_macs: bool) -> int:
    """Multiply-adds or parameters after removing atoms."""
    widths = compute_widths(table, removed)
    return widths.macs if by_macs else widths.parameters
