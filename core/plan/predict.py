"""What a plan does, before it is done: every layer's widths and the whole network's cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.graph.table import ChannelTable
from core.plan.latency.clock import Clock, LatencyTable
from core.plan.resolve import Blocked, Resolution
from core.plan.why.conflicts import Conflict, naive_conflicts
from core.plan.widths import Widths, changed_layers, compute_widths, kept_of


@dataclass(frozen=True, slots=True)
class LayerChange:
    """A layer whose widths change, with the original indices of what it keeps."""

    name: str
    type: str
    inputs_before: int
    inputs_after: int
    outputs_before: int
    outputs_after: int
    kept_inputs: tuple[int, ...]
    kept_outputs: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "name": self.name,
            "type": self.type,
            "inputs_before": self.inputs_before,
            "inputs_after": self.inputs_after,
            "outputs_before": self.outputs_before,
            "outputs_after": self.outputs_after,
            "kept_inputs": list(self.kept_inputs),
            "kept_outputs": list(self.kept_outputs),
        }


@dataclass(frozen=True, slots=True)
class Prediction:
    """The consequences of a plan.

    Attributes
    ----------
    before, after : Widths
    layers : tuple of LayerChange
        Every layer that changes, in order of execution.
    naive_conflicts : tuple of Conflict
        What would break if only the selected layers were cut, in the order of the failures.
    blocked : tuple of Blocked
    latency_ms : pair of float, or None
        Milliseconds before and after, by a latency table; None without one.
    skipped : int
        Images that could not be read, where images were ranked by.
    peak_memory : pair of int, or None
        Bytes of activations that live at the worst step, before and after; None where not asked.
    """

    before: Widths
    after: Widths
    layers: tuple[LayerChange, ...]
    naive_conflicts: tuple[Conflict, ...]
    blocked: tuple[Blocked, ...]
    latency_ms: tuple[float, float] | None = None
    skipped: int = 0
    peak_memory: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "before": self._figures(self.before, 0),
            "after": self._figures(self.after, 1),
            "layers": [layer.to_json() for layer in self.layers],
            "naive_conflicts": [conflict.to_json() for conflict in self.naive_conflicts],
            "blocked": [blocked.to_json() for blocked in self.blocked],
            "skipped": self.skipped,
        }

    def _figures(self, widths: Widths, side: int) -> dict[str, Any]:
        figures: dict[str, Any] = {"parameters": widths.parameters, "macs": widths.macs}
        if self.latency_ms is not None:
            figures["latency_ms"] = self.latency_ms[side]
        if self.peak_memory is not None:
            figures["peak_memory"] = self.peak_memory[side]
        return figures


def predict_plan(
    table: ChannelTable, resolution: Resolution, latency: LatencyTable | None = None
) -> Prediction:
    """Predict the consequences of a resolved plan.

    Widths, parameters and multiply-adds are exact: the pruned network has these figures.
    Milliseconds, where there is a latency table of the network, are an estimate.
    """
    nothing = np.zeros(table.atom_count, bool)
    clock = None if latency is None else Clock(latency, table)
    return Prediction(
        before=compute_widths(table, nothing),
        after=compute_widths(table, resolution.removed),
        layers=layer_changes(table, resolution),
        naive_conflicts=naive_conflicts(table, resolution),
        blocked=resolution.blocked,
        latency_ms=None if clock is None else (clock.ms(nothing), clock.ms(resolution.removed)),
        skipped=resolution.skipped,
    )


def layer_changes(table: ChannelTable, resolution: Resolution) -> tuple[LayerChange, ...]:
    """List the layers whose widths change, with what they keep."""
    kept = kept_of(resolution.removed)
    before = compute_widths(table, np.zeros(table.atom_count, bool))
    changes = []
    for number in changed_layers(before, compute_widths(table, resolution.removed)).tolist():
        layer = table.layers[number]
        inputs = kept[table.inputs(number)]
        outputs = kept[table.outputs(number)]
        changes.append(
            LayerChange(
                layer.name,
                layer.kind,
                len(inputs),
                int(inputs.sum()),
                len(outputs),
                int(outputs.sum()),
                tuple(np.flatnonzero(inputs).tolist()),
                tuple(np.flatnonzero(outputs).tolist()),
            )
        )
    return tuple(changes)
