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
from core.plan.latency.files import describe, find_latency
from core.pruning.record import stored_removal

if TYPE_CHECKING:
    from core.plan.widths import Mask


def predicted_ms(
    table: ChannelTable, sha256: str, removed: Mask, timing: Mapping[str, Any], device: str
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
    device : str
        What it was timed on.

    Returns
    -------
    float or None
        None without a table of the same device, runtime, versions and settings.
    """
    names = ("threads", "batch", "image_size", "precision")
    try:
        about = describe(timing["runtime"], device=device, **{name: timing[name] for name in names})
    except UserError:
        return None
    latency = find_latency(sha256, about)
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
