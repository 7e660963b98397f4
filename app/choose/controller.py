"""Rankings by images, and suggestions: runs the tasks, edits the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.context import Context
from app.engine.preconditions import has_data, is_free
from app.kit import formats
from app.state import plan_edits
from app.state.measurements import Alternative, data_arguments
from app.state.structure.left import structure_only
from core.plan import criteria
from core.system.cache import read_array

if TYPE_CHECKING:
    from app.choose.front_controller import FrontController
    from app.state.rankings import Ranking
    from app.state.session import Session
    from core.plan.schema import Plan, Target


class ChooseController(QObject):
    """The window's side of the jobs ``scores`` and ``suggest``.

    Signals
    -------
    suggested()
        A suggestion is in the plan.
    """

    suggested = Signal()

    def __init__(self, context: Context, window: QWidget, front: FrontController) -> None:
        super().__init__(window)
        self._front = front
        self._session, self._engine = context.session, context.engine
        self._measured = context.session.measured

    # ---- ranking ------------------------------------------------------------------------------

    def rank(self) -> None:
        """Rank the channels by images, for the plan's criterion."""
        session, plan, data = self._session, self._session.plan, self._measured.data
        if session.model is None or self._busy() or not self._has_data():
            return
        ranking, sha256 = session.ranking, session.model.facts.sha256

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                _take_scores(self._session, ranking, result)
                self._say_skipped(result)

        self._engine.submit(
            "scores",
            f"Rank channels by {criteria.title(plan.criterion)}",
            {
                "path": session.model.path,
                "sha256": sha256,
                "criterion": plan.criterion,
                "seed": plan.seed,
                "representative": plan.representative,
                "plan": structure_only(plan),
                "data": data_arguments(data),
            },
            done=done,
        )

    # ---- suggestions --------------------------------------------------------------------------

    def suggest(self, only: frozenset[int] = frozenset()) -> None:
        """Find what to remove for the goal; the answer becomes one edit of the plan.

        Parameters
        ----------
        only : frozenset of int
            Blocks that may give channels; every block when empty.
        """
        session, goal, data = self._session, self._measured.aim, self._measured.data
        if session.model is None or self._busy() or not self._has_data():
            return
        wanted = plan_edits.asked_plan(session.plan, goal, only)
        ranking, sha256 = session.ranking, session.model.facts.sha256

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                if result.get("scores"):
                    _take_scores(session, ranking, result)
                self._take(result, wanted, goal)

        self._engine.submit(
            "suggest",
            f"Suggest {plan_edits.wish(goal)}",
            {
                "path": session.model.path,
                "sha256": sha256,
                "plan": wanted.to_json(),
                "data": data_arguments(data),
                "val": data_arguments(data, "val"),
                "repair": list(self._front.repair),
            },
            done=done,
            cancelled=lambda: session.say("The suggestion was cancelled; the plan is unchanged."),
        )

    def _take(self, result: dict[str, Any], wanted: Plan, goal: Target) -> None:
        """Put a suggestion into the plan and its alternatives next to it."""
        from core.plan.schema import parse_plan

        session = self._session
        plan = self._kept(parse_plan(result["plan"]), wanted)
        front = [
            Alternative(
                float(item["macs"]),
                float(item["params"]),
                float(item["score"]),
                self._kept(parse_plan(item["plan"]), wanted),
            )
            for item in result.get("front") or ()
        ]
        session.edit(plan_edits.suggest(plan, goal, wanted.criterion))
        self._measured.set_front(sorted(front, key=lambda a: (a.macs, a.score)))
        self._front.take_known([one.plan for one in front], result.get("measured"))
        self._say_skipped(result)
        self._say_times(result)
        self._say_rankings(result)
        self._say_hint(result)
        self.suggested.emit()

    def _kept(self, plan: Plan, wanted: Plan) -> Plan:
        """Keep what the user set and a replay does not need, for the next suggestion."""
        return plan.model_copy(
            update={
                "target": None,
                "criterion": wanted.criterion,
                "round_to": wanted.round_to,
                "allocation": wanted.allocation,
                "depth": wanted.depth,
                "device": wanted.device,
                "rankings": wanted.rankings,
                "model_sha256": self._session.plan.model_sha256,
            }
        )

    def take_alternative(self, number: int) -> None:
        """Use another network along the front; one edit."""
        choice = self._measured.front[number]
        text = f"Use the alternative with {choice.macs:.0%} of the GFLOPs"
        self._session.edit(plan_edits.replace_plan(choice.plan, text))

    # ---- preconditions ---------------------------------------------------------------

    def _has_data(self) -> bool:
        session = self._session
        if session.plan.depth and not has_data(
            session,
            "Choosing units",
            "Choose a dataset, or clear “Also remove units and scales”.",
            labels=False,
        ):
            return False
        needs = criteria.by_images(session.plan.criterion)
        return not needs or has_data(
            session,
            criteria.title(session.plan.criterion),
            "Choose a dataset, or rank by a criterion that uses weights only.",
            labels=False,
        )

    def _busy(self) -> bool:
        return not is_free(self._session, self._engine, "suggest", "scores")

    def _say_times(self, result: dict[str, Any]) -> None:
        """Say what the suggestion took when it was measured, next to what is predicted."""
        times = result.get("times")
        if times:
            change = formats.change_ms(float(times["before_ms"]), float(times["after_ms"]))
            words = f"Measured time per image {self._session.where}: {change}."
            self._session.say(words, kind="success", key="times")

    def _say_rankings(self, result: dict[str, Any]) -> None:
        """Say which of several rankings is kept, and by what."""
        tried = result.get("rankings") or []
        kept = next((one for one in tried if one["kept"]), None)
        if kept is None:
            self._session.unsay("rankings")
            return
        others = sorted(one["gap"] for one in tried if one is not kept)
        span = "" if not others else f", the others {others[0]:.2g} to {others[-1]:.2g}"
        self._session.say(
            f"Kept the best of {formats.counted(len(tried), 'ranking')}: that on "
            f"{formats.counted(kept['images'], 'image')}.",
            f"After a quick repair its gap to the original is {kept['gap']:.2g}{span}.",
            kind="success",
            key="rankings",
        )

    def _say_hint(self, result: dict[str, Any]) -> None:
        """Say what may keep more accuracy; take it back once it was followed."""
        hint = str(result.get("hint") or "")
        if hint:
            how = "Each is removed, repaired and judged on the images, which takes minutes."
            actions = (("Try it", self._suggest_deeper),)
            self._session.say(hint, how, key="deeper", actions=actions)
        else:
            self._session.unsay("deeper")

    def _suggest_deeper(self) -> None:
        """Suggest again, with units and scales."""
        self._session.edit(plan_edits.set_depth(self._session.plan, True))
        self.suggest()

    def _say_skipped(self, result: dict[str, Any]) -> None:
        skipped = int(result.get("skipped") or 0)
        if skipped:
            self._session.say(
                f"{skipped} {'image' if skipped == 1 else 'images'} could not be read "
                "and were skipped.",
                kind="warning",
                key="skipped",
            )


def _take_scores(session: Session, ranking: Ranking, result: dict[str, Any]) -> None:
    session.set_scores(ranking, read_array(result["scores"]))
