"""Choosing: images, ranking, goal, rules, and the suggestion that results from them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QWidget

from app.choose.front_part import FrontPart, front_summary
from app.choose.goal_part import GoalPart
from app.choose.rules_part import RankingPart, RulesPart
from app.context import Context
from app.data.check import data_words
from app.data.source_part import DataPart
from app.engine.task_line import TaskLine
from app.kit.controls import Fold, row
from app.kit.widgets import column, label, line
from app.state import plan_edits

TASKS = ("suggest", "scores", "latency_table")


class ChoosePanel(QWidget):
    """Everything that a suggestion depends on, and the button for it.

    Signals
    -------
    dataRequested(), dataDiscarded(), dataChanged(dict)
    rankRequested()
    suggestRequested(frozenset of int)
        The blocks that may give channels; empty means all.
    alternativePicked(int)
    measureRequested(), timeRequested()
    """

    dataRequested = Signal()
    dataDiscarded = Signal()
    dataChanged = Signal(dict)
    rankRequested = Signal()
    suggestRequested = Signal(object)
    alternativePicked = Signal(int)
    measureRequested = Signal()
    timeRequested = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session, self._engine = context.session, context.engine
        self.data, self.ranking = DataPart(context), RankingPart(context)
        self.goal, self.rules, self.front = (
            GoalPart(context),
            RulesPart(context),
            FrontPart(context),
        )
        self.folds = {
            "images": Fold("Images", self.data),
            "goal": Fold("Goal", self.goal),
            "front": Fold("Alternatives", self.front),
            "ranking": Fold("Ranking", self.ranking),
            "rules": Fold("Rules", self.rules),
        }
        self._inner = QWidget()
        self._inner.setLayout(column(*self.folds.values(), None, margins=10, spacing=8))
        self._scroll = QScrollArea()
        self._scroll.setWidget(self._inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        foot = QWidget()
        foot.setLayout(column(self._foot(context), margins=8))
        layout = column(self._scroll, line(), foot, margins=0, spacing=0)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.setAccessibleName("Choose")
        self.setMinimumWidth(320)
        self._connect()
        self._show()

    def _foot(self, context: Context) -> QWidget:
        self.progress = TaskLine(context.engine, *TASKS, tall=True)
        self.suggest = QPushButton("Suggest")
        self.suggest.setProperty("primary", "true")
        self.suggest.clicked.connect(lambda: self.suggestRequested.emit(self.goal.blocks()))
        self._wish = label("", "muted")
        self._ask = row(self._wish, self.suggest, stretch=0)
        foot = QWidget()
        foot.setLayout(column(self._ask, self.progress, margins=0))
        return foot

    def _connect(self) -> None:
        session, measured = self._session, self._session.measured
        self.data.requested.connect(self.dataRequested)
        self.data.discarded.connect(self.dataDiscarded)
        self.data.changed.connect(self.dataChanged)
        self.ranking.rankRequested.connect(self.rankRequested)
        self.goal.timeRequested.connect(self.timeRequested)
        self.front.picked.connect(self.alternativePicked)
        self.front.measureRequested.connect(self.measureRequested)
        for signal in (session.modelChanged, session.planChanged):
            signal.connect(self._show)
        for signal in (measured.dataChanged, measured.goalChanged, measured.frontChanged):
            signal.connect(self._show_summaries)
        self._engine.changed.connect(self._show_running)

    def _show(self) -> None:
        self._inner.setEnabled(self._session.model is not None)
        self.suggest.setEnabled(self._session.model is not None)
        if self._session.model is None:
            return
        self.ranking.show_plan()
        self.rules.show_plan()
        self.goal.show_goal()
        self._show_summaries()

    def _show_summaries(self) -> None:
        measured = self._session.measured
        if self._session.model is None:
            return
        self.folds["images"].set_summary(data_words(measured.data))
        self.folds["goal"].set_summary(plan_edits.wish(measured.aim))
        self.folds["ranking"].set_summary(self.ranking.criterion.currentText())
        self.folds["rules"].set_summary(self.rules.words())
        self.folds["front"].set_summary(front_summary(measured))
        self.folds["front"].setVisible(bool(measured.front))
        aim = plan_edits.so_that(measured.aim)
        self._wish.setText(f"Find what to remove so that {aim}.")
        self.suggest.setToolTip(f"Fill the plan so that {aim}, in one undo step")
        self._show_running()

    def _show_running(self) -> None:
        running = self.progress.running
        self._ask.setVisible(not running)
        self.suggest.setEnabled(self._session.model is not None and not running)
