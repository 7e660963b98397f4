"""What a plan does where it also takes structure away: predicted of what is left of a network.

Numpy only: the table of what is left comes from `core.structure`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.graph.table import ChannelTable
from core.plan.latency.clock import Clock, LatencyTable
from core.plan.live import Prediction, Predictor
from core.plan.schema import Plan
from core.plan.widths import Widths, compute_widths

if TYPE_CHECKING:
    pass


def still_there(plan: Plan, left: ChannelTable, gone: frozenset[int]) -> Plan:
    """Return what a plan asks of the channels that are left: what went as a whole is done.

    Parameters
    ----------
    plan : Plan
    left : ChannelTable
        Of what is left.
    gone : frozenset of int
        Blocks that are not.
    """

    def stays(layer: str | None) -> bool:
        return layer is None or left.resolve_layer(layer) is not None

    names = {
        "selection": tuple(e for e in plan.selection if stays(e.layer) and e.block not in gone),
        "locked": tuple(n for n in plan.locked if isinstance(n, int) or stays(n)),
    }
    return plan.channels_only().model_copy(update=names)


def latency_left(latency: LatencyTable, table: ChannelTable, left: ChannelTable) -> LatencyTable:
    """Return a network's latency table for the layers that are left of it.

    Parameters
    ----------
    latency : LatencyTable
    table, left : ChannelTable
        Of the network and of what is left.
    """
    rows = np.array([table.index[layer.name] for layer in left.layers], np.int64)
    return replace(latency, layer_grid=latency.layer_grid[rows], calls=latency.calls[rows])


def clock_left(clock: Clock, left: ChannelTable) -> Clock:
    """Return what tells the milliseconds of what is left of a network."""
    if left is clock.table:
        return clock
    return Clock(latency_left(clock.latency, clock.table, left), left)


class LeftPredictor(Predictor):
    """Predicts for what is left of a network, in the layers and blocks of the whole.

    What a plan removes of the channels is in atoms of what is left, as are scores.

    Parameters
    ----------
    left : ChannelTable
        Layers and blocks have the names and indices of the whole; blocks that went have no
        channels.
    whole : ChannelTable
    gone : frozenset of int
        Blocks that went.
    """

    def __init__(self, left: ChannelTable, whole: ChannelTable, gone: frozenset[int]) -> None:
        super().__init__(left)
        self.whole, self.gone = whole, gone
        self._whole_before = compute_widths(whole, np.zeros(whole.atom_count, bool))
        self._rows = np.array([whole.index[layer.name] for layer in left.layers], np.int64)
        self._places = np.array([layer.block for layer in whole.layers], np.int64)
        self._wide = np.array([layer.mixes for layer in whole.layers], bool)

    def predict(
        self, plan: Plan, scores: NDArray[np.float64], latency: LatencyTable | None = None
    ) -> Prediction:
        """Predict a plan, as `Predictor.predict`; its structure must be what went."""
        found = super().predict(still_there(plan, self.table, self.gone), scores, latency)
        whole, count = self.whole, len(self.whole.blocks)
        inputs, outputs = np.zeros((2, len(whole.layers)), np.int32)
        inputs[self._rows], outputs[self._rows] = found.after.inputs, found.after.outputs
        after = Widths(inputs, outputs, found.after.parameters, found.after.macs)
        before = self._whole_before
        own = np.bincount(self._places, before.outputs * self._wide, count)
        stays = np.bincount(self._places, outputs * self._wide, count)
        shares = {n: float(stays[n] / own[n]) for n in np.flatnonzero(own).tolist()}
        rest = {n: share for n, share in found.share_kept.items() if n not in shares}
        return replace(
            found,
            plan=plan.model_copy(update={"round_to": found.plan.round_to}),
            before=before,
            after=after,
            share_kept={**rest, **shares, **dict.fromkeys(self.gone, 0.0)},
            roles=self._roles_in_whole(plan, found),
            layer_widths=self._changed(before, after),
            restructured=True,
        )

    def _roles_in_whole(self, plan: Plan, found: Prediction) -> dict[int, str]:
        """Say of blocks what structure means for them, where channels mean nothing."""
        roles = {
            b.index: "cascade"
            for b in self.whole.blocks
            if (found.block_in[b.index], found.block_out[b.index])
            != (b.in_channels, b.out_channels)
        }
        changed = self._rows[
            (self.before.inputs != self._whole_before.inputs[self._rows])
            | (self.before.outputs != self._whole_before.outputs[self._rows])
        ]
        roles.update(dict.fromkeys(self._places[changed].tolist(), "cascade"))
        roles.update(found.roles)
        for block in blocks_of(plan, len(self.whole.blocks) - 1):
            if roles.get(block) != "blocked":
                roles[block] = "selected"
        return {block: role for block, role in roles.items() if block not in self.gone}

    def _changed(self, before: Widths, after: Widths) -> dict[str, tuple[int, int, int, int]]:
        differs = (before.inputs != after.inputs) | (before.outputs != after.outputs)
        return {
            self.whole.layers[n].name: (
                int(before.inputs[n]),
                int(after.inputs[n]),
                int(before.outputs[n]),
                int(after.outputs[n]),
            )
            for n in np.flatnonzero(differs).tolist()
        }

    def block_of(self, label: str) -> int | None:
        """Return the block a message's label speaks of, also one of a module that went."""
        if label.startswith("block "):
            return int(label.removeprefix("block "))
        number = self.whole.resolve_layer(label)
        if number is not None:
            return self.whole.layers[number].block
        return block_named(label)


def block_named(name: str) -> int | None:
    """Return the block of a dotted name: 22 of ``model.22.cv3.0.1``; None where it has none."""
    parts = name.split(".")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


def blocks_of(plan: Plan, head: int) -> frozenset[int]:
    """Return the blocks that a plan takes structure from.

    Parameters
    ----------
    plan : Plan
    head : int
        Index of the head, which scales and classes go from.
    """
    found = {head} if plan.classes is not None else set()
    for entry in plan.structure:
        block = head if entry.scale is not None else entry.block
        block = block_named(entry.branch) if entry.branch is not None else block
        found |= {block} if block is not None else set()
    return frozenset(found)
