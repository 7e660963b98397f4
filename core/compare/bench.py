"""Pruned networks measured next to the unpruned one: accuracy on the same images, time in turns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.choose.measured import MeasuredPoint, MeasuredStore, plan_facts
from core.compare.evaluated import Evaluated, Judge, evaluated
from core.data.elsewhere import request_of
from core.data.figures import main_figure, main_name
from core.data.resample import interval
from core.data.validation import Validation
from core.errors import UserError
from core.pipeline import prune
from core.plan.criteria import by_images
from core.plan.schema import Plan
from core.progress import Progress, Span, silent
from core.repair import RepairSettings, check_request
from core.repair.images import files_of
from core.ship.latency.measure import Timing, measure
from core.ship.latency.runtimes import runtimes
from core.system.machine import default_threads, processor
from core.system.size import ImageSize
from core.system.versions import versions_of

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.data.stream import DataSettings

QUICK = RepairSettings(steps=("bn", "refit"), minutes=5.0)
"""What is repaired before accuracy is measured: what measured best without training."""
TURNS = 20
"""How often a network takes turns with the unpruned one when they are timed."""
Three = tuple[float, float, float]
UNPRUNED, PRUNED = "unpruned", "pruned"


@dataclass
class MeasuredFront:
    """What is known of networks.

    Attributes
    ----------
    base : MeasuredPoint or None
        The unpruned network; None where it was not measured.
    points : list of MeasuredPoint or None
        One for every plan; None for those that were not measured.
    refused : dict of int to str
        Plans that could not be measured, and why.
    """

    base: MeasuredPoint | None
    points: list[MeasuredPoint | None]
    refused: dict[int, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.base is not None and all(point is not None for point in self.points)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; the points have ``share``, of the unpruned network's accuracy."""
        points = [None if p is None else point_json(p, self.base) for p in self.points]
        base = None if self.base is None else point_json(self.base, self.base)
        refused = [{"plan": n, "message": text} for n, text in self.refused.items()]
        return {"unpruned": base, "points": points, "refused": refused}


def point_json(point: MeasuredPoint, base: MeasuredPoint | None) -> dict[str, Any]:
    """Return a point as plain data, with its share of the unpruned network's accuracy."""
    share = point.accuracy / base.accuracy if base is not None and base.accuracy > 0 else None
    return {**point.to_json(), "share": share}


@dataclass(frozen=True, slots=True)
class Judged:
    """What a network's accuracy is.

    Attributes
    ----------
    main : tuple of float
        The main figure, and its 95% interval (`MeasuredPoint`).
    figures : mapping of str to float
        All that the task measures.
    images : int
        How many it was measured on.
    """

    main: Three
    figures: Mapping[str, float]
    images: int


