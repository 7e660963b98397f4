"""Data, rankings by images, and suggestions: asks for files, runs the jobs, edits the plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app import commands, criteria
from app.context import Context
from app.measured import Alternative, data_arguments
from app.readiness import is_free
from core.errors import UserError

if TYPE_CHECKING:
    from core.plan.schema import Plan
    from core.project import DataSetting

DESCRIPTIONS = "Dataset descriptions (*.yaml *.yml);;All files (*)"
BEST_BY_IMAGES = "fisher"
"""What measured best where images are at hand; docs/accuracy.md has the table."""
FIRST = "l2"
"""What a new plan ranks by; only this is replaced when data comes in."""


class Choosing(QObject):
    """The window's side of the jobs ``scores`` and ``suggest``.

    Signals
    -------
    failed(Failure)
    dataChosen(str)
        A person chose this dataset.
    suggested()
        A suggestion is in the plan.
    """

    failed = Signal(object)
    dataChosen = Signal(str)
    suggested = Signal()

    def __init__(self, context: Context, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._jobs, self._settings = context.session, context.jobs, context.settings
        self._measured = context.session.measured
        self._window = window
        context.session.modelChanged.connect(self._look_for_data)

    # ---- data ---------------------------------------------------------------------------------

    def choose_data(self) -> None:
        """Ask for a dataset yaml."""
        data = self._measured.data
        start = data.path if data is not None else self._settings.folder()
        path, _ = QFileDialog.getOpenFileName(self._window, "Which dataset?", start, DESCRIPTIONS)
        if path:
            self._settings.set_folder(str(Path(path).parent))
            self.dataChosen.emit(path)

    def set_data(self, path: str) -> None:
        """Look at the images of a dataset, unless it cannot be used for this model."""
        from core.data.source import read_source
        from core.project import DataSetting

        session = self._session
        if session.model is None:
            session.say("Open a model first; then a dataset can be set for it.", kind="warning")
            return
        try:
            for split in ("train", "val"):
                read_source(path, split, session.model.facts.classes)
        except UserError as error:
            session.say(error.message, error.hint, "error", key="data")
            return
        old = self._measured.data
        name = str(Path(path).absolute())
        data = old.model_copy(update={"path": name}) if old else DataSetting(path=name)
        self._measured.set_data(data)
        if session.plan.criterion == FIRST and not session.plan.selection:
            session.edit(commands.set_criterion(session.plan, BEST_BY_IMAGES))
        session.say(
            f"Secateur looks at {Path(path).name} now.",
            "Rank by images and Suggest read its train split, accuracy is measured on its val "
            "split.",
            key="data",
        )

    def _look_for_data(self) -> None:
        """Say so at once where a project's dataset is not in its place any more."""
        data = self._measured.data
        if data is not None and not Path(data.path).exists():
            self._session.say(
                f"The dataset of the project is not at {data.path}.",
                "Show where it lies now; the plan is kept.",
                "warning",
                actions=(("Choose a dataset …", self.choose_data),),
                key="data",
            )

    def change_data(self, **values: Any) -> None:
        """Change how many images are looked at, their size, the seed or the device."""
        data = self._measured.data
        if data is not None:
            self._measured.set_data(data.model_copy(update=values))

    def drop_data(self) -> None:
        """Look at no images."""
        self._measured.set_data(None)

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

        self._jobs.submit(
            "scores",
            f"Rank channels by {criteria.title(plan.criterion)}",
            {
                "path": session.model.path,
                "sha256": sha256,
                "criterion": plan.criterion,
                "seed": plan.seed,
                "representative": plan.representative,
                "data": data_arguments(data),
            },
            done=done,
            failed=self.failed.emit,
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
        wanted = asked_plan(session.plan, goal, only)
        ranking, sha256 = session.ranking, session.model.facts.sha256

        def done(result: dict[str, Any]) -> None:
            if session.same_model(sha256):
                if result.get("scores"):
                    _take_scores(session, ranking, result)
                self._take(result, wanted)

        self._jobs.submit(
            "suggest",
            f"Suggest {commands.wish(goal)}",
            {
                "path": session.model.path,
                "sha256": sha256,
                "plan": wanted.to_json(),
                "data": data_arguments(data),
            },
            done=done,
            failed=self.failed.emit,
            cancelled=lambda: session.say("The suggestion was cancelled; the plan is as it was."),
        )

    def _take(self, result: dict[str, Any], wanted: Plan) -> None:
        """Put a suggestion into the plan and its alternatives beside it."""
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
        front.sort(key=lambda a: (a.macs, a.score))
        session.edit(commands.suggest(plan, wanted.target, wanted.criterion))
        self._measured.set_front(front)
        self._say_skipped(result)
        self.suggested.emit()

    def _kept(self, plan: Plan, wanted: Plan) -> Plan:
        """Keep what the person set and a replay does not need: it stands for the next wish."""
        return plan.model_copy(
            update={
                "target": None,
                "criterion": wanted.criterion,
                "allocation": wanted.allocation,
                "model_sha256": self._session.plan.model_sha256,
            }
        )

    def take_alternative(self, number: int) -> None:
        """Use another network along the front; one edit."""
        choice = self._measured.front[number]
        text = f"Take the alternative at {choice.macs:.0%} of the multiply-adds"
        self._session.edit(commands.replace_plan(choice.plan, text))

    # ---- what stands in the way ---------------------------------------------------------------

    def _has_data(self) -> bool:
        session = self._session
        needs = criteria.by_images(session.plan.criterion)
        if needs and self._measured.data is None:
            session.say(
                f"{criteria.title(session.plan.criterion)} looks at images, and no dataset is set.",
                "Choose one under Choose, or rank by a criterion that reads weights only.",
                "warning",
                actions=(("Choose a dataset …", self.choose_data),),
                key="data",
            )
            return False
        return True

    def _busy(self) -> bool:
        return not is_free(self._session, self._jobs, "suggest", "scores")

    def _say_skipped(self, result: dict[str, Any]) -> None:
        skipped = int(result.get("skipped") or 0)
        if skipped:
            self._session.say(
                f"{skipped} {'image' if skipped == 1 else 'images'} could not be read and did "
                "not count.",
                kind="warning",
                key="skipped",
            )


def asked_plan(plan: Plan, goal: Any, only: frozenset[int] = frozenset()) -> Plan:
    """Return what the engine is asked: the goal, the rules of the plan, and where to look."""
    from core.plan.schema import Entry

    selection = tuple(Entry(block=b, ratio=0.5) for b in sorted(only))
    ratios = tuple(e for e in plan.selection if e.ratio)
    if plan.allocation == "ratios" and ratios and not only:
        selection = ratios  # the person's own ratios, raised or lowered together
    strategy = "all_at_once" if plan.strategy == "one_by_one" else plan.strategy
    return plan.model_copy(update={"target": goal, "selection": selection, "strategy": strategy})


def data_words(data: DataSetting | None) -> str:
    """Say in a few words what is looked at."""
    return "none" if data is None else f"{data.images} of {Path(data.path).name}"


def _take_scores(session: Any, ranking: Any, result: dict[str, Any]) -> None:
    import numpy as np

    session.set_scores(ranking, np.load(result["scores"], allow_pickle=False))
