"""The overlay of the graph that tells how much accuracy each block loses when pruned."""

from __future__ import annotations

from collections.abc import Mapping

from app.state.measurements import HEAT_FULL
from app.state.overlays import HEAT
from app.state.session import Overlay, Session


def _values(session: Session) -> Mapping[int, float]:
    return {block: loss / HEAT_FULL for block, loss in session.measured.losses().items()}


def _texts(session: Session) -> Mapping[int, str]:
    """Say each block's loss; nothing in its place where that was not measured."""
    blocks = session.table.blocks if session.table is not None else ()
    losses = session.measured.losses()
    unknown = {block.index: "" for block in blocks}
    return unknown | {block: f"−{100 * loss:.1f}%" for block, loss in losses.items()}


def _heading(session: Session) -> str:
    ratio = session.measured.shown_ratio
    return "" if ratio is None else f"Accuracy lost at {ratio:.0%}"


OVERLAY = Overlay(
    "sensitivity",
    "Se&nsitivity",
    "Accuracy lost",
    "0%",
    f"{100 * HEAT_FULL:.0f}% +",
    _values,
    _texts,
    _heading,
    scale=HEAT,
    shortcut="Ctrl+7",
    tip="Accuracy lost when each block is pruned, as far as measured",
)
