"""The overlay of the graph that tells how long each block takes on the device that counts."""

from __future__ import annotations

from collections.abc import Mapping

from app.state.overlays import share_of_most
from app.state.session import Overlay, Session


def _milliseconds(session: Session) -> dict[int, float]:
    """Return how long each block takes under the plan; nothing without a latency table."""
    clock, prediction = session.clock, session.prediction
    if clock is None or prediction is None:
        return {}
    return dict(enumerate(clock.block_ms(prediction.resolution.removed).tolist()))


def _values(session: Session) -> Mapping[int, float]:
    return share_of_most(_milliseconds(session))


def _texts(session: Session) -> Mapping[int, str]:
    return {block: f"{ms:.2f} ms" for block, ms in _milliseconds(session).items()}


def _heading(session: Session) -> str:
    clock, prediction = session.clock, session.prediction
    where = f" {session.where}" if session.plan.device else ""
    if clock is None or prediction is None:
        return f"Milliseconds{where}: not measured"
    return f"Milliseconds{where}, {clock.ms(prediction.resolution.removed):.1f} in total"


OVERLAY = Overlay(
    "latency",
    "M&illiseconds",
    "Milliseconds",
    "0",
    "most",
    _values,
    _texts,
    _heading,
    shortcut="Ctrl+8",
    tip="Predicted time of each block on the device chosen in Latency",
)
