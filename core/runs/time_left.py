"""The time left of a job, estimated from its events and added to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from core.progress import TimeLeft

MEASURED = 2
"""How often a network is measured after its training, as long each time as before it."""
Event = dict[str, Any]


class TimedEvents:
    """Passes a job's events on, those that report how far it is with ``seconds_left``.

    Parameters
    ----------
    emit : callable
        Takes the events.
    trains : bool
        Whether the job trains: then only that counts as steps.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        emit: Callable[[Event], None],
        trains: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit, self._trains, self._clock = emit, trains, clock
        self._left = TimeLeft(clock)
        self._began = clock()

    def __call__(self, event: Event) -> None:
        """Pass one event on."""
        kind = event.get("event")
        if kind == "continued":
            self._left.rest()
        elif kind == "started":
            self._began = self._clock()
        elif kind == "baseline" and self._trains:
            self._left.after = MEASURED * (self._clock() - self._began)
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
