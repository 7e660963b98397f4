"""What every view gets: the session it subscribes to, and the few services next to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.client import EngineClient
    from app.engine.long_jobs import LongJobs
    from app.engine.thread import Background
    from app.kit.theme import Theme
    from app.pictures.loader import Pictures
    from app.state.session import Session
    from app.state.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """Made once, when the window is made."""

    session: Session
    engine: EngineClient
    background: Background
    settings: Settings
    theme: Theme
    jobs: LongJobs
    pictures: Pictures
