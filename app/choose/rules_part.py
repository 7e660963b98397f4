"""What ranks the channels, and by which rules they go: parts of the panel “Choose”."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QPushButton, QSpinBox, QWidget

from app.context import Context
from app.kit.controls import add_items, choose, combo, row
from app.kit.widgets import column, label
from app.state import plan_edits
from core.plan import criteria, words
from core.plan.schema import MOST_RANKINGS
from core.plan.words import STRATEGIES

if TYPE_CHECKING:
    from app.state.session import Session
    from core.plan.schema import Plan

ROUNDS = (1, 2, 4, 8, 16, 32)
AUTO = (
    plan_edits.rounding("auto"),
    "Use the channel step that the latency table measured",
)
NOT_RANKED = "Not ranked by {wanted} yet: {shown} is shown. Press Rank by images or Suggest."
NEEDS_DATA = "{wanted} needs images: choose a dataset above."


class RankingPart(QWidget):
    """Chooses the criterion.

    Signals
    -------
    rankRequested()
        Scores that need images should be computed now.
    """

    rankRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._engine = context.session, context.engine
        self.criterion: QComboBox = combo({}, "Criterion that ranks the channels")
        for by_images, title in ((False, "Uses weights only"), (True, "Uses images")):
            items = {
                name: (about.title, about.tip)
                for name, about in criteria.CRITERIA.items()
                if about.by_images == by_images
            }
            add_items(self.criterion, items, title)
        self.representative: QComboBox = combo(
            words.REPRESENTATIVES, "Which of several similar channels to keep"
        )
        self.rankings = QSpinBox()
        self.rankings.setRange(1, MOST_RANKINGS)
        self.rankings.setKeyboardTracking(False)
        self.rankings.setAccessibleName("Rankings to try")
        self.rankings.setToolTip(
            "Suggest ranks as many times, on all, half, a quarter and an eighth of the images in "
            "turn, repairs each network quickly, and keeps the one that is closest to the "
            "original. Four take about three times as long as one"
        )
        self.note = label("", "muted")
        self.rank = QPushButton("Rank by images")
        self.rank.setToolTip("Compute this ranking now and show it in the histogram")
        self.rank.clicked.connect(self.rankRequested)
        form = _form()
        _add(form, "Rank by", self.criterion, "The criterion for unimportant channels")
        _add(form, "Of similar", self.representative, "Which of several similar channels to keep")
        _add(form, "Rankings", self.rankings, self.rankings.toolTip())
        self._form = form
        top = QWidget()
        top.setLayout(form)
        self._ask = row(self.rank, None)
        self.setLayout(column(top, self.note, self._ask, margins=0))
        self._connect()

    def _connect(self) -> None:
        session = self._session
        _edits(session, self.criterion, plan_edits.set_criterion)
        _edits(session, self.representative, plan_edits.set_representative)
        self.rankings.valueChanged.connect(self._rankings_asked)
        session.scoresChanged.connect(self._show_ranked)
        session.measured.dataChanged.connect(self._show_ranked)
        self._engine.changed.connect(self._show_ranked)

    def _rankings_asked(self, count: int) -> None:
        session = self._session
        if count != session.plan.rankings:
            session.edit(plan_edits.set_rankings(session.plan, count))

    def show_plan(self) -> None:
        """Show what the plan ranks by."""
        plan = self._session.plan
        choose(self.criterion, plan.criterion)
        choose(self.representative, plan.representative)
        self.rankings.setValue(plan.rankings)
        self._form.setRowVisible(self.representative, criteria.keeps_one(plan.criterion))
        self._form.setRowVisible(self.rankings, criteria.by_images(plan.criterion))
        self._show_ranked()

    def _show_ranked(self) -> None:
        """Describe whether the ranking is there, and offer to compute it."""
        session = self._session
        if session.model is None:
            return
        criterion = session.plan.criterion
        needed = criteria.by_images(criterion) and not session.ranked
        names = {
            "wanted": criteria.title(criterion),
            "shown": criteria.title(session.ranked_by) or "no ranking",
        }
        text = NOT_RANKED if session.measured.data is not None else NEEDS_DATA
        self.note.setText(text.format(**names))
        self.note.setVisible(needed)
        self._ask.setVisible(needed and session.measured.data is not None)
        self.rank.setEnabled(not self._engine.running("scores", "suggest"))


class RulesPart(QWidget):
    """Chooses strategy, rounding and floor."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        names = plan_edits.STRATEGY_NAMES
        self.strategy: QComboBox = combo(
            {k: (names[k], v) for k, v in STRATEGIES.items()}, "Strategy"
        )
        self.max_loss = QDoubleSpinBox()
        self.max_loss.setRange(0.1, 100.0)
        self.max_loss.setDecimals(1)
        self.max_loss.setSuffix("%")
        self.max_loss.setKeyboardTracking(False)
        self.max_loss.setAccessibleName("Maximum loss of accuracy")
        self.max_loss.setToolTip(
            "A step that loses more than this share of the unpruned mAP50-95 in total is "
            "replaced by a smaller one, or skipped"
        )
        self.round_to: QComboBox = combo(
            {n: (plan_edits.rounding(n), "") for n in ROUNDS} | {"auto": AUTO}, "Rounding"
        )
        self.minimum = QSpinBox()
        self.minimum.setRange(1, 512)
        self.minimum.setAccessibleName("Minimum channels per layer")
        self.minimum.setToolTip("Every layer keeps at least this many channels")
        keep = row(self.round_to, label("at least", wrap=False), self.minimum, stretch=0)
        self._form = _form()
        _add(self._form, "Strategy", self.strategy, "How the plan is applied")
        _add(self._form, "Lose at most", self.max_loss, self.max_loss.toolTip())
        _add(self._form, "Keep", keep, "Multiples of 8 are fastest on most hardware")
        self.setLayout(self._form)
        self._connect()

    def _connect(self) -> None:
        session = self._session
        _edits(session, self.strategy, plan_edits.set_strategy)
        _edits(session, self.round_to, plan_edits.set_round_to)
        self.minimum.valueChanged.connect(
            lambda value: session.edit(plan_edits.set_minimum(session.plan, value))
        )
        self.max_loss.valueChanged.connect(self._loss_asked)

    def _loss_asked(self, percent: float) -> None:
        plan = self._session.plan
        if plan.max_loss is not None or percent != self._shown_loss():
            self._session.edit(plan_edits.set_max_loss(plan, percent / 100))

    def _shown_loss(self) -> float:
        loss = self._session.plan.max_loss
        return round(100 * (plan_edits.USUAL_LOSS if loss is None else loss), 1)

    def show_plan(self) -> None:
        """Show the plan's rules."""
        plan = self._session.plan
        choose(self.strategy, plan.strategy)
        choose(self.round_to, plan.round_to)
        self.minimum.setValue(plan.minimum_channels)
        self.max_loss.setValue(self._shown_loss())
        self._form.setRowVisible(self.max_loss, plan.strategy == "one_by_one")

    def words(self) -> str:
        """Describe the rules in a few words."""
        plan = self._session.plan
        return f"{plan_edits.STRATEGY_NAMES[plan.strategy]}, {self.round_to.currentText()}"


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def _add(form: QFormLayout, name: str, widget: QWidget, tip: str) -> None:
    shown = label(name, wrap=False)
    shown.setToolTip(tip)
    shown.setBuddy(widget)
    form.addRow(shown, widget)


def _edits(session: Session, box: QComboBox, edit: Callable[[Plan, str], plan_edits.Edit]) -> None:
    """Let what is chosen in a box be an edit of the plan."""
    box.activated.connect(lambda _: session.edit(edit(session.plan, box.currentData())))
