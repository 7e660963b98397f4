"""What would break without Secateur, kept up with every edit: for all panels that show it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.context import Context

if TYPE_CHECKING:
    from core.graph.table import ChannelTable
    from core.plan.resolve import Blocked, Resolution
    from core.plan.why.conflicts import Conflict
    from core.plan.why.reasons import Explainer

KINDS = {
    "input": "its inputs do not match",
    "normalisation": "its BatchNorm is too wide",
    "depthwise": "it must match its input",
    "shortcut": "the two sides of an add differ",
    "stored width": "fixed size in code",
    "scale": "the head has too few feature maps",
    "classes": "the head has too few classes",
}
"""Why a layer would fail, in a few words."""
GAP_MS, SHARE = 100, 0.2
"""Least time between two searches, and the share of all time that they may take."""


class ConflictFinder(QObject):
    """Searches in the background, again and again while edits go on.

    Signals
    -------
    changed()
        There is something else to show: found, or being searched.

    Attributes
    ----------
    conflicts : tuple of Conflict
        Of the plan as of the last search, in the order of the failures.
    searching : bool
        Whether they are those of a plan before.
    """

    changed = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = context.session, context.background
        self.conflicts: tuple[Conflict, ...] = ()
        self.searching = False
        self._found_for: Resolution | None = None
        self._explains: Explainer | None = None
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self._search)
        self._session.planChanged.connect(self._background.hold)
        self._session.predictionChanged.connect(self._prediction_changed)

    @property
    def blocked(self) -> tuple[Blocked, ...]:
        """What the plan asks for and cannot have."""
        prediction = self._session.prediction
        return () if prediction is None else tuple(prediction.resolution.blocked)

    def _prediction_changed(self) -> None:
        prediction = self._session.prediction
        if self._session.model is None or prediction is None or not prediction.changes:
            self._background.drop("conflicts")
            self.conflicts, self.searching, self._found_for = (), False, None
        elif not self.searching and self._found_for is not prediction.resolution:
            self.searching = True
            if not self._rest.isActive():
                self._rest.start(0)
        self.changed.emit()

    def _search(self) -> None:
        model, prediction = self._session.model, self._session.prediction
        if not self.searching or model is None or prediction is None:
            return
        table, resolution = model.left, prediction.resolution
        structural = self._session.structures.left
        own = structural.conflicts if structural is not None else ()
        give_way = self._background.give_way

        def work() -> tuple[Sequence[Conflict], float]:
            from core.plan.why.conflicts import naive_conflicts

            give_way()
            began = time.perf_counter()
            reason = partial(self._explainer(table).reason, resolution)
            found = naive_conflicts(table, resolution, reason=reason, check=give_way)
            return found, time.perf_counter() - began

        def done(found: tuple[Sequence[Conflict], float]) -> None:
            conflicts, seconds = found
            self.conflicts, self._found_for = (*own, *conflicts), resolution
            latest = self._session.prediction
            self.searching = latest is not None and latest.resolution is not resolution
            self._rest.start(max(GAP_MS, round(1000 * seconds * (1 / SHARE - 1))))
            self.changed.emit()

        self._background.run("conflicts", work, done)

    def _explainer(self, table: ChannelTable) -> Explainer:
        """Return what explains a network; made once, on the thread of the work."""
        if self._explains is None or self._explains.table is not table:
            from core.plan.why.reasons import Explainer

            self._explains = Explainer(table)
        return self._explains
