"""The network before and after: blocks, layers that changed, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from core.plan.criteria import title
from core.plan.predict import LayerChange, layer_changes
from core.plan.resolve import Resolution, Resolver
from core.plan.schema import Entry, Plan
from core.plan.why.conflicts import naive_conflicts
from core.plan.widths import block_outputs
from core.plan.words import ALLOCATIONS

if TYPE_CHECKING:
    from core.graph.table import ChannelTable
    from core.plan.widths import Mask
    from core.report.known import Known

TARGETS = {
    "macs": "{:.3g}% of the GFLOPs",
    "params": "{:.3g}% of the parameters",
    "latency_ms": "{:g} ms per image",
}
STRATEGIES = {
    "structural": "All layers coupled to the selected channels were adjusted.",
    "independent": "Only blocks that change nothing but their one reader were pruned.",
    "all_at_once": "One plan for the whole network.",
    "one_by_one": "Block by block, each measured, and reverted if it lost too much.",
}


def describe_network(known: Known) -> dict[str, Any]:
    """Return ``blocks`` (widths before and after), ``layers`` that changed, and ``conflicts``.

    Widths after are None, and the rest empty, if nothing is known of the newest pruned file.
    """
    table = known.table
    if table is None:
        return {"blocks": [], "layers": [], "conflicts": []}
    removed = known.removed
    if removed is None:
        return {"blocks": _blocks(table, None, [], {}), "layers": [], "conflicts": []}
    resolution = _resolution(table, removed)
    layers = list(layer_changes(table, resolution))
    conflicts = naive_conflicts(table, resolution)
    reasons: dict[int, str] = {}
    for conflict in conflicts:
        number = table.index.get(conflict.layer)
        if number is not None:
            reasons.setdefault(table.layers[number].block, conflict.reason)
    return {
        "blocks": _blocks(table, removed, layers, reasons),
        "layers": [_layer(change) for change in layers],
        "conflicts": [conflict.to_json() for conflict in conflicts],
    }


def _resolution(table: ChannelTable, removed: Mask) -> Resolution:
    """Return a removal as the plan of exact channels would be resolved: reasons start there."""
    from core.plan.allocate import explicit_plan

    resolver = Resolver(table)
    exact = resolver.resolve(explicit_plan(resolver, Plan(), removed), np.zeros(table.atom_count))
    return Resolution(removed, exact.selected, ())


def _blocks(
    table: ChannelTable, removed: Mask | None, layers: list[LayerChange], reasons: dict[int, str]
) -> list[dict[str, Any]]:
    own: dict[int, int] = {}
    touched: set[int] = set()
    for change in layers:
        layer = table.layers[table.index[change.name]]
        touched.add(layer.block)
        if layer.mixes:
            gone = change.outputs_before - change.outputs_after
            own[layer.block] = own.get(layer.block, 0) + gone
    blocks = []
    outputs = {} if removed is None else block_outputs(table, removed)
    for block in table.blocks:
        after = None
        if removed is not None:
            after = outputs[block.index]
            if after != block.out_channels:
                touched.add(block.index)
        gives = own.get(block.index, 0)
        blocks.append(
            {
                "index": block.index,
                "type": block.type,
                "stage": block.stage,
                "stride": block.stride,
                "sources": list(block.sources),
                "before": block.out_channels,
                "after": after,
                "role": "gives" if gives else "follows" if block.index in touched else "",
                "gives": gives,
                "share": _share(table, layers, block.index),
                "reason": reasons.get(block.index, ""),
            }
        )
    return blocks


def _share(table: ChannelTable, layers: list[LayerChange], block: int) -> float:
    """Return the share of a block's own channels that stay."""
    mixing = [n for n in table.layers_of(block) if table.layers[n].mixes]
    before = int(sum(table.out_counts[n] for n in mixing))
    names = {table.layers[n].name for n in mixing}
    gone = sum(c.outputs_before - c.outputs_after for c in layers if c.name in names)
    return 1.0 - gone / before if before else 1.0


def _layer(change: LayerChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "type": change.type,
        "inputs_before": change.inputs_before,
        "inputs_after": change.inputs_after,
        "outputs_before": change.outputs_before,
        "outputs_after": change.outputs_after,
    }


# ---- the plan in words --------------------------------------------------------------------------


def plan_words(data: Mapping[str, Any]) -> list[str]:
    """Describe what a plan asked for, one sentence each.

    Parameters
    ----------
    data : mapping
        A plan as JSON.
    """
    plan = Plan.model_validate(data)
    words = [f"Channels were ranked by {title(plan.criterion)} ({plan.criterion})."]
    if plan.target is not None:
        kind, value = next((k, v) for k, v in plan.target if v is not None)
        shown = value if kind == "latency_ms" else 100 * value
        words.append(f"The target was {TARGETS[kind].format(shown)}.")
        words.append(f"Allocation: {ALLOCATIONS[plan.allocation][0].lower()}.")
    words.append(STRATEGIES[plan.strategy])
    if plan.selection:
        words.append(f"Selected: {_selected(plan.selection)}.")
    if plan.multiple > 1:
        words.append(f"Kept counts are multiples of {plan.multiple}.")
    if plan.minimum_channels > 1:
        words.append(f"Every layer keeps at least {plan.minimum_channels} channels.")
    if plan.locked:
        names = ", ".join(f"block {n}" if isinstance(n, int) else n for n in plan.locked)
        words.append(f"Locked: {names}.")
    return words


def _selected(selection: tuple[Entry, ...]) -> str:
    exact = [entry for entry in selection if entry.channels is not None]
    parts = []
    for entry in selection:
        if entry.ratio is not None:
            scope = "" if entry.scope == "all" else f", {entry.scope}"
            parts.append(f"{entry.label} ({100 * entry.ratio:.3g}%{scope})")
    if exact:
        count = sum(len(entry.channels or ()) for entry in exact)
        parts.append(f"{count:,} exact channels of {len(exact)} layers")
    return ", ".join(parts)
