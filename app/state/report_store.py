"""What was measured in the window is kept for reports: beside the project, or among app data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.state.settings import data_folder
from core.errors import UserError

if TYPE_CHECKING:
    from app.state.session import Session


def stores(session: Session) -> list[Path]:
    """Return the files that hold measurements of the open model, the first to be written to."""
    from core.report.store import SUFFIX, store_of

    sha256 = session.model.facts.sha256 if session.model is not None else "none"
    places = [data_folder() / "measured" / f"{sha256[:24]}{SUFFIX}"]
    if session.project_path is not None:
        places.insert(0, store_of(session.project_path))
    return places


def keep(session: Session, name: str, models: Sequence[str], result: Mapping[str, Any]) -> None:
    """Keep a measurement; where that fails, it still shows, and the person is told.

    Parameters
    ----------
    session : Session
    name : str
        As `core.report.store` names it.
    models : sequence of str
        SHA-256 of the files measured, the unpruned one first.
    result : mapping
    """
    from core.report.store import keep as keep_in

    file = stores(session)[0]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        keep_in(file, name, models, result)
    except (UserError, OSError) as error:
        session.say(
            "What was measured could not be kept for a report.", str(error), "warning", key="ledger"
        )


def known(session: Session, name: str) -> str:
    """Return when the open model was measured last, as a date; empty where it never was."""
    from core.report.store import newest

    if session.model is None:
        return ""
    record = newest(stores(session), name, session.model.facts.sha256)
    return str(record.get("date") or "")[:10] if record is not None else ""
