"""Whether work can start: a dataset is set, and nothing of its kind runs; reports why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import no_dataset

if TYPE_CHECKING:
    from app.engine.client import EngineClient
    from app.state.session import Session


def has_data(
    session: Session, what: str, hint: str = "Choose a dataset.", *, labels: bool = True
) -> bool:
    """Whether a dataset is set; without one, reports what needs it and offers to choose it.

    Parameters
    ----------
    session : Session
    what : str
        What needs it, as the beginning of a sentence.
    hint : str
    labels : bool
        Whether its images must be labelled.
    """
    if session.measured.data is not None:
        return True
    reason = no_dataset(what, hint, labels=labels)
    actions = (("Choose dataset…", session.requests.dataWanted.emit),)
    session.say(reason.message, reason.hint, "warning", actions=actions, key="data")
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
