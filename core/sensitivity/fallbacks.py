"""What is tried in place of a step that loses too much accuracy."""

from __future__ import annotations

from dataclasses import dataclass

from core.plan.schema import Entry, Scope


@dataclass(frozen=True, slots=True)
class Fallback:
    """A gentler form of an entry.

    Attributes
    ----------
    share : float
        Of the ratio, or of the exact channels, that is still asked for.
    scope : str or None
        For blocks; None leaves the entry's own.
    """

    share: float
    scope: Scope | None = None


FALLBACKS = (
    Fallback(1.0),
    Fallback(0.5),
    Fallback(0.25),
    Fallback(1.0, "inside"),
    Fallback(0.5, "inside"),
)
"""In the order tried: the entry itself, less of it, then only what no other block reads. After the
last, the entry is skipped."""


def forms(entry: Entry) -> list[Entry]:
    """Return an entry and its fallbacks, in the order they are tried."""
    found: list[Entry] = []
    for fallback in FALLBACKS:
        form = _form(entry, fallback)
        if form is not None and form not in found:
            found.append(form)
    return found


def _form(entry: Entry, fallback: Fallback) -> Entry | None:
    if fallback.scope is not None and (entry.block is None or entry.scope == "inside"):
        return None
    if entry.channels is not None:
        count = int(len(entry.channels) * fallback.share)
        return entry.model_copy(update={"channels": entry.channels[:count]}) if count else None
    update = {"ratio": round((entry.ratio or 0.0) * fallback.share, 6)}
    scope = {} if fallback.scope is None else {"scope": fallback.scope}
    return entry.model_copy(update=update | scope)
