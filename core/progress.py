"""How long jobs tell where they are, and hear that they shall stop."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by a job at every step.

    It may raise ``core.errors.CancelledError``; the job then ends and leaves nothing half done.
    """

    def __call__(self, fraction: float, text: str) -> None:
        """Report a share of the work done, 0 to 1, and what comes next, in a few words."""


def silent(fraction: float, text: str) -> None:
    """Report to nobody."""
