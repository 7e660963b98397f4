"""Whether work can start: a dataset is set, and nothing of its kind runs; reports why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.client import EngineClient
    from app.state.session import Session


def has_data(session: Session, reason: str) -> bool:
    """Whether a dataset is set; without one, reports why it is needed and offers to choose it.

    Parameters
    ----------
    session : Session
    reason : str
        A sentence that ends in there being no dataset.
    """
    if session.measured.data is not None:
        return True
    actions = (("Choose dataset…", session.requests.dataWanted.emit),)
    session.say(reason, kind="warning", actions=actions, key="data")
    return False


def is_free(session: Session, engine: EngineClient, *kinds: str, where: str = "Jobs") -> bool:
    """Whether no task of these kinds runs; reports which one does.

    Parameters
    ----------
    session : Session
    engine : EngineClient
    *kinds : str
    where : str
        The panel that shows the one that runs.
    """
    running = engine.running(*kinds)
    if running:
        session.say(
            f"“{running[0].title}” is still running.", f"See {where}.", "warning", key="busy"
        )
    return not running
