"""What a plan does, for every number on the screen: fast enough for each tick of a slider.

Numpy only, no Qt and no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.criteria import replays

if TYPE_CHECKING:
    from core.plan.latency.clock import LatencyTable
    from core.plan.resolve import Resolution
    from core.plan.schema import Plan
    from core.plan.widths import Widths

FILE_OVERHEAD = 160_000
"""Bytes of a saved file that are not weights: the modules' code names, classes, history."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The state of every block and layer under a plan.

    Attributes
    ----------
    plan : Plan
        What was predicted: as asked for, with its rounding settled. Whoever prunes by what shows
        asks for this one.
    resolution : Resolution
    before, after : Widths
    block_in, block_out : dict of int to int
        Channels each block reads and puts out, after.
    share_kept : dict of int to float
        Part of the block's own channels that stay.
    block_parameters, block_macs : dict of int to int
        After.
    roles : dict of int to str
        ``selected``, ``cascade``, ``coupled`` or ``blocked``; blocks left alone are missing.
    layer_widths : dict of str to (int, int, int, int)
        Layers that change: inputs before, after, outputs before, after.
    refusal : UserError or None
        Why the plan as a whole cannot be resolved.
    restructured : bool
        Whether more than channels goes.
    """

    plan: Plan
    resolution: Resolution
    before: Widths
    after: Widths
    block_in: dict[int, int]
    block_out: dict[int, int]
    share_kept: dict[int, float]
    block_parameters: dict[int, int]
    block_macs: dict[int, int]
    roles: dict[int, str]
    layer_widths: dict[str, tuple[int, int, int, int]]
    refusal: UserError | None = field(default=None)
    restructured: bool = False

    @property
    def changes(self) -> bool:
        """Whether the plan removes anything."""
        return self.restructured or bool(self.resolution.removed.any())


class Predictor:
    """Predicts for one table; built once per model.

    Parameters
    ----------
    table : ChannelTable
    """

    def __init__(self, table: ChannelTable) -> None:
        from core.plan.resolve import Resolver
        from core.plan.widths import compute_widths

        self.table = table
        self.resolver = Resolver(table)
        self.nothing = np.zeros(table.atom_count, bool)
        self.before = compute_widths(table, self.nothing)
        self._block_of = np.array([la.block for la in table.layers], np.int64)
        self._mixes = np.array([la.mixes for la in table.layers], bool)

    @cached_property
    def prunable(self) -> frozenset[int]:
        """Blocks that have at least one channel that may go."""
        free = np.append(self.table.fixed < 0, False)
        return frozenset(
            block.index
            for block in self.table.blocks
            if any(
                self._mixes[n] and free[self.table.outputs(n)].any()
                for n in self.table.layers_of(block.index)
            )
        )

    @cached_property
    def independent(self) -> frozenset[int]:
        """Blocks that the strategy “independent” may prune."""
        return frozenset(self.resolver.independent_blocks())

    def predict(
        self, plan: Plan, scores: NDArray[np.float64], latency: LatencyTable | None = None
    ) -> Prediction:
        """Predict a plan; one that cannot be resolved changes nothing and reports why.

        Parameters
        ----------
        plan : Plan
            Its target, if any, must have been turned into ratios before.
        scores : float array, shape (atoms,)
            Importance by the plan's criterion; the lowest go first.
        latency : LatencyTable, optional
            Of this network; a rounding left open takes its steps.
        """
        from core.plan.latency.cost import rounded
        from core.plan.resolve import Resolution
        from core.plan.widths import compute_widths

        plan = rounded(plan, latency)
        refusal = None
        resolution = Resolution(self.nothing, (), ())
        if replays(plan):
            scores = np.zeros(self.table.atom_count)
        if plan.selection:
            try:
                resolution = self.resolver.resolve(plan, scores)
            except UserError as error:
                refusal = error
        after = compute_widths(self.table, resolution.removed)
        return self._prediction(plan, resolution, after, refusal)

    def _prediction(
        self, plan: Plan, resolution: Resolution, after: Widths, refusal: UserError | None
    ) -> Prediction:
        from core.plan.widths import layer_costs

        table, count = self.table, len(self.table.blocks)
        block_out, block_in = self._block_widths(resolution)
        parameters, macs = layer_costs(table, after)
        by_parameters = np.bincount(self._block_of, parameters, count)
        by_macs = np.bincount(self._block_of, macs, count)
        own_before = np.bincount(self._block_of, table.out_counts * self._mixes, count)
        own_after = np.bincount(self._block_of, after.outputs * self._mixes, count)
        shares = np.divide(own_after, own_before, out=np.ones(count), where=own_before > 0)
        followed = {
            b.index: block_out[b.index] / b.out_channels
            for b in table.blocks
            if own_before[b.index] == 0 and b.out_channels
        }
        return Prediction(
            plan,
            resolution,
            self.before,
            after,
            block_in,
            block_out,
            {**dict(enumerate(shares.tolist())), **followed},
            dict(enumerate(by_parameters.astype(int).tolist())),
            dict(enumerate(by_macs.astype(int).tolist())),
            self._roles(plan, resolution, after, block_in, block_out),
            self._layer_widths(after),
            refusal,
        )

    def _block_widths(self, resolution: Resolution) -> tuple[dict[int, int], dict[int, int]]:
        from core.plan.widths import block_outputs

        outs = block_outputs(self.table, resolution.removed)
        by_index = {b.index: b.out_channels - outs[b.index] for b in self.table.blocks}
        ins = {
            b.index: b.in_channels - sum(by_index.get(s, 0) for s in b.sources)
            for b in self.table.blocks
        }
        return outs, ins

    def _layer_widths(self, after: Widths) -> dict[str, tuple[int, int, int, int]]:
        from core.plan.widths import changed_layers

        before = self.before
        numbers = changed_layers(before, after)
        columns = zip(
            numbers.tolist(),
            before.inputs[numbers].tolist(),
            after.inputs[numbers].tolist(),
            before.outputs[numbers].tolist(),
            after.outputs[numbers].tolist(),
            strict=True,
        )
        return {self.table.layers[n].name: (a, b, c, d) for n, a, b, c, d in columns}

    def _roles(
        self,
        plan: Plan,
        resolution: Resolution,
        after: Widths,
        block_in: dict[int, int],
        block_out: dict[int, int],
    ) -> dict[int, str]:
        own = np.zeros(len(self.table.layers), bool)
        own[list(resolution.selected)] = True
        outputs = (after.outputs != self.before.outputs) & self._mixes & ~own
        inputs = after.inputs != self.before.inputs
        roles = {
            b.index: "cascade"
            for b in self.table.blocks
            if block_in[b.index] != b.in_channels or block_out[b.index] != b.out_channels
        }
        roles.update(dict.fromkeys(np.unique(self._block_of[inputs]).tolist(), "cascade"))
        roles.update(dict.fromkeys(np.unique(self._block_of[outputs]).tolist(), "coupled"))
        for entry in plan.selection:
            index = self.block_of(entry.label if entry.block is None else f"block {entry.block}")
            if index is not None and (entry.ratio or entry.channels):
                roles[index] = "selected"
        for blocked in resolution.blocked:
            index = self.block_of(blocked.layer)
            if index is not None and not blocked.partly:
                roles[index] = "blocked"
        return roles

    def block_of(self, label: str) -> int | None:
        """Return the block a message's label speaks of: ``block 5`` or a layer's name."""
        if label.startswith("block "):
            return int(label.removeprefix("block "))
        number = self.table.resolve_layer(label)
        return None if number is None else self.table.layers[number].block


def file_size(parameters: int, dtype: str = "float32") -> int:
    """Estimate the size in bytes of a file that is saved in a type of weights."""
    return (2 if dtype == "float16" else 4) * parameters + FILE_OVERHEAD
