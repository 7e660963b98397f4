"""Whether a network is tuned as it is or pruned in turns, and how: a part of “Fine-tune”."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QSpinBox, QWidget

from app.context import Context
from app.kit.controls import TIP, choose, combo, row, set_able
from core.plan.criteria import title
from core.runs.kinds import KINDS

TUNE, TURNS = "finetune", "iterative"
COUNTS = {
    "macs": ("GFLOPs", "Floating-point operations for one image, twice the multiply-adds"),
    "params": ("parameters", "The number of weights"),
}
USUAL_LOSS = 10
NO_STRUCTURE = (
    "Turns prune channels only, and the plan also removes structure: prune by it first, then open "
    "the pruned file"
)


class TurnsPart:
    """The controls; the form puts them in its grid.

    Parameters
    ----------
    context : Context
    changed : callable
        Called when another kind of job is chosen.
    """

    def __init__(self, context: Context, changed: Callable[[], None]) -> None:
        self._session, self._measured = context.session, context.session.measured
        self.kind = combo(
            {name: (KINDS[name].title, KINDS[name].tip) for name in (TUNE, TURNS)}, "Kind of jobs"
        )
        self.kind.activated.connect(lambda _: changed())
        self._changed = changed
        self.share = QDoubleSpinBox()
        self.share.setRange(1, 100)
        self.share.setDecimals(0)
        self.share.setSuffix("%")
        self.share.setAccessibleName("How much to keep in the end")
        self.counts = combo(COUNTS, "Quantity of the target")
        self.counts.setMinimumContentsLength(8)
        self.repair = QCheckBox("&repair")
        self.repair.setChecked(True)
        self.repair.setToolTip(
            "After every pruning, fit the remaining weights to the outputs before it (bn, refit), "
            "then fine-tune"
        )
        self.target = row(self.share, self.counts, self.repair)
        self.steps = QSpinBox()
        self.steps.setRange(1, 50)
        self.steps.setValue(3)
        self.steps.setSuffix(" steps")
        self.steps.setAccessibleName("Number of pruning and fine-tuning steps")
        self.steps.setToolTip("Every step removes the same share of what remains")
        self.limited = QCheckBox("lose at most")
        self.limited.setChecked(True)
        self.limited.setToolTip(
            "The result is the last step whose loss is within this share of the unpruned accuracy"
        )
        self.loss = QDoubleSpinBox()
        self.loss.setRange(0.1, 99)
        self.loss.setDecimals(1)
        self.loss.setValue(USUAL_LOSS)
        self.loss.setSuffix("%")
        self.loss.setAccessibleName("Maximum loss of accuracy")
        self.limited.toggled.connect(self.loss.setEnabled)
        self.way = row(self.steps, self.limited, self.loss)
        self._measured.goalChanged.connect(self._follow)
        self._session.modelChanged.connect(self._follow)
        self._session.planChanged.connect(self._follow_plan)
        self._follow()

    def _follow_plan(self) -> None:
        """Offer turns only for a plan that they can carry out."""
        whole = not self._session.plan.restructures
        set_able(self.kind, TURNS, whole)
        place = self.kind.findData(TURNS)
        self.kind.setItemData(place, KINDS[TURNS].tip if whole else NO_STRUCTURE, TIP)
        if self.chosen and not whole:
            choose(self.kind, TUNE)
            self._changed()

    @property
    def chosen(self) -> bool:
        """Whether to prune iteratively."""
        return bool(self.kind.currentData() == TURNS)

    @property
    def widgets(self) -> tuple[QWidget, QWidget]:
        """Target and steps."""
        return self.target, self.way

    def _follow(self) -> None:
        """Offer the goal that suggestions have, where it is a share."""
        if self._session.model is None:
            return
        aim = self._measured.aim
        for kind in COUNTS:
            share = getattr(aim, kind)
            if share is not None:
                self.counts.setCurrentIndex(self.counts.findData(kind))
                self.share.setValue(100 * share)

    def tip(self) -> str:
        """Describe by what channels are ranked, which other panels decide."""
        plan = self._session.plan
        return f"Ranked by {title(plan.criterion)}, with the rules and locks of the plan"

    def settings(self, tune: dict[str, Any]) -> dict[str, Any]:
        """Return what the job is asked, as `core.runs.kinds.iterative.Iteration` has it.

        Parameters
        ----------
        tune : dict
            Settings of every tuning.
        """
        from app.state.plan_edits import asked_plan
        from core.plan.schema import Target
        from core.runs.kinds.iterative import REPAIR

        goal = Target.model_validate(
            {self.counts.currentData(): round(self.share.value() / 100, 4)}
        )
        plan = asked_plan(self._session.plan, goal).to_json()
        data = self._measured.data
        return {
            "kind": TURNS,
            "model": tune["model"],
            "plan": {**plan, "model_sha256": None},
            "steps": self.steps.value(),
            "max_loss": round(self.loss.value() / 100, 4) if self.limited.isChecked() else None,
            "images": data.images if data is not None else 96,
            "repair": list(REPAIR) if self.repair.isChecked() else [],
            "tune": {key: value for key, value in tune.items() if key != "model"},
        }
