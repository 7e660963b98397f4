"""Measures the alternatives of a suggestion, and keeps them with what was measured."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.engine.preconditions import has_data, is_free
from app.kit import formats
from app.kit.dialogs import show_dialog
from app.state.measurements import Alternative, data_arguments
from core.errors import UserError
from core.system.budget import CACHED, read_json
from core.system.paths import front_file

if TYPE_CHECKING:
    from app.choose.measure_dialog import MeasureDialog, Steps
    from app.engine.protocol import Failure
    from core.plan.schema import Plan

Points = dict[str | None, Mapping[str, Any]]
ESTIMATE, MEASURE = "estimate_front", "measure_front"
REPAIR = ("bn", "refit")
VERSION = 1


class FrontController(QObject):
    """The window's side of the tasks ``estimate_front`` and ``measure_front``.

    Attributes
    ----------
    repair : tuple of str
        The steps that were chosen last.
    """

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._session, self._engine = context.session, context.engine
        self._measured = context.session.measured
        self.repair: Steps = REPAIR
        self._dialog: MeasureDialog | None = None
        self._session.modelChanged.connect(self.recall)
        self._measured.dataChanged.connect(self.recall)
        self._measured.frontChanged.connect(self._keep)

    # ---- asking -------------------------------------------------------------------------------

    def ask(self) -> None:
        """Show how long it takes, and measure when that is confirmed."""
        session, data = self._session, self._measured.data
        if session.model is None or not self._measured.front:
            return
        if not has_data(session, "Measuring alternatives") or data is None:
            return
        if not is_free(session, self._engine, MEASURE):
            return
        from app.choose.measure_dialog import MeasureDialog

        dialog = self._dialog = MeasureDialog(data.images, self.repair, self._window)
        dialog.estimateWanted.connect(self._estimate)
        dialog.chosen.connect(self.measure)
        dialog.finished.connect(self._closed)
        show_dialog(dialog)
        dialog.ask()

    def _estimate(self, repair: Steps) -> None:
        self._drop_estimates()
        dialog = self._dialog

        def done(found: dict[str, Any]) -> None:
            if dialog is not None and dialog is self._dialog and dialog.steps == repair:
                dialog.show_estimate(found)

        def failed(failure: Failure) -> None:
            if dialog is not None and dialog is self._dialog:
                dialog.estimate.setText(f"{failure.message} {failure.hint}".strip())

        plans = [one.plan.to_json() for one in self._wanted()]
        arguments = self._arguments(plans, repair)
        self._engine.submit(
            ESTIMATE, "Estimate the time to measure", arguments, done=done, failed=failed
        )

    def _closed(self) -> None:
        self._dialog = None
        self._drop_estimates()

    def _drop_estimates(self) -> None:
        for record in self._engine.running(ESTIMATE):
            self._engine.cancel(record.number)

    def _arguments(self, plans: list[Any], repair: Steps) -> dict[str, Any]:
        model = self._session.model
        assert model is not None  # checked before anything is asked
        return {
            "path": model.path,
            "sha256": model.facts.sha256,
            "plans": plans,
            "data": data_arguments(self._measured.data, "val"),
            "repair": list(repair),
        }

    # ---- measuring ----------------------------------------------------------------------------

    def _wanted(self) -> tuple[Alternative, ...]:
        """Return the alternatives, and the plan where it is none of them."""
        session, front = self._session, self._measured.front
        prediction, plan = session.prediction, session.plan
        if prediction is None or self._measured.alternative_of(plan) is not None:
            return front
        before, after = prediction.before, prediction.after
        if after.parameters == before.parameters:
            return front
        suggested = tuple(one for one in front if not math.isnan(one.score))
        shares = after.macs / before.macs, after.parameters / before.parameters
        own = Alternative(*shares, math.nan, plan.model_copy(update={"target": None}))
        return tuple(sorted((*suggested, own), key=lambda one: one.macs))

    def measure(self, repair: Steps) -> None:
        """Measure all that is not measured yet, the network of the plan first."""
        session, measured = self._session, self._measured
        if session.model is None or not is_free(session, self._engine, MEASURE):
            return
        if repair != self.repair:  # what was measured another way does not compare
            measured.set_front(replace(one, measured=None) for one in measured.front)
        self.repair = repair
        front = self._wanted()
        if front is not measured.front:
            measured.set_front(front, measured.unpruned)
        chosen = measured.alternative_of(session.plan)
        plans = [one.plan for one in sorted(front, key=lambda one: one is not _at(front, chosen))]
        sha256, data = session.model.facts.sha256, measured.data

        def found(point: Mapping[str, Any]) -> None:
            if session.same_model(sha256) and data == measured.data and repair == self.repair:
                place = point["plan"]
                self._take({None if place is None else _key(plans[place]): point})

        def done(result: Mapping[str, Any]) -> None:
            if session.same_model(sha256) and data == measured.data and repair == self.repair:
                self.take_known(plans, result)
            self._say_done(result)

        self._engine.submit(
            MEASURE,
            "Measure alternatives",
            self._arguments([plan.to_json() for plan in plans], repair),
            partial=found,
            done=done,
            cancelled=self._say_cancelled,
        )

    def _take(self, points: Points) -> None:
        """Take in points, by their plans; None is the unpruned network."""
        from core.choose.measured import MeasuredPoint

        read = {k: MeasuredPoint.from_json(p) for k, p in points.items() if "accuracy" in p}
        front = [
            replace(one, measured=read.get(_key(one.plan), one.measured))
            for one in self._measured.front
        ]
        self._measured.set_front(front, read.get(None, self._measured.unpruned))

    def take_known(self, plans: Sequence[Plan], known: Mapping[str, Any] | None) -> None:
        """Take in points, also those that a suggestion came with, measured before.

        Parameters
        ----------
        plans : sequence of Plan
        known : mapping or None
            As `core.compare.bench.MeasuredFront.to_json` returns it.
        """
        if known is None or known["unpruned"] is None:
            return
        pairs = zip(plans, known["points"], strict=True)
        points: Points = {_key(plan): point for plan, point in pairs if point is not None}
        self._take({None: known["unpruned"], **points})

    def _say_done(self, result: Mapping[str, Any]) -> None:
        count = sum(point is not None for point in result["points"])
        refused = result["refused"]
        self._session.say(
            f"{formats.counted(count, 'network')} measured.",
            f"{len(refused)} could not be measured: {refused[0]['message']}" if refused else "",
            "warning" if refused else "success",
            key="front",
        )

    def _say_cancelled(self) -> None:
        count = sum(one.measured is not None for one in self._measured.front)
        text = f"The measurement was stopped. {formats.counted(count, 'network')} measured so far."
        self._session.say(text, "Measure the rest… continues there.", key="front")

    # ---- keeping ------------------------------------------------------------------------------

    @property
    def _file(self) -> Path | None:
        model = self._session.model
        return None if model is None else front_file(model.facts.sha256)

    def _keep(self) -> None:
        """Keep alternatives of which some were measured, for when the model is opened again."""
        from core.system.files import write_json

        measured, data, file = self._measured, self._measured.data, self._file
        if file is None or data is None or measured.unpruned is None:
            return
        if not any(one.measured for one in measured.front):
            return
        content = {
            "version": VERSION,
            "data": data.model_dump(),
            "repair": list(self.repair),
            "unpruned": measured.unpruned.to_json(),
            "front": [_plain(one) for one in measured.front],
        }
        with contextlib.suppress(OSError, UserError):  # a full disk takes nothing from the window
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, content, compact=True)

    def recall(self) -> None:
        """Show the alternatives that were measured of the open model; points of the same images."""
        file, measured = self._file, self._measured
        if file is None or not file.is_file():
            return
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, UserError):
            content = read_json(file, CACHED)
            if content["version"] != VERSION:
                return
            front = [_read(one) for one in content["front"]]
            if not measured.front:
                measured.set_front(replace(one, measured=None) for one in front)
            if measured.data is None or content["data"] != measured.data.model_dump():
                return
            self.repair = tuple(content["repair"])
            points: Points = {_key(o.plan): o.measured.to_json() for o in front if o.measured}
            self._take({None: content["unpruned"], **points})


def _at(front: Sequence[Alternative], number: int | None) -> Alternative | None:
    return None if number is None else front[number]


def _key(plan: Plan) -> str:
    """Name a network by its plan."""
    from core.choose.measured import plan_facts

    return json.dumps(plan_facts(plan), sort_keys=True)


def _plain(one: Alternative) -> dict[str, Any]:
    return {
        "macs": one.macs,
        "params": one.params,
        "score": None if math.isnan(one.score) else one.score,
        "plan": one.plan.to_json(),
        "measured": None if one.measured is None else one.measured.to_json(),
    }


def _read(data: Mapping[str, Any]) -> Alternative:
    from core.choose.measured import MeasuredPoint
    from core.plan.schema import parse_plan

    point, score = data["measured"], data["score"]
    return Alternative(
        float(data["macs"]),
        float(data["params"]),
        math.nan if score is None else float(score),
        parse_plan(data["plan"]),
        None if point is None else MeasuredPoint.from_json(point),
    )
