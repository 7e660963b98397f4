"""What every view gets: the session it subscribes to, and the few services beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.background import Background
    from app.jobs.manager import JobManager
    from app.jobs.runs import Runs
    from app.pictures.loader import Pictures
    from app.session import Session
    from app.settings import Settings
    from app.theme import Theme


@dataclass(frozen=True, slots=True)
class Context:
    """Made once, when the window is made."""

    session: Session
    jobs: JobManager
    background: Background
    settings: Settings
    theme: Theme
    runs: Runs
    pictures: Pictures
