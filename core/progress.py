"""Progress of long operations: partial results, cancelling, and the time left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

MEMORY = 0.25
"""Share of the work after which a step counts for a third of a new one."""
SMOOTHING = 0.05
"""Share of the work over which a new estimate takes the place of the one before."""
SKIPPED = 20.0
"""A single step that is this many times as fast as those before was no work: known results."""
OVERDUE = 1.5
"""Times the usual step after which a step counts as a pause: the estimate stays where it is."""
SECONDS, MINUTE, HOUR = 10.0, 60.0, 3600.0


class Progress(Protocol):
    """Called by a job at every step.

    It may raise ``core.errors.CancelledError``; the job then ends and leaves no incomplete files.
    One that also has a method ``partial(data)`` receives results as they come (``publish``).
    """

    def __call__(self, fraction: float, text: str) -> None:
        """Report the fraction of the work done, 0 to 1, and the next step in a few words."""


def silent(fraction: float, text: str) -> None:
    """Report nothing."""


def publish(progress: Progress, data: dict[str, Any]) -> None:
    """Pass a partial result to a progress that accepts them.

    Parameters
    ----------
    progress : Progress
        If it has no method ``partial``, nothing happens.
    data : dict
        Plain data; the engine sends it as JSON.
    """
    partial = getattr(progress, "partial", None)
    if partial is not None:
        partial(data)


class Span:
    """The progress of a part of a job; passes partial results on unchanged.

    Parameters
    ----------
    whole : Progress
        Of the whole job.
    start, end : float
        The range of the part within the whole, 0 to 1.
    prefix : str
        Prepended to every text.
    """

    def __init__(self, whole: Progress, start: float, end: float, prefix: str = "") -> None:
        self._whole, self._start, self._end, self._prefix = whole, start, end, prefix

    def __call__(self, fraction: float, text: str) -> None:
        """Report the fraction of the part that is done."""
        share = self._start + (self._end - self._start) * fraction
        self._whole(share, f"{self._prefix}{text}")

    def partial(self, data: dict[str, Any]) -> None:
        """Pass a partial result on."""
        publish(self._whole, data)


class Forward:
    """A progress that never goes back, for parts whose shares are not known in advance.

    Parameters
    ----------
    whole : Progress

    Attributes
    ----------
    share : float
        The largest that was reported.
    """

    def __init__(self, whole: Progress) -> None:
        self._whole, self.share = whole, 0.0

    def __call__(self, fraction: float, text: str) -> None:
        """Report a share, or the largest one before it."""
        self.share = max(self.share, fraction)
        self._whole(self.share, text)

    def partial(self, data: dict[str, Any]) -> None:
        """Pass a partial result on."""
        publish(self._whole, data)


class TimeLeft:
    """Estimates the time left of a task or a job from the shares that it reports.

    The rate is that of the steps so far, recent ones counting more, without the first one, which
    contains what is done once. Between steps the estimate counts down; it never goes below zero.

    Parameters
    ----------
    clock : callable
        Returns seconds; must not go backwards.

    Attributes
    ----------
    after : float
        Seconds that follow once all shares are done.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.after = 0.0
        self._share, self._at = 0.0, math.nan
        self._steps = 0
        self._work = self._spent = self._usual = 0.0
        self._skipped = False
        self._end: float | None = None
        self._shown: float | None = None

    def step(self, share: float) -> None:
        """Take in how much of the work is done, 0 to 1.

        One that is no more than before is no step: what is done again takes its time.
        """
        now = self._clock()
        share = min(max(share, 0.0), 1.0) if math.isfinite(share) else self._share
        grown, took = share - self._share, now - self._at
        if math.isnan(self._at):
            self._share, self._at = share, now
        elif grown > 0:
            self._steps += 1
            self._share, self._at = share, now
            if self._steps > 1 and not self._skips(grown, took):
                self._learn(grown, took)

    def rest(self) -> None:
        """Leave out the time since the last step: the work was paused."""
        now = self._clock()
        if self._end is not None:
            self._end += now - self._at
        self._at = now

    @property
    def seconds(self) -> float | None:
        """The estimate in seconds; None before the second step."""
        if self._end is None:
            return None
        waited = min(self._clock() - self._at, OVERDUE * self._usual)
        return max(0.0, self._end - self._at - waited) + self.after

    @property
    def shown(self) -> float | None:
        """The estimate as people should read it: rounded, and unchanged while it is about right."""
        seconds = self.seconds
        if seconds is None:
            return None
        unit = _unit(seconds)
        if self._shown is None or abs(seconds - self._shown) > 0.75 * unit:
            self._shown = unit * round(seconds / unit)
        return self._shown

    @property
    def words(self) -> str:
        """The estimate in words; empty before the second step."""
        return left_text(self.shown)

    def _skips(self, grown: float, took: float) -> bool:
        """Whether a step was no work, since it took next to no time; two in a row were some."""
        alone = not self._skipped and self._work > 0
        self._skipped = alone and took * self._work * SKIPPED < grown * self._spent
        return self._skipped

    def _learn(self, grown: float, took: float) -> None:
        fade = math.exp(-grown / MEMORY)
        self._work = fade * self._work + grown
        self._spent = fade * self._spent + took
        self._usual = max(took, 0.7 * self._usual)
        end = self._at + (1.0 - self._share) * self._spent / self._work
        if not math.isfinite(end):  # by a step too small for any figure
            return
        weight = 1.0 - math.exp(-grown / SMOOTHING)
        self._end = end if self._end is None else self._end + weight * (end - self._end)


def _unit(seconds: float) -> float:
    """Return what a time is rounded to, in seconds."""
    for limit, unit in ((MINUTE, SECONDS), (20 * MINUTE, MINUTE), (2 * HOUR, 5 * MINUTE)):
        if seconds < limit:
            return unit
    return 30 * MINUTE


def about(seconds: float) -> str:
    """Write an estimated time: a few seconds, about 40 s, about 3 min, about 1 h 30 min."""
    if seconds < SECONDS:
        return "a few seconds"
    if seconds < MINUTE:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / MINUTE)
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"


def left_text(seconds: float | None) -> str:
    """Write the time left: about 3 min left; empty while it is unknown."""
    return "" if seconds is None else f"{about(seconds)} left"


def with_left(text: str, left: str) -> str:
    """Write what is being done, and the time left where it is known."""
    return f"{text}, {left}" if text and left else text or left
