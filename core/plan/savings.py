"""What each unit of channels would save, kept up to date while units go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable, Ints
from core.plan.cost import CostModel, Floats
from core.plan.widths import Mask, compute_widths


class Savings:
    """Widths of every layer while units go, and what each unit would save now.

    Parameters
    ----------
    model : CostModel
        Of the whole network.
    label : int64 array, shape (atoms,)
        The unit of each atom, or -1.
    removed : bool array, shape (atoms,)
        Already gone.
    least : int64 array, shape (layers,)
        Outputs that every layer keeps.

    Attributes
    ----------
    cost : float
        Of the network as it is now.
    able : bool array, shape (units,)
        Units that may still go.
    """

    def __init__(
        self, model: CostModel, label: NDArray[np.int64], removed: Mask, least: NDArray[np.int64]
    ) -> None:
        widths = compute_widths(model.table, removed)
        self.model, self.least = model, least
        self.inputs = widths.inputs.astype(np.float64)
        self.outputs = widths.outputs.astype(np.float64)
        self.cost = model.cost(removed)
        self.count = int(label.max()) + 1
        self._find_places(model.table, label)
        self.gain = np.zeros(len(self.unit))
        self.able = np.ones(self.count, bool)
        everything = np.arange(len(self.outputs))
        self._renew(everything)
        self._keep_floor(everything)

    def _find_places(self, table: ChannelTable, label: NDArray[np.int64]) -> None:
        """List every (layer, unit) that meet, with the channels the layer would lose."""
        inputs = _keys(table.in_atoms, table.in_offsets, label, self.count)
        outputs = _keys(table.out_atoms, table.out_offsets, label, self.count)
        distinct, place = np.unique(np.concatenate([inputs, outputs]), return_inverse=True)
        self.layer, self.unit = np.divmod(distinct, self.count)
        number = len(distinct)
        self.lost_inputs = np.bincount(place[: len(inputs)], minlength=number).astype(float)
        self.lost_outputs = np.bincount(place[len(inputs) :], minlength=number).astype(float)
        self.by_layer = np.searchsorted(self.layer, np.arange(len(self.outputs) + 1))
        self.order = np.argsort(self.unit, kind="stable")
        self.by_unit = np.searchsorted(self.unit[self.order], np.arange(self.count + 1))

    def savings(self) -> Floats:
        """Cost that the removal of each unit would save now, shape (units,)."""
        saved: Floats = np.bincount(self.unit, self.gain, self.count).astype(np.float64)
        return saved

    def remove(self, unit: int, saved: float) -> None:
        """Take one unit out."""
        self.cost -= saved
        self.able[unit] = False
        places = self.order[self.by_unit[unit] : self.by_unit[unit + 1]]
        layers = self.layer[places]
        self.inputs[layers] -= self.lost_inputs[places]
        self.outputs[layers] -= self.lost_outputs[places]
        self._renew(layers)
        self._keep_floor(layers)

    def _places_of(self, layers: NDArray[np.int64]) -> NDArray[np.int64]:
        spans = [np.arange(self.by_layer[n], self.by_layer[n + 1]) for n in layers.tolist()]
        return np.concatenate(spans) if spans else np.zeros(0, np.int64)

    def _renew(self, layers: NDArray[np.int64]) -> None:
        places = self._places_of(layers)
        number = self.layer[places]
        inputs, outputs = self.inputs[number], self.outputs[number]
        left_inputs = np.maximum(inputs - self.lost_inputs[places], 0.0)
        left_outputs = np.maximum(outputs - self.lost_outputs[places], 0.0)
        before = self.model.of_layers(number, inputs, outputs)
        self.gain[places] = before - self.model.of_layers(number, left_inputs, left_outputs)

    def _keep_floor(self, layers: NDArray[np.int64]) -> None:
        """Bar the units that would take a layer below its floor."""
        places = self._places_of(layers)
        slack = (self.outputs - self.least)[self.layer[places]]
        self.able[self.unit[places[self.lost_outputs[places] > slack]]] = False


def _keys(atoms: Ints, offsets: Ints, label: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """One number for every channel of a layer that belongs to a unit: layer * count + unit."""
    layers = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    units = np.append(label, -1)[atoms]
    keys: NDArray[np.int64] = (layers * count + units)[units >= 0]
    return keys
