"""How the cost and the outputs of a head divide among the scales it reads. No Qt."""

from __future__ import annotations

from collections.abc import Mapping

from core.drawing.scales import Scale, read_scales
from core.graph.table import ChannelTable

LayerWidths = Mapping[str, tuple[int, int, int, int]]


class Scales:
    """The scales of every head of a network.

    Parameters
    ----------
    table : ChannelTable
    """

    def __init__(self, table: ChannelTable) -> None:
        self._names = [layer.name for layer in table.layers]
        self._inputs, self._outputs = table.in_counts.tolist(), table.out_counts.tolist()
        _, _, pairs, each, *_ = table.coefficients.tolist()
        self._pairs, self._each = pairs, each
        self._scales: dict[int, dict[int, Scale]] = {}
        for block in table.blocks:
            rows = {table.blocks[s].stride for s in block.sources if s >= 0}
            if block.stage == "head" and len(rows) > 1:
                found = read_scales(table, block.index)
                self._scales[block.index] = {scale.source: scale for scale in found}
        self._plain = {block: self._shares(block, {}) for block in self._scales}

    def plain(self, block: int) -> dict[int, float]:
        """Return which part of a head's cost each scale has before any pruning."""
        return self._plain.get(block, {})

    def of(self, block: int, widths: LayerWidths) -> dict[int, float]:
        """Return which part of a head's cost each scale has; empty for any other block.

        Parameters
        ----------
        block : int
        widths : mapping of str to (int, int, int, int)
            Layers that a plan changes: channels in before and after, out before and after.
        """
        if block not in self._scales:
            return {}
        return self._shares(block, widths) if widths else self._plain[block]

    def widths(self, block: int, source: int, before: int, after: int, widths: LayerWidths) -> str:
        """Describe what a scale reads and puts out."""
        scale = self._scales[block][source]
        known = [widths.get(self._names[layer]) for layer in scale.ends]
        pairs = zip(scale.outputs, known, strict=True)
        outputs = [count if changed is None else changed[3] for count, changed in pairs]
        reads = f"{after}" if after == before else f"{after} of {before}"
        return f"{reads} → {' + '.join(map(str, outputs))}" if outputs else f"{reads} in"

    def layer_of(self, block: int, source: int) -> str:
        """Return the name of a layer that works for one scale alone; empty where there is none."""
        scale = self._scales.get(block, {}).get(source)
        return self._names[scale.ends[0]] if scale is not None and scale.ends else ""

    def _shares(self, block: int, widths: LayerWidths) -> dict[int, float]:
        costs = {
            source: sum(part * self._macs(layer, widths) for layer, part in scale.layers)
            for source, scale in self._scales[block].items()
        }
        total = sum(costs.values()) or 1.0
        return {source: cost / total for source, cost in costs.items()}

    def _macs(self, layer: int, widths: LayerWidths) -> float:
        known = widths.get(self._names[layer])
        inputs, outputs = self._inputs[layer], self._outputs[layer]
        if known is not None:
            inputs, outputs = known[1], known[3]
        return float((self._pairs[layer] * inputs + self._each[layer]) * outputs)
