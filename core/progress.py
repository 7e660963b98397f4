"""How long operations report progress and partial results, and are cancelled."""

from __future__ import annotations

from typing import Any, Protocol


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
