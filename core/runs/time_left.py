"""The time left of a job, estimated from its events and added to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.progress import TimeLeft

Event = dict[str, Any]


class TimedEvents:
    """Passes a job's events on, those that report how far it is with ``seconds_left``.

    Parameters
    ----------
    emit : callable
        Takes the events.
    trains : bool
        Whether the job trains: what is measured before and after is no part of the estimate then.
    """

    def __init__(self, emit: Callable[[Event], None], trains: bool) -> None:
        self._emit, self._trains = emit, trains
        self._left = TimeLeft()

    def __call__(self, event: Event) -> None:
        """Pass one event on."""
        if event.get("event") == "continued":
            self._left.rest()
        share = share_of(event, self._trains)
        if share is not None:
            self._left.step(share)
            event = {**event, "seconds_left": self._left.shown}
        self._emit(event)


def share_of(event: Mapping[str, Any], trains: bool) -> float | None:
    """Return how much of a job is done by an event, 0 to 1; None where it does not say."""
    kind, share = event.get("event"), event.get("fraction")
    if share is None or kind not in (("batch", "epoch") if trains else ("progress",)):
        return None
    if "steps" in event:  # an iterative pruning trains in every step
        return (int(event["step"]) - 1 + float(share)) / int(event["steps"])
    return float(share)
