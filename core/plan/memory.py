"""Peak memory of a network's activations, from its traced steps. No torch.

Every tensor lives from the step that makes it to the last that reads it; the peak is the step at
which most bytes live, its own inputs and outputs included. That is what an arena of a device has
to hold (TensorFlow Lite Micro, 2010.08678, section 4.4; MCUNet, 2007.10319, prunes for it). An
activation or a normalisation works in place, and what only looks at a part of a tensor takes no
memory of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable
from core.plan.cost import CostModel, Floats
from core.plan.positions import per_output, positions_of
from core.plan.widths import Mask, kept_of

BYTES = 4
"""Of one value, in FP32."""
MAKERS = ("layer", "cat", "join")
"""Steps whose outputs are tensors of their own; all others hand on what they read."""


class PeakMemory(CostModel):
    """Bytes that live at the worst step, at the model's image size and batch 1.

    Parameters
    ----------
    table : ChannelTable
    """

    key = "peak_memory"
    label = "peak memory"
    is_limit = True

    def __init__(self, table: ChannelTable) -> None:
        super().__init__(table)
        roots = _storages(table)
        own = sorted(set(roots))
        place = {root: number for number, root in enumerate(own)}
        positions = positions_of(table)
        self._bytes = BYTES * positions[own]
        self._atoms = [table.tensors[root] for root in own]
        self._live = _lifetimes(table, [place[root] for root in roots], len(own))

    def cost(self, removed: Mask) -> float:
        """Return the bytes at the worst step after removing atoms, mask of shape (atoms,)."""
        return float(self._by_step(removed).max(initial=0.0))

    def _by_step(self, removed: Mask) -> Floats:
        kept = kept_of(removed)
        widths = np.array([np.count_nonzero(kept[atoms]) for atoms in self._atoms])
        bytes_now: Floats = self._live @ (self._bytes * widths)
        return bytes_now

    def binding(self, removed: Mask) -> CostModel:
        """Return the cost of the step that is the worst after removing atoms."""
        step = int(self._by_step(removed).argmax())
        return _OneStep(self, np.flatnonzero(self._live[step]))

    def of_layers(self, layers: NDArray[np.int64], inputs: Floats, outputs: Floats) -> Floats:
        """Return what layers add to the worst step of the whole network."""
        return self.binding(np.zeros(self.table.atom_count, bool)).of_layers(
            layers, inputs, outputs
        )


class _OneStep(CostModel):
    """Bytes that live at one step."""

    key, label, is_limit = PeakMemory.key, PeakMemory.label, True

    def __init__(self, whole: PeakMemory, live: NDArray[np.int64]) -> None:
        super().__init__(whole.table)
        self._parts = [(whole._atoms[n], float(whole._bytes[n])) for n in live.tolist()]
        per_atom = np.zeros(self.table.atom_count + 1)  # no atom is -1, the last
        for atoms, size in self._parts:
            np.add.at(per_atom, atoms, size)
        self._each = per_output(self.table, per_atom[:-1])
        self._whole = whole.whole()

    def whole(self) -> float:
        return self._whole

    def cost(self, removed: Mask) -> float:
        kept = kept_of(removed)
        return float(sum(size * np.count_nonzero(kept[atoms]) for atoms, size in self._parts))

    def of_layers(self, layers: NDArray[np.int64], inputs: Floats, outputs: Floats) -> Floats:
        bytes_now: Floats = self._each[layers] * outputs
        return bytes_now


def _storages(table: ChannelTable) -> list[int]:
    """Return, for every tensor, the one that holds its memory."""
    roots = list(range(len(table.tensors)))
    for step in table.steps:
        if step.op in MAKERS or not step.inputs:
            continue
        for tensor in step.outputs:
            roots[tensor] = roots[step.inputs[0]]
    return roots


def _lifetimes(table: ChannelTable, storage: list[int], count: int) -> NDArray[np.float64]:
    """Return which storages live at which step, 0 or 1, shape (steps, storages)."""
    first = np.full(count, len(table.steps))
    last = np.full(count, -1)
    for number, step in enumerate(table.steps):
        for tensor in (*step.inputs, *step.outputs):
            own = storage[tensor]
            first[own], last[own] = min(first[own], number), max(last[own], number)
    steps = np.arange(len(table.steps))[:, None]
    return ((first <= steps) & (steps <= last)).astype(float)
