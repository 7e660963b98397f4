"""Times measured, next to those that are predicted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds per image of the unpruned and the pruned network, measured in turns."""

    before_ms: float
    after_ms: float

    @property
    def share(self) -> float:
        """What is left of the unpruned network's time."""
        return self.after_ms / self.before_ms

    def to_json(self) -> dict[str, float]:
        """Return plain data."""
        return {"before_ms": self.before_ms, "after_ms": self.after_ms, "share": self.share}
