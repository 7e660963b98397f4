"""Rankings by weights: asked of the engine whenever the plan wants one that is missing."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject

from app.context import Context
from app.state.structure.left import structure_only
from core.system.cache import read_array


class Ranker(QObject):
    """The window's side of the task ``scores``, for criteria that need no images."""

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._engine = context.session, context.engine
        self._session.scoresNeeded.connect(self.rank)

    def rank(self, criterion: str, seed: int) -> None:
        """Rank the channels of what is left of the open model."""
        session = self._session
        if session.model is None or session.structures.pending:
            return  # what a structure leaves comes with its ranking
        sha256, left = session.model.facts.sha256, session.structures.digest
        args = {
            "path": session.model.path,
            "criterion": criterion,
            "seed": seed,
            "sha256": sha256,
            "plan": structure_only(session.plan) if left else None,
        }

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                scores = read_array(result["scores"])
                session.set_scores((criterion, seed, "", None, left), scores)

        self._engine.submit("scores", "Rank channels", args, done=done)
