"""The network that a plan's channels are pruned in: the original, or what its structure leaves."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from core.checkpoint import Loaded
from core.checkpoint.facts import kept_dtype
from core.graph.analysis import Analysis, analyse
from core.graph.table import Block, ChannelTable
from core.plan.latency.clock import Clock, LatencyTable
from core.plan.latency.cost import rounded
from core.plan.left import latency_left, still_there
from core.plan.memory import PeakMemory
from core.plan.predict import LayerChange, Prediction
from core.plan.refusals import check_made_for, check_names
from core.plan.schema import Plan, Target
from core.plan.target import settled
from core.plan.why.conflicts import Conflict
from core.plan.widths import Mask, Widths, compute_widths
from core.structure.heirs import heirs
from core.structure.scales import strides_of
from core.structure.working import Cuts, Gone, apply, restructure


@dataclass(frozen=True, slots=True)
class Stage:
    """A network without the structure that a plan takes away, next to the original.

    Attributes
    ----------
    original : Loaded
    before : Analysis
        Of the original.
    loaded : Loaded
        What is left, under the original's names; the original itself where all is left.
    analysis : Analysis
        Of it.
    cuts : Cuts
    plan : Plan
        What is asked of the channels that are left.
    """

    original: Loaded
    before: Analysis
    loaded: Loaded
    analysis: Analysis
    cuts: Cuts
    plan: Plan

    @property
    def is_whole(self) -> bool:
        """Whether nothing but channels goes."""
        return self.loaded is self.original

    @property
    def asks_nothing(self) -> bool:
        """Whether no channel is to go."""
        return not self.plan.selection and self.plan.target is None

    @property
    def nothing(self) -> Mask:
        """A removal of no channel, of shape (atoms,)."""
        return np.zeros(self.analysis.table.atom_count, bool)

    def timed(self, latency: LatencyTable | None) -> LatencyTable | None:
        """Return the original's latency table for the layers that are left."""
        if latency is None or self.is_whole:
            return latency
        return latency_left(latency, self.before.table, self.analysis.table)

    def replayed(self, found: Plan, asked: Plan) -> Plan:
        """Return the plan as it was carried out: channels as found, structure as asked."""
        update = {"structure": asked.structure, "classes": asked.classes}
        return found.model_copy(update={**update, "model_sha256": asked.model_sha256})

    @property
    def since(self) -> int | None:
        """The first block that lacks a unit; None where none does."""
        return min((unit.block for unit in self.cuts.units), default=None)

    def teacher(self, *, fresh: bool = False) -> nn.Module:
        """Return the original with all its units, and the scales and classes that are left.

        A copy where ``fresh``, or where units went.
        """
        if not self.cuts.units and not fresh:
            return self.loaded.model
        model = copy.deepcopy(self.original.model)
        apply(model, replace(self.cuts, units=(), inputs={}))
        return model

    def heirs(self) -> dict[str, str]:
        """Return the layers that can deliver what a unit that went did (`core.structure.heirs`)."""
        return heirs(self.original.model, self.cuts.units)

    def names_in(self, model: nn.Module) -> dict[str, str]:
        """Return the names that what is left has in a network of its own numbering.

        Nothing where that has other parts.

        Parameters
        ----------
        model : nn.Module
            That was made of it; `core.structure.compact` numbered it.
        """
        own = [n for n, m in self.loaded.model.named_modules() if not isinstance(m, Gone)]
        theirs = [name for name, _ in model.named_modules()]
        return dict(zip(own, theirs, strict=True)) if len(own) == len(theirs) else {}

    def settled(self, latency: LatencyTable | None) -> Plan:
        """Return the plan with its rounding and its target settled.

        Parameters
        ----------
        latency : LatencyTable or None
            Of the original.
        """
        plan = rounded(self.plan, latency)
        if plan.target is None:
            return plan
        table, ms = self.before.table, None
        if latency is not None:
            ms = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
        dtype = kept_dtype(self.original.facts)
        left = self.analysis.table
        target = _peak_of(settled(plan.target, left, dtype, ms), table, left)
        return plan.model_copy(update={"target": target})

    def of_the_original(self, prediction: Prediction) -> Prediction:
        """Return what is predicted of the network that is left, told of the original."""
        if self.is_whole:
            return prediction
        table = self.before.table
        before = compute_widths(table, np.zeros(table.atom_count, bool))
        changes = {change.name: change for change in prediction.layers}
        told = [
            self._change(number, changes.get(la.name)) for number, la in enumerate(table.layers)
        ]
        after = Widths(
            np.array([change.inputs_after for change in told], np.int32),
            np.array([change.outputs_after for change in told], np.int32),
            prediction.after.parameters,
            prediction.after.macs,
        )
        conflicts = (*self.conflicts(), *prediction.naive_conflicts)
        return replace(
            prediction,
            before=before,
            after=after,
            layers=tuple(change for change in told if _differs(change)),
            naive_conflicts=conflicts,
        )

    def _change(self, number: int, change: LayerChange | None) -> LayerChange:
        """Return what becomes of one of the original's layers, in its own indices."""
        table, left = self.before.table, self.analysis.table
        name = table.layers[number].name
        ins, outs = int(table.in_counts[number]), int(table.out_counts[number])
        kept_in: tuple[int, ...] = ()
        kept_out: tuple[int, ...] = ()
        if name in left.index:
            kept_in = self.cuts.inputs.get(name, tuple(range(ins)))
            kept_out = self.cuts.outputs.get(name, tuple(range(outs)))
        if change is not None:
            kept_in = tuple(kept_in[n] for n in change.kept_inputs)
            kept_out = tuple(kept_out[n] for n in change.kept_outputs)
        kind = table.layers[number].kind
        return LayerChange(name, kind, ins, len(kept_in), outs, len(kept_out), kept_in, kept_out)

    def conflicts(self) -> list[Conflict]:
        """List what would break if only what goes were taken out, and nothing that reads it."""
        found = []
        for name, kept in self.cuts.inputs.items():
            width = int(self.before.table.in_counts[self.before.table.index[name]])
            gone = [
                unit.name for unit in self.cuts.units if name in {c.layer for c in unit.columns}
            ]
            error = f"expected {width} input channels, but got {len(kept)}"
            reason = f"it reads the Concat that {' and '.join(gone)} was a part of"
            found.append(Conflict(name, "input", width, len(kept), error, reason))
        head = f"model.{len(self.before.table.blocks) - 1}"
        strides = strides_of(self.original.model)
        for level in self.cuts.levels:
            found.append(
                Conflict(
                    head,
                    "scale",
                    len(strides),
                    len(strides) - len(self.cuts.levels),
                    f"the head reads {len(strides)} feature maps",
                    f"the scale of stride {strides[level]} goes",
                )
            )
        if self.cuts.kept_classes is not None:
            count, left = len(self.original.facts.classes), len(self.cuts.kept_classes)
            error = f"the head divides its outputs by {count} classes"
            stay = "1 class stays" if left == 1 else f"{left} classes stay"
            found.append(Conflict(head, "classes", count, left, error, stay))
        return found


