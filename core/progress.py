"""How long jobs tell where they are, hand on what they found so far, and hear that they stop."""

from __future__ import annotations

from typing import Any, Protocol


class Progress(Protocol):
    """Called by a job at every step.

    It may raise ``core.errors.CancelledError``; the job then ends and leaves nothing half done.
    One that also has a method ``partial(data)`` receives results as they come (``publish``).
    """

    def __call__(self, fraction: float, text: str) -> None:
        """Report a share of the work done, 0 to 1, and what comes next, in a few words."""


def silent(fraction: float, text: str) -> None:
    """Report to nobody."""


def publish(progress: Progress, data: dict[str, Any]) -> None:
    """Hand a partial result on, to a progress that listens for them.

    Parameters
    ----------
    progress : Progress
        Asked for a method ``partial``; without one, nothing happens.
    data : dict
        Plain data; it goes over the engine's line as JSON.
    """
    partial = getattr(progress, "partial", None)
    if partial is not None:
        partial(data)


class Span:
    """The progress of a part of a job, which hands partial results on unchanged.

    Parameters
    ----------
    whole : Progress
        Of the whole job.
    start, end : float
        Where in the whole the part is, 0 to 1.
    prefix : str
        Put before every text.
    """

    def __init__(self, whole: Progress, start: float, end: float, prefix: str = "") -> None:
        self._whole, self._start, self._end, self._prefix = whole, start, end, prefix

    def __call__(self, fraction: float, text: str) -> None:
        """Report a share of the part done."""
        share = self._start + (self._end - self._start) * fraction
        self._whole(share, f"{self._prefix}{text}")

    def partial(self, data: dict[str, Any]) -> None:
        """Hand a partial result on."""
        publish(self._whole, data)
