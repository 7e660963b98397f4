"""Searches from the window: runs the task, takes in what it finds, opens its networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.engine.preconditions import has_data, is_free
from app.kit import formats
from app.state import plan_edits
from app.state.measurements import data_arguments
from core.history.remember import OWN
from core.system.paths import search_folder

if TYPE_CHECKING:
    from core.choose.measured import MeasuredPoint

TASK = "search"
UNPRUNED = -1
"""Stands for the unpruned network among the trials."""


class SearchController(QObject):
    """The window's side of the task ``search``.

    Signals
    -------
    changed()
        A trial was measured, or another search began.

    Attributes
    ----------
    trials : tuple of dict
        Records of the search (`core.search.records.Trial`).
    front : tuple of int
        Numbers of those that no other one beats.
    unpruned : MeasuredPoint or None
    int8 : MeasuredPoint or None
        The unpruned network as INT8.
    missing : str
        Why that is not measured.
    model : str
        Path of the network that was searched around.
    """

    changed = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._engine = context.session, context.engine
        self._measured = context.session.measured
        self.trials: tuple[Mapping[str, Any], ...] = ()
        self.front: tuple[int, ...] = ()
        self.unpruned: MeasuredPoint | None = None
        self.int8: MeasuredPoint | None = None
        self.missing = ""
        self.model = ""

    # ---- searching ----------------------------------------------------------------------------

    def search(
        self, trials: int, minutes: float, tune_minutes: float, on: str = "", int8: bool = True
    ) -> None:
        """Search around the goal, or continue with it.

        Parameters
        ----------
        trials : int
            At most.
        minutes, tune_minutes : float
            Of all trials together, and of the fine-tuning of one.
        on : str
            Where trials are made, as `core.cluster.slurm.read_place` reads it; empty for the engine
            process.
        int8 : bool
            Whether the unpruned network is measured as INT8, too.
        """
        session, data = self._session, self._measured.data
        if session.model is None or not has_data(session, "A search") or data is None:
            return
        if not is_free(session, self._engine, TASK):
            return
        told = data_arguments(data) or {}
        asked = {
            "data": told["path"],
            "budget": self._measured.aim.model_dump(),
            "plan": self._base(),
            "tune_minutes": tune_minutes,
            "image_size": told.get("image_size"),
            "device": told.get("device") or "",
            "same_classes": bool(told.get("same_classes")),
        }
        if not int8:  # another search than one that has it
            asked["int8"] = False
        model, sha256 = session.model.path, session.model.facts.sha256
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        self._begin(model)
        self._engine.submit(
            TASK,
            f"Search around {plan_edits.wish(self._measured.aim)}",
            {
                "path": model,
                "sha256": sha256,
                "search": {**asked, "trials": trials, "minutes": minutes},
                "folder": str(search_folder(sha256, digest)),
                "history": OWN,
                "on": on,
            },
            partial=self.take,
            done=self._say_done,
            cancelled=self._say_stopped,
        )

    def _base(self) -> dict[str, Any]:
        """Return the plan that holds for every trial: its locks and rules, not its selection."""
        plan = self._session.plan
        return plan.model_copy(
            update={"selection": (), "target": None, "model_sha256": None}
        ).to_json()

    def _begin(self, model: str) -> None:
        self.model, self.trials, self.front, self.unpruned = model, (), (), None
        self.int8, self.missing = None, ""
        self.changed.emit()

    def take(self, data: Mapping[str, Any]) -> None:
        """Take in what the engine found: all trials of before, or one more.

        Parameters
        ----------
        data : mapping
            As `core.search.study.Search.run` hands it on; other partial results are of its parts.
        """
        if "front" not in data:
            return
        from core.choose.measured import MeasuredPoint

        self.unpruned = MeasuredPoint.from_json(data["unpruned"]["point"])
        int8 = data["int8"]
        self.int8 = MeasuredPoint.from_json(int8["point"]) if int8.get("point") else None
        self.missing = str(int8.get("missing", ""))
        more = data["trials"] if "trials" in data else [*self.trials, data["trial"]]
        self.trials, self.front = tuple(more), tuple(data["front"])
        self.changed.emit()

    def _say_done(self, result: Mapping[str, Any]) -> None:
        self._session.requests.historyWritten.emit()
        self._say(f"The search is finished: {self._counts(result['front'])}.", "success")

    def _say_stopped(self) -> None:
        self._session.requests.historyWritten.emit()
        self._say(
            f"The search was stopped: {self._counts(self.front)}. Search continues it.", "info"
        )

    def _counts(self, front: Sequence[int]) -> str:
        return f"{formats.counted(len(self.trials), 'trial')}, {len(front)} on the front"

    def _say(self, text: str, kind: str) -> None:
        self._session.say(text, "Click a point to open its network.", kind, key="search")

    # ---- opening ------------------------------------------------------------------------------

    def open(self, number: int) -> None:
        """Open the network of a trial, or the unpruned one."""
        path = self.model if number == UNPRUNED else str(self.trials[number]["file"])
        if not Path(path).is_file():
            self._session.say(
                f"The network of trial {number + 1} was not kept.",
                "Only those of the front are.",
                "warning",
                key="search",
            )
            return
        self._session.requests.openWanted.emit(path)