def _differs(change: LayerChange) -> bool:
    widths = (change.inputs_before, change.outputs_before)
    return (change.inputs_after, change.outputs_after) != widths or list(
        change.kept_outputs
    ) != list(range(change.outputs_before))


def stage_of(loaded: Loaded, plan: Plan, *, cache: bool = True) -> Stage:
    """Take away the structure that a plan names, and understand what is left.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plan : Plan
    cache : bool
        Whether to read and write the user's cache.

    Raises
    ------
    UserError
        For a plan made for another file, or one whose structure cannot go.
    """
    check_made_for(plan, loaded.facts.sha256)
    before = analyse(loaded, cache=cache)
    check_names(before.table, plan)
    if not plan.restructures:
        return Stage(loaded, before, loaded, before, Cuts(), plan)
    left, cuts = restructure(loaded, plan)
    traced = analyse(left, cache=cache)
    table = _as_the_original(traced.table, before.table, cuts.gone_blocks)
    target = _rest_of(plan.target, table)
    asked = still_there(plan, table, cuts.gone_blocks).model_copy(update={"target": target})
    return Stage(loaded, before, left, Analysis(left.facts, table), cuts, asked)


def _as_the_original(
    table: ChannelTable, original: ChannelTable, gone: frozenset[int]
) -> ChannelTable:
    """Return the table with every block in its part of the network, and nothing where one was."""
    nothing: NDArray[np.int32] = np.zeros(0, np.int32)

    def told(block: Block, own: Block) -> Block:
        if block.index not in gone:
            return replace(block, stage=own.stage)
        return replace(own, sources=(), source_channels=(), out_channels=0, out_atoms=nothing,
                       parameters=0, macs=0)  # fmt: skip

    pairs = zip(table.blocks, original.blocks, strict=True)
    was = compute_widths(original, np.zeros(original.atom_count, bool))
    return replace(
        table,
        blocks=tuple(told(block, own) for block, own in pairs),
        whole=(was.parameters, was.macs),
    )


def _peak_of(target: Target | None, table: ChannelTable, left: ChannelTable) -> Target | None:
    """Return a share of the original's peak memory as one of what is left; None where it is met."""
    if target is None or target.peak_memory is None or left is table:
        return target
    share = target.peak_memory * PeakMemory(table).whole() / PeakMemory(left).whole()
    return Target(peak_memory=share) if share < 1.0 else None


def _rest_of(target: Target | None, left: ChannelTable) -> Target | None:
    """Return what is left of a target; None where the structure that goes meets it alone."""
    if target is None or not target.by_count:
        return target
    now = compute_widths(left, np.zeros(left.atom_count, bool))
    parameters, macs = left.whole or (now.parameters, now.macs)
    share = now.macs / macs if target.macs is not None else now.parameters / parameters
    return target if share > float(target.macs or target.params or 1.0) else None
