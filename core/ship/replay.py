"""Replay: the plan that makes a pruned network again, and the hash that tells it is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.errors import UserError
from core.graph.weights import weights_sha256 as weights_sha256

if TYPE_CHECKING:
    from core.checkpoint import Facts
    from core.graph.table import ChannelTable
    from core.plan.schema import Plan


def replay_plan(table: ChannelTable, sha256: str, pruned: Facts) -> Plan:
    """Return the plan of exact channels by which a file was pruned.

    It needs no data and no criterion: on any machine it removes the same channels of the same
    file, and of no other one. What was done to the weights afterwards (repair, tuning) is not in
    it.

    Parameters
    ----------
    table : ChannelTable
        Of the network it was pruned from.
    sha256 : str
        Of that network's file.
    pruned : Facts
        Of the pruned file; its history reports what was kept.

    Raises
    ------
    UserError
        When the file does not say how it was pruned, or was pruned from another file.
    """
    from core.plan.allocate import explicit_plan
    from core.plan.resolve import Resolver
    from core.plan.schema import Plan
    from core.pruning.record import stored_plan, stored_removal

    asked = stored_plan(pruned, sha256)
    if asked.restructures:
        return _with_structure(table, sha256, pruned, asked)
    removed = stored_removal(table, sha256, pruned)
    resolver = Resolver(table)
    plan = explicit_plan(resolver, Plan(model_sha256=sha256), removed)
    again = resolver.resolve(plan, np.zeros(table.atom_count))
    if not np.array_equal(again.removed, removed):
        raise UserError(
            f"No plan with exact channels reproduces {pruned.path}.",
            "Replay it with the plan that it was pruned with.",
        )
    return plan


def _with_structure(table: ChannelTable, sha256: str, pruned: Facts, asked: Plan) -> Plan:
    """Return a plan of exact channels, layer by layer, in what the same structure leaves."""
    from core.plan.schema import Entry, Plan

    entries = []
    for name, sides in pruned.history[-1]["kept"].items():
        number, kept = table.index.get(name), set(sides["outputs"])
        if number is None or not kept or not table.layers[number].mixes:
            continue
        atoms = table.outputs(number)
        lost = tuple(n for n in range(len(atoms)) if n not in kept)
        if lost and (table.fixed[atoms[list(lost)]] < 0).all():  # those of classes are fixed
            entries.append(Entry(layer=name, channels=lost))
    return Plan(
        model_sha256=sha256,
        structure=asked.structure,
        classes=asked.classes,
        selection=tuple(entries),
    )
