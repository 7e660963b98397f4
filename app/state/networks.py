"""The available networks: the open model, those pruned from it, and those tuned from these."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.state.session import Session


def at_hand(session: Session) -> tuple[str, ...]:
    """Return their files, as far as they are there: the open model, pruned, tuned."""
    model = session.model
    own = [model.path] if model is not None else []
    pruned = [result.output for result in session.results]
    tuned = [one.output for one in session.tuned]
    found = dict.fromkeys([*own, *pruned, *tuned])
    return tuple(path for path in found if Path(path).is_file())
