"""What images tell about the open model: the dataset, the goal, and everything measured.

A part of the session. Views subscribe; whatever runs the measurements writes through the methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from core.choose.measured import MeasuredPoint
    from core.compare.result import Comparison
    from core.data.findings import DatasetCheck
    from core.plan.latency.clock import Clock
    from core.plan.schema import Plan, Target
    from core.project import DataSetting, Project

TICK_MS = 60
"""Partial results are shown this often at most; they may come faster than a screen is drawn."""
USUAL_GOAL = 0.7
"""Share of the multiply-adds that stays where no goal was given."""
HEAT_FULL = 0.5
"""Share of the accuracy lost that the heat map draws in its strongest colour."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One network along the Pareto front of a suggestion.

    Attributes
    ----------
    macs, params : float
        Fractions that stay.
    score : float
        Predicted cost, in a unit of its own; NaN for a plan made by hand.
    plan : Plan
    measured : MeasuredPoint or None
    """

    macs: float
    params: float
    score: float
    plan: Plan
    measured: MeasuredPoint | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """Accuracy with one block pruned by one ratio; ``share`` of the unpruned one's that is left."""

    block: int
    ratio: float
    accuracy: float
    share: float

    @property
    def loss(self) -> float:
        """Share of the accuracy that is lost, 0 to 1; what pruning improved counts as nothing."""
        return min(1.0, max(0.0, 1.0 - self.share))


