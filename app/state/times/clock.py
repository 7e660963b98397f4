"""What tells a plan's milliseconds, from the latency tables on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.checkpoint.facts import Facts
    from core.graph.table import ChannelTable
    from core.plan.latency.clock import Clock


def known_clock(facts: Facts, table: ChannelTable, on: str = "") -> Clock | None:
    """Return what tells a plan's milliseconds, when a table of the device is cached.

    ``on`` is the address of another device; this computer when empty.
    """
    from core.plan.latency.clock import Clock
    from core.plan.latency.files import known_latency

    known = known_latency(facts.sha256, facts.image_size, table, on)
    return None if known is None else Clock(known, table)
