"""The latency table that a plan is timed by. Torch is imported only to make one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.checkpoint import Facts
from core.graph.table import ChannelTable
from core.plan.latency.clock import LatencyTable
from core.plan.latency.devices import device_of
from core.plan.latency.files import known_latency
from core.plan.schema import Plan
from core.progress import Progress, Span

if TYPE_CHECKING:
    from torch import nn


def latency_for(
    model: nn.Module,
    table: ChannelTable,
    facts: Facts,
    plan: Plan,
    cache: bool,
    progress: Progress,
) -> LatencyTable | None:
    """Return what tells a plan's milliseconds, where it asks for them.

    That is the cached table (``core.plan.latency.files.known_latency``); for a target in
    milliseconds without one, a table of ONNX Runtime is made now, which takes minutes.

    Raises
    ------
    UserError
        When a table must be made and ONNX Runtime is not installed, or the plan names a device that
        is not known.
    """
    by_time = plan.target is not None and plan.target.by_time
    if not by_time and plan.round_to != "auto":
        return None
    on = device_of(plan.device).address if plan.device else ""
    known = known_latency(facts.sha256, facts.image_size, table, on) if cache else None
    if known is not None or not by_time:
        return known
    from core.ship.latency.table import build_latency, describe_here

    if on:
        from core.ship.devices.known import describe_there

        about = describe_there(device_of(plan.device), "onnx", image_size=facts.image_size)
    else:
        about = describe_here("onnx", image_size=facts.image_size, device="cpu")
    making = Span(progress, 0.0, 1.0, "Latency table: ")
    return build_latency(model, table, facts.sha256, about, cache=cache, progress=making)