@dataclass(frozen=True, slots=True)
class Step:
    """One step that the strategy one by one tried.

    Attributes
    ----------
    number, block : int
    ratio : float
    accuracy, share : float or None
        mAP50-95, and its share of the unpruned one's; None for a step that was skipped.
    accepted : bool
    fallback_of : int or None
        The step in whose place it was tried.
    checkpoint : str
        The network as it was then; empty when none was kept.
    note : str
    scope : str
        Which of the block's channels were meant, as in a plan.
    """

    number: int
    block: int | None
    ratio: float
    accuracy: float | None
    share: float | None
    accepted: bool
    fallback_of: int | None = None
    checkpoint: str = ""
    note: str = ""
    scope: str = "all"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Accuracy of the open model; ``recalled`` from its history, which has it already."""

    map50_95: float
    map50: float
    images: int
    skipped: int
    recalled: bool = False


class Measured(QObject):
    """Data set, goal and measurements.

    Attributes
    ----------
    clock : Clock or None
        Tells a plan's milliseconds on the device that it names, or on this computer. Its latency
        table is the only one in the window: what rounds the plan that shows, and so the plan that
        the engine is asked for.

    Signals
    -------
    dataChanged, goalChanged, frontChanged, stepsChanged, accuracyChanged, clockChanged, dataChecked
    compared, pairChanged
        Models were compared, or another pair of them is shown.
    scanChanged
        Points of a sensitivity scan arrived; not more often than the screen can show.
    kept
        Something changed that a project file holds.
    """

    dataChanged = Signal()
    goalChanged = Signal()
    frontChanged = Signal()
    scanChanged = Signal()
    stepsChanged = Signal()
    accuracyChanged = Signal()
    clockChanged = Signal()
    dataChecked = Signal()
    compared = Signal()
    pairChanged = Signal()
    kept = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clear()
        self._scan_tick = QTimer(self, singleShot=True, interval=TICK_MS)
        self._scan_tick.timeout.connect(self.scanChanged)
        self._step_tick = QTimer(self, singleShot=True, interval=TICK_MS)
        self._step_tick.timeout.connect(self.stepsChanged)

    def _clear(self) -> None:
        self.data: DataSetting | None = None
        self.goal: Target | None = None
        self.front: tuple[Alternative, ...] = ()
        self.unpruned: MeasuredPoint | None = None
        self.points: dict[tuple[int, float], Point] = {}
        self.baseline: float | None = None
        self.heat_ratio: float | None = None
        self.scan_file = ""
        self.steps: tuple[Step, ...] = ()
        self.steps_folder = ""
        self.accuracy: Evaluation | None = None
        self.clock: Clock | None = None
        self.check: DatasetCheck | None = None
        self.refused: DatasetCheck | None = None
        self.comparison: Comparison | None = None
        self.pair = (0, 1)

    def begin(self, project: Project | None, clock: Clock | None = None) -> None:
        """Start over for another model, with what its project holds; raises no signal."""
        self._scan_tick.stop()
        self._step_tick.stop()
        self._clear()
        if project is not None:
            self.data, self.goal = project.data, project.goal or project.plan.target
            self.scan_file, self.steps_folder = project.sensitivity or "", project.steps or ""
        self.clock = clock

    def announce(self) -> None:
        """Raise every signal: another model is open."""
        for signal in (self.dataChanged, self.goalChanged, self.frontChanged):
            signal.emit()
        for signal in (self.scanChanged, self.stepsChanged, self.accuracyChanged, self.dataChecked):
            signal.emit()
        self.compared.emit()
        self.clockChanged.emit()

    # ---- data and goal ------------------------------------------------------------------------

    def set_data(self, data: DataSetting | None) -> None:
        """Look at other images; what others said does not compare, and goes."""
        if data == self.data:
            return
        other = data is None or self.data is None or data.path != self.data.path
        self.data = data
        self.set_accuracy(None)
        if other:  # a check is about all images, however many of them are used
            self.set_check(None)
        self.set_comparison(None)
        self.set_front(replace(one, measured=None) for one in self.front)
        self.clear_scan()
        self.dataChanged.emit()
        self.kept.emit()

    def set_goal(self, goal: Target | None) -> None:
        """Aim at something else with the next suggestion."""
        if goal != self.goal:
            self.goal = goal
            self.goalChanged.emit()
            self.kept.emit()

    @property
    def aim(self) -> Target:
        """The goal, or the one that a suggestion has while the user gave none."""
        from core.plan.schema import Target

        return self.goal if self.goal is not None else Target(macs=USUAL_GOAL)

    def set_accuracy(self, accuracy: Evaluation | None) -> None:
        """Take in what an evaluation of the open model measured."""
        if accuracy != self.accuracy:
            self.accuracy = accuracy
            self.accuracyChanged.emit()

    def set_check(self, check: DatasetCheck | None) -> None:
        """Take in what a check of the dataset found, as the engine's job ``check_data`` has it."""
        self.check, self.refused = check, None
        self.dataChecked.emit()

    def set_refused(self, check: DatasetCheck | None) -> None:
        """Take in the check of a dataset that does not fit and is not in use."""
        self.refused = check
        self.dataChecked.emit()

    def set_comparison(self, comparison: Comparison | None) -> None:
        """Take in how models compare, as the engine's job ``compare`` has it."""
        self.comparison = comparison
        self.pair = (0, len(comparison["models"]) - 1 if comparison is not None else 1)
        self.compared.emit()

    def set_pair(self, pair: tuple[int, int]) -> None:
        """Look at other two of the models that were compared, by their places."""
        if pair != self.pair:
            self.pair = pair
            self.pairChanged.emit()

    def set_clock(self, clock: Clock | None) -> None:
        """Take in what tells a plan's milliseconds."""
        if clock is not self.clock:
            self.clock = clock
            self.clockChanged.emit()

    # ---- suggestions --------------------------------------------------------------------------

    def set_front(
        self, front: Iterable[Alternative], unpruned: MeasuredPoint | None = None
    ) -> None:
        """Offer the alternatives of a suggestion, the smallest network first.

        ``unpruned`` is what those that were measured compare with.
        """
        self.front, self.unpruned = tuple(front), unpruned
        self.frontChanged.emit()

    def alternative_of(self, plan: Plan) -> int | None:
        """Return which alternative a plan is, if it is one."""
        gone = plan.selection, plan.structure, plan.classes
        for number, plan in enumerate(one.plan for one in self.front):
            if (plan.selection, plan.structure, plan.classes) == gone:
                return number
        return None

    # ---- sensitivity --------------------------------------------------------------------------

    def add_point(self, point: Point) -> None:
        """Take in one point of a scan; shown with the next tick."""
        self.points[point.block, round(point.ratio, 4)] = point
        self._start(self._scan_tick)

    def set_baseline(self, baseline: float | None) -> None:
        """Take in the unpruned network's accuracy."""
        self.baseline = baseline
        self._start(self._scan_tick)

    def set_scan_file(self, path: str) -> None:
        """Name the file that holds the scan."""
        if path != self.scan_file:
            self.scan_file = path
            self.kept.emit()

    def clear_scan(self) -> None:
        """Forget the points; their file keeps them."""
        self.points, self.baseline = {}, None
        self._scan_tick.stop()
        self.scanChanged.emit()

    def set_heat_ratio(self, ratio: float) -> None:
        """Colour the heat map by the loss at another ratio."""
        if ratio != self.heat_ratio:
            self.heat_ratio = ratio
            self.scanChanged.emit()

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ratios that were measured, for any block."""
        return tuple(sorted({ratio for _, ratio in self.points}))

    @property
    def shown_ratio(self) -> float | None:
        """The ratio the heat map is about: the one chosen, else the one nearest to a half."""
        ratios = self.ratios
        if not ratios:
            return None
        wanted = self.heat_ratio if self.heat_ratio is not None else 0.5
        return min(ratios, key=lambda r: (abs(r - wanted), r))

    def losses(self) -> dict[int, float]:
        """Return the share of accuracy each measured block loses at the ratio shown."""
        ratio = self.shown_ratio
        return {b: p.loss for (b, r), p in self.points.items() if r == ratio}

    def curves(self) -> dict[int, list[Point]]:
        """Return each block's points, by ratio."""
        result: dict[int, list[Point]] = {}
        for key in sorted(self.points):
            result.setdefault(key[0], []).append(self.points[key])
        return result

    # ---- one by one ---------------------------------------------------------------------------

    def set_steps(self, steps: Iterable[Step], folder: str) -> None:
        """Show a run of the strategy one by one."""
        self.steps = tuple(steps)
        if folder != self.steps_folder:
            self.steps_folder = folder
            self.kept.emit()
        self._start(self._step_tick)

    def add_step(self, step: Step) -> None:
        """Take in one step; a step of the same number takes its place."""
        others = [s for s in self.steps if s.number != step.number]
        self.steps = (*others, step)
        self._start(self._step_tick)

    @staticmethod
    def _start(tick: QTimer) -> None:
        if not tick.isActive():
            tick.start()  # an active one must not be put off by a steady stream

    def stop(self) -> None:
        """Raise nothing any more."""
        self._scan_tick.stop()
        self._step_tick.stop()
        self.blockSignals(True)


def point_of(data: Mapping[str, Any]) -> Point:
    """Read a point from the engine."""
    share = data.get("share")  # None where the unpruned network finds nothing either
    left = 1.0 if share is None else float(share)
    return Point(int(data["block"]), float(data["ratio"]), float(data["map50_95"]), left)


def step_of(data: Mapping[str, Any]) -> Step:
    """Read a step from the engine."""

    def number(key: str) -> float | None:
        value = data.get(key)
        return None if value is None else float(value)

    block = data.get("block")
    return Step(
        int(data["step"]),
        None if block is None else int(block),
        number("ratio") or 0.0,
        number("map50_95"),
        number("share"),
        bool(data.get("accepted")),
        data.get("fallback_of"),
        str(data.get("checkpoint") or ""),
        str(data.get("note") or ""),
        str(data.get("scope") or "all"),
    )


def data_arguments(data: DataSetting | None, split: str = "train") -> dict[str, Any] | None:
    """Return the dataset as the engine tasks take it."""
    return None if data is None else {**data.model_dump(), "split": split}
