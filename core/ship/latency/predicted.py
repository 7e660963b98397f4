"""What a latency table predicts for networks that are measured: to hold one against the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from core.checkpoint import Facts
from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.latency.clock import Clock
from core.plan.latency.devices import NEEDS
from core.plan.latency.files import describe, find_latency, latency_on
from core.pruning.record import stored_removal

if TYPE_CHECKING:
    from core.plan.widths import Mask


def predicted_ms(
    table: ChannelTable,
    sha256: str,
    removed: Mask,
    timing: Mapping[str, Any],
    machine: Mapping[str, Any],
) -> float | None:
    """Return the milliseconds that a cached latency table predicts for a network as it was timed.

    Parameters
    ----------
    table : ChannelTable
        Of the unpruned network.
    sha256 : str
        Of its file.
    removed : bool array, shape (atoms,)
        What the timed network lacks.
    timing : mapping
        As `core.ship.latency.measure.Timing.to_json` gives it.
    machine : mapping
        What it was timed on: ``device``; of another one, ``on``, its address, and ``libraries``.

    Returns
    -------
    float or None
        None without a table of the same device, runtime, versions and settings.
    """
    settings = {name: timing[name] for name in ("threads", "batch", "image_size", "precision")}
    runtime, device = timing["runtime"], str(machine["device"])
    if machine.get("on"):
        found, module = machine.get("libraries"), NEEDS.get(runtime, ("",))[0]
        version = found.get(module) if isinstance(found, Mapping) else None
        settings |= {"runtime": runtime, "device": device, "version": version}
        latency = latency_on(sha256, str(machine["on"]), **settings)
    else:
        try:
            latency = find_latency(sha256, describe(runtime, device=device, **settings))
        except UserError:
            return None
    if latency is None or not latency.fits(table):
        return None
    return Clock(latency, table).ms(removed)


def removal_of(table: ChannelTable, original: Facts, facts: Facts) -> Mask:
    """Return what a file lacks of the unpruned network; tuning since changed no width.

    Raises
    ------
    UserError
        When it does not say, or was pruned from another file.
    """
    if facts.sha256 == original.sha256:
        return np.zeros(table.atom_count, bool)
    pruned = [n for n, record in enumerate(facts.history) if "kept" in record]
    history = facts.history[: pruned[-1] + 1] if pruned else facts.history
    return stored_removal(table, original.sha256, replace(facts, history=history))