class Bench:
    """Measures pruned networks next to the unpruned one; see `measure_front`."""

    def __init__(
        self,
        loaded: Loaded,
        plans: Sequence[Plan],
        data: DataSettings,
        repair: RepairSettings | None,
        cache: bool = True,
        progress: Progress = silent,
    ) -> None:
        if repair is not None:
            check_request(repair, data)
        if any(plan.classes is not None for plan in plans):
            raise UserError(
                "Networks with fewer classes cannot be measured on labels of all classes.",
                "Use a plan that keeps all classes.",
            )
        progress(0.0, "Reading the dataset")
        facts = loaded.facts
        if repair is not None and repair.images is None:
            repair = replace(repair, images=data.images)
        self.loaded, self._plans, self.data, self.repair = loaded, plans, data, repair
        self._cache = cache
        self.train = replace(data, split="train")
        self.validation = Validation(loaded.model, data, facts.classes, facts.task)
        self._elsewhere = data.device
        self._runtime = "onnx" if runtimes()["onnx"].missing() is None else "torch"
        self._steps = "" if repair is None else ",".join(repair.steps)
        self._store = MeasuredStore(self._settings())
        self._others: dict[ImageSize, Validation] = {}

    def _settings(self) -> dict[str, Any]:
        """Return all that a point depends on, besides its plan."""
        data = self.data
        ranked = any(by_images(p.criterion) and "criterion" in _facts(p) for p in self._plans)
        images = files_of(self.train) if self.repair is not None or ranked else []
        return {
            "model": self.loaded.facts.sha256,
            "data": self.validation.sha256,
            "split": data.split,
            "image_size": data.image_size.plain,
            "batch": data.batch,
            "device": self.validation.device.type,
            "repair": None if self.repair is None else asdict(self.repair),
            "train": [_file_facts(path) for path in images],
            "runtime": self._runtime,
            "machine": [processor(), default_threads()],
            "versions": versions_of("secateur", "torch", "ultralytics"),
        }

    def known(self) -> MeasuredFront:
        """Return what was measured before."""
        if not self._cache:
            return MeasuredFront(None, [None] * len(self._plans))
        points = [self._store.get(plan) for plan in self._plans]
        return MeasuredFront(self._store.get(None), points)

    # ---- measuring ----------------------------------------------------------------------------

    def evaluate_on(self, device: str) -> None:
        """Have networks evaluated on another kind of device, elsewhere."""
        self._elsewhere = device
        kind = device.split(":")[0]
        if kind != self.validation.device.type:
            self._store = MeasuredStore({**self._settings(), "device": kind})

    def request(self) -> dict[str, Any]:
        """Return what another process needs to judge networks as this one does."""
        return {
            **request_of(self.loaded, replace(self.data, device=self._elsewhere)),
            "repair": None if self.repair is None else asdict(self.repair),
            "cache": self._cache,
            "images_sha256": self.validation.sha256,
        }

    def judge(self, plan: Plan | None, progress: Progress) -> Evaluated:
        """Prune, repair and evaluate a network; the unpruned one for None.

        Raises
        ------
        UserError
            For a plan that cannot be pruned.
        """
        began, model, show = time.monotonic(), self.loaded.model, progress
        if plan is not None:
            model = self._pruned(plan, self.repair, Quiet(Span(progress, 0.0, 0.8)))
            show = Span(progress, 0.8, 1.0)
        found = evaluated(self.validation, model, show)
        return replace(
            found, seconds=time.monotonic() - began, model=None if plan is None else model
        )

    def _pruned(self, plan: Plan, repair: RepairSettings | None, progress: Progress) -> nn.Module:
        return prune(
            self.loaded,
            _prunable(plan),
            cache=self._cache,
            data=self.train,
            repair=repair,
            progress=progress,
        ).model

    def begin(self, found: MeasuredFront, progress: Progress, judge: Judge | None = None) -> None:
        """Evaluate the unpruned network, and time it where that was not done before.

        ``judge`` is as for `measure`.
        """
        judge = judge or self.judge
        first = judge(None, Span(progress, 0.0, 0.7, "Unpruned network: "))
        self._before = first.resampled
        if found.base is None:
            began = time.monotonic() - first.seconds
            wall = self._time(None, Span(progress, 0.7, 1.0, "Unpruned network: ")).wall
            now = Judged((main_figure(first.figures),) * 3, first.figures, first.images)
            times = (wall.median, wall.low, wall.high)
            found.base = self.point(now, times, self.data.image_size, began, self._steps)
            if self._cache:
                self._store.add(None, found.base)
        self.base = found.base

    def measure(self, plan: Plan, progress: Progress, judge: Judge | None = None) -> MeasuredPoint:
        """Prune, repair, evaluate and time one network.

        Parameters
        ----------
        plan : Plan
        progress : Progress
        judge : callable, optional
            What prunes, repairs and evaluates: `judge` of this bench by default.

        Raises
        ------
        UserError
            For a plan that cannot be pruned.
        """
        judge = judge or self.judge
        found = judge(plan, Span(progress, 0.0, 0.85))
        began = time.monotonic() - found.seconds
        model = found.model
        if model is None:  # its weights are elsewhere; its time depends on its widths alone
            model = self._pruned(plan, None, silent)
        times = self.times(model, Span(progress, 0.85, 1.0))
        now = self.compared(found)
        point = self.point(now, times, self.data.image_size, began, self._steps)
        if self._cache:
            self._store.add(plan, point)
        return point

    def accuracy(
        self, model: nn.Module, progress: Progress, size: ImageSize | None = None
    ) -> Judged:
        """Evaluate a network, and resample it together with the unpruned one.

        Parameters
        ----------
        model : nn.Module
        progress : Progress
        size : ImageSize, optional
            Of the images, where it is another than the unpruned network's.
        """
        return self.compared(self.evaluated(model, progress, size))

    def evaluated(
        self, model: nn.Module, progress: Progress, size: ImageSize | None = None
    ) -> Evaluated:
        """Evaluate a network by itself; arguments are as for `accuracy`."""
        return evaluated(self._validation_at(size or self.data.image_size), model, progress)

    def compared(self, found: Evaluated) -> Judged:
        """Return what was found of a network, resampled together with the unpruned one."""
        figure = main_figure(found.figures)
        low, high = interval(figure, self.base.accuracy, found.resampled, self._before)
        return Judged((figure, low, high), found.figures, found.images)

    def times(self, model: nn.Module, progress: Progress, size: ImageSize | None = None) -> Three:
        """Return what a network takes, in milliseconds: the median and the quartiles.

        They are the ratio to the unpruned network, turn by turn, times its median. ``size`` is as
        for `accuracy`.
        """
        ratio = self._time(model, progress, size).ratio
        assert ratio is not None  # the unpruned network is the first
        ms = self.base.latency_ms
        return ms * ratio.median, ms * ratio.low, ms * ratio.high

    def _validation_at(self, size: ImageSize) -> Validation:
        if size == self.data.image_size:
            return self.validation
        facts, data = self.loaded.facts, replace(self.data, image_size=size)
        if size not in self._others:
            made = Validation(self.loaded.model, data, facts.classes, facts.task)
            self._others = {size: made}  # one at a time: they hold decoded images
        return self._others[size]

    def point(
        self, now: Judged, times: Three, size: ImageSize, began: float, repair: str
    ) -> MeasuredPoint:
        """Return what was measured of a network as a point.

        Parameters
        ----------
        now : Judged
        times : tuple of float
            As `times` returns them.
        size : ImageSize
        began : float
            By ``time.monotonic``.
        repair : str
            Its steps, with commas between them.
        """
        seconds = round(time.monotonic() - began, 1)
        name = main_name(now.figures)
        return MeasuredPoint(
            *now.main, *times, name, now.images, size, self._runtime, seconds, repair
        )

    def _time(
        self, model: nn.Module | None, progress: Progress, size: ImageSize | None = None
    ) -> Timing:
        """Time a network in turns with the unpruned one; that alone for None."""
        networks: Mapping[str, nn.Module] = {UNPRUNED: self.loaded.model}
        if model is not None:
            networks = {**networks, PRUNED: model}
        timed = measure(
            networks,
            runtimes=(self._runtime,),
            image_size=self.data.image_size,
            sizes={} if size is None else {PRUNED: size},
            repeats=TURNS,
            device=self.data.device,
            progress=progress,
        )
        wanted = UNPRUNED if model is None else PRUNED
        found = (t for t in timed.timings if t.model == wanted and t.precision == "fp32")
        return next(found)


class Quiet:
    """Passes progress on, without the partial results, which are of the repair.

    Parameters
    ----------
    whole : Progress
    """

    def __init__(self, whole: Progress) -> None:
        self._whole = whole

    def __call__(self, fraction: float, text: str) -> None:
        """Report a share of the work."""
        self._whole(fraction, text)


def _prunable(plan: Plan) -> Plan:
    """Return a plan that is pruned in one go: its steps are not what is measured here."""
    one_go = {"strategy": "all_at_once"} if plan.strategy == "one_by_one" else {}
    return plan.model_copy(update={**one_go, "model_sha256": None})


def _facts(plan: Plan) -> dict[str, Any]:
    return plan_facts(plan) or {}


def _file_facts(path: Path) -> list[Any]:
    """Name a file by its place, size and time; one that is missing by its place."""
    facts = path.stat() if path.is_file() else None
    return [str(path), *((facts.st_size, facts.st_mtime_ns) if facts else ())]
