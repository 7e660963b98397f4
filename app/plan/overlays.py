"""Overlays of the graph that tell of the plan and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping

from app.state import removal
from app.state.overlays import share_of_most
from app.state.session import Overlay, Session


def _parameters(session: Session) -> Mapping[int, float]:
    prediction = session.prediction
    return {} if prediction is None else share_of_most(prediction.block_parameters)


def _macs(session: Session) -> Mapping[int, float]:
    prediction = session.prediction
    return {} if prediction is None else share_of_most(prediction.block_macs)


def _kept(session: Session) -> Mapping[int, float]:
    return {} if session.prediction is None else session.prediction.share_kept


OVERLAYS = (
    Overlay("parameters", "P&arameters", "Parameters", "few", "most", _parameters,
            shortcut="Ctrl+2"),
    Overlay("macs", "&GFLOPs", "GFLOPs", "few", "most", _macs, shortcut="Ctrl+3"),
    Overlay("ratio", "&Ratio", "Ratio", "0%", "100%", removal.shares, shortcut="Ctrl+4"),
    Overlay("stage", "&Stage", scale="", shortcut="Ctrl+5"),
    Overlay("kept", "&Kept channels", "Channels kept", "none", "all", _kept, shortcut="Ctrl+6"),
)  # fmt: skip
