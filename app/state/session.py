"""The open model, the plan for it and what follows: the only writer of state.

Views subscribe to the signals and ask for changes through the methods; no view writes to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoStack

from app.state.history import Lineage
from app.state.measurements import Measured
from app.state.open_model import Message, OpenModel
from app.state.overlays import OverlayOf
from app.state.plan_edits import Edit, PlanCommand
from app.state.rankings import Ranking, Rankings, Scores, ranking_of
from app.state.requests import Requests
from app.state.shipping import Shipped
from app.state.structure.edits import channels_alone
from app.state.structure.structures import Structures
from app.state.times.clock import known_clock
from app.state.times.devices import Devices
from app.state.view.viewed import Viewed
from core.data.figures import names_of
from core.plan.criteria import by_images

if TYPE_CHECKING:
    from app.state.structure.left import Left
    from core.checkpoint.facts import Facts
    from core.graph.table import ChannelTable
    from core.history.nodes import Node
    from core.plan.latency.clock import Clock
    from core.plan.schema import Plan
    from core.project import Project


class Session(Viewed):
    """State of the window.

    ``measured`` holds what images say (dataset, goal, measurements), ``devices`` whose times are
    known, ``structures`` what can go
    besides channels and what is left, ``shipped`` what there is to ship with, ``lineage`` the
    history of the network, all that resulted; ``requests`` is how the parts of the window ask
    things of each other.

    Signals
    -------
    modelComing, modelChanged
        Another model will be open, or none; then it is.
    planChanged, predictionChanged
        The plan, and a moment later everything that follows from it.
    scoresNeeded(criterion, seed)
        The plan asks for a ranking that is missing yet and needs no images. One that does is
        computed only when the user asks for it.
    scoresChanged
        A ranking arrived.
    messageRaised(Message), messageWithdrawn(str), titleChanged, resultsChanged
    """

    modelComing = Signal()
    modelChanged = Signal()
    planChanged = Signal()
    predictionChanged = Signal()
    scoresNeeded = Signal(str, int)
    scoresChanged = Signal()
    messageRaised = Signal(object)
    messageWithdrawn = Signal(str)
    titleChanged = Signal()
    resultsChanged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project_path: Path | None = None
        self.requests = Requests(self)
        self.measured = Measured(self)
        self.measured.kept.connect(self.mark_unsaved)
        self.measured.clockChanged.connect(self._timed)
        self.devices = Devices(self)
        self.devices.changed.connect(self._devices_changed)
        self.structures = Structures(self._take_left, self)
        self.shipped = Shipped(self)
        self.lineage = Lineage(self)
        self.lineage.ownChanged.connect(self.resultsChanged)
        self.undo_stack = QUndoStack(self)
        self.undo_stack.cleanChanged.connect(self.titleChanged)
        self._plan: Plan | None = None
        self._rankings = Rankings()
        self._extra_unsaved = False
        self._drags, self._drag = 0, 0
        self._tick = QTimer(self, singleShot=True, interval=0)
        self._tick.timeout.connect(self._predict)

    # ---- reading ------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The plan; an empty one to begin with."""
        if self._plan is None:
            from core.plan.schema import Plan

            self._plan = Plan()
        return self._plan

    def model_path(self) -> str:
        """Return the path of the open model; empty if none is open."""
        return self.model.path if self.model else ""

    @property
    def scores(self) -> Scores | None:
        """The ranking the plan asks for, or the last one known until that is there."""
        return self._rankings.scores(self.ranking)

    @property
    def ranking(self) -> Ranking:
        """The name of the ranking that the plan asks for."""
        return ranking_of(self.plan, self.measured.data, self.structures.digest)

    @property
    def measures(self) -> tuple[str, str]:
        """Names of the two figures that tell most about networks of the open model's task."""
        return names_of(self.model.facts.task if self.model is not None else "")

    @property
    def clock(self) -> Clock | None:
        """What tells the milliseconds of the network that the plan's structure leaves."""
        return self.structures.clock(self.measured.clock)

    @property
    def where(self) -> str:
        """Where the plan's milliseconds are of: on this computer, on kitchen."""
        return self.devices.where(self.plan.device)

    @property
    def unpruned_ms(self) -> float | None:
        """Milliseconds of the network as it is, where its layers were timed."""
        clock, table = self.measured.clock, self.table
        if clock is None or table is None:
            return None
        return clock.ms(np.zeros(table.atom_count, bool))

    @property
    def ranked(self) -> bool:
        """Whether that ranking is there."""
        return self.ranking in self._rankings

    @property
    def ranked_by(self) -> str:
        """The criterion of the scores that show."""
        return self._rankings.shown(self.ranking)

    @property
    def dirty(self) -> bool:
        """Whether there is work that no project file holds."""
        return self.model is not None and (not self.undo_stack.isClean() or self._extra_unsaved)

    @property
    def locked(self) -> frozenset[int]:
        """Blocks the user locked."""
        return frozenset(item for item in self.plan.locked if isinstance(item, int))

    # ---- the model ----------------------------------------------------------------------------

    def set_model(
        self,
        path: str,
        facts: Facts,
        table: ChannelTable,
        file_size: int | None,
        *,
        project: Project | None = None,
        project_path: Path | None = None,
    ) -> None:
        """Show a model, with the plan of a project or an empty one."""
        from core.plan.live import Predictor

        model = OpenModel(path, facts, table, Predictor(table), file_size)
        self.project_path = project_path
        self._begin(model, project)

    def close_model(self) -> None:
        """Show no model."""
        self.project_path = None
        self._begin(None)

    def _begin(self, model: OpenModel | None, project: Project | None = None) -> None:
        self.modelComing.emit()
        self.unsay("")
        self.model = model
        self._plan = None if project is None else project.plan.model_copy(update={"target": None})
        self.structures.begin(None if model is None else model.predictor)
        self._rankings = Rankings()
        self._extra_unsaved = False
        self.undo_stack.clear()
        self.lineage.begin(project)
        self.devices.refresh()
        self.measured.begin(project, self._known_clock())
        self._reset_view(project)
        self._predict(announce=False)
        self._announce()
        self.structures.follow(self.plan)

    def _announce(self) -> None:
        for signal in (self.modelChanged, self.planChanged, self.predictionChanged):
            signal.emit()
        for signal in (self.selectionChanged, self.viewChanged, self.resultsChanged):
            signal.emit()
        self.measured.announce()
        self.titleChanged.emit()

    def move_model(self, path: str) -> None:
        """The open model's file is elsewhere now."""
        if self.model is not None:
            self.model = replace(self.model, path=path)
            self.titleChanged.emit()

    def same_model(self, sha256: str) -> bool:
        """Whether the open model is this file."""
        return self.model is not None and self.model.facts.sha256 == sha256

    def set_scores(self, ranking: Ranking, scores: Scores) -> None:
        """Take in a ranking from the engine."""
        if self.model is None:
            return
        own = ranking[-1] == self.structures.digest
        if own and len(scores) != self.model.left.atom_count:
            return
        self._rankings.add(ranking, scores)
        self.scoresChanged.emit()
        self._tick.start()

    # ---- the plan -----------------------------------------------------------------------------

    def edit(self, edit: Edit) -> None:
        """Change the plan, so that it can be undone; an edit that changes nothing is dropped.

        A plan lists what is removed; one with a target, from a file, sets a goal instead.
        """
        if self.model is None:
            return
        if edit.plan.target is not None:
            self.measured.set_goal(edit.plan.target)
            edit = replace(edit, plan=edit.plan.model_copy(update={"target": None}))
        edit = replace(edit, drag=self._drag)
        if edit.plan != self.plan:
            self.undo_stack.push(PlanCommand(self.plan, edit, self._set_plan))

    def begin_drag(self) -> None:
        """A control was taken: its edits are one until it is let go."""
        self._drags += 1
        self._drag = self._drags

    def end_drag(self) -> None:
        """The control was let go."""
        self._drag = 0

    def _set_plan(self, plan: Plan) -> None:
        elsewhere = plan.device != self.plan.device
        self._plan = plan
        if elsewhere:
            self.look_up_clock()
        self._clear_coupling()
        self.structures.follow(plan)
        self.planChanged.emit()
        self.titleChanged.emit()
        self.want_scores()
        self._tick.start()

    def want_scores(self) -> None:
        """Ask for the ranking that the plan wants, where it is missing and needs no images."""
        plan = self.plan
        if self.model is not None and not self.ranked and not by_images(plan.criterion):
            self.scoresNeeded.emit(plan.criterion, plan.seed)

    def _take_left(self, left: Left) -> None:
        """Predict for another structure from now on."""
        if self.model is not None:
            self.model = self.model.without(left.predictor)
            self._clear_coupling()
            self._predict(announce=False)  # what removes channels must fit what is left
            self._tick.start()

    def refuse_structure(self, key: str) -> None:
        """Undo the edits that led to a structure that cannot be; without any, it stays whole."""
        while self.structures.is_wanted(key) and self.undo_stack.canUndo():
            command = self.undo_stack.command(self.undo_stack.index() - 1)
            command.undo()
            command.setObsolete(True)  # the stack drops it, and does not undo it again
            self.undo_stack.undo()
        if self.structures.is_wanted(key):
            self._set_plan(channels_alone(self.plan))
            self.mark_unsaved()

    # ---- milliseconds -------------------------------------------------------------------------

    def look_up_clock(self) -> None:
        """Take in the latency table that the plan is timed by, as it is on disk now."""
        self.measured.set_clock(self._known_clock())

    def _known_clock(self) -> Clock | None:
        """Return what tells milliseconds on the device of the plan; None without a table."""
        model, text = self.model, self.plan.device
        device = self.devices.find(text)
        if model is None or (text and device is None):
            return None
        on = "" if device is None else device.address
        return known_clock(model.facts, model.table, on)

    def _devices_changed(self) -> None:
        """A device has another name or table, or is gone."""
        self.look_up_clock()
        self.measured.clockChanged.emit()

    def _timed(self) -> None:
        """What rounding left open follows the latency table."""
        if self.model is not None and self.plan.round_to == "auto":
            self._tick.start()

    def flush(self) -> None:
        """Predict now if a prediction is due; otherwise it happens with the next event."""
        if self._tick.isActive():
            self._tick.stop()
            self._predict()

    def _predict(self, announce: bool = True) -> None:
        if self.model is None:
            self.prediction = None
        else:
            scores = self.scores
            if scores is None:
                scores = np.arange(self.model.left.atom_count, dtype=float)
            clock = self.measured.clock
            latency = None if clock is None else clock.latency
            self.prediction = self.model.predictor.predict(self.plan, scores, latency)
        if announce:
            self.predictionChanged.emit()

    # ---- messages, results, saving ------------------------------------------------------------

    def say(self, text: str, hint: str = "", kind: str = "info", **more: Any) -> None:
        """Raise a message."""
        self.messageRaised.emit(Message(text, hint, kind, **more))

    def unsay(self, key: str) -> None:
        """Withdraw the message of this key, if it shows; an empty one represents all."""
        self.messageWithdrawn.emit(key)

    def take(self, nodes: Sequence[Node], unsaved: bool = True) -> None:
        """Take in pruned and tuned files, as steps of the history; ``unsaved``: to be saved."""
        self._extra_unsaved |= unsaved
        self.lineage.take(nodes)
        self.titleChanged.emit()

    def mark_saved(self, path: Path) -> None:
        """The project file holds everything now."""
        self.project_path = path
        self._extra_unsaved = False
        self.undo_stack.setClean()
        self.titleChanged.emit()

    def shutdown(self) -> None:
        """Emit nothing any more: the views are being taken apart."""
        self._tick.stop()
        self.measured.stop()
        self.undo_stack.blockSignals(True)
        self.blockSignals(True)

    def mark_unsaved(self) -> None:
        """There is work that no file holds, such as what was recovered after a crash."""
        if self.model is not None:
            self._extra_unsaved = True
            self.titleChanged.emit()


Overlay = OverlayOf[Session]
"""A row of the session's overlays."""
