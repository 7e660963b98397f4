"""Pruned networks measured next to the unpruned one: accuracy on the same images, time in turns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.choose.measured import MeasuredPoint, MeasuredStore, plan_facts
from core.data.figures import main_figure, main_name
from core.data.resample import draw, interval
from core.data.validation import Validation
from core.errors import UserError
from core.pipeline import prune
from core.plan.criteria import by_images
from core.plan.schema import Plan
from core.progress import Progress, Span, silent
from core.repair import RepairSettings, check_request
from core.repair.images import files_of
from core.repair.refit import passes
from core.ship.latency.measure import Timing, measure
from core.ship.latency.runtimes import runtimes
from core.system.machine import default_threads, processor
from core.system.size import ImageSize

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.data.resample import ByImage
    from core.data.stream import DataSettings

QUICK = RepairSettings(steps=("bn", "refit"), minutes=5.0)
"""What is repaired before accuracy is measured: what measured best without training."""
TURNS = 20
"""How often a network takes turns with the unpruned one when they are timed."""
Three = tuple[float, float, float]
UNPRUNED, PRUNED = "unpruned", "pruned"

EVALUATED = 1.3
"""Times that a network takes for an image, with what an evaluation does next to it."""
REPAIRED = {"fold": 3.0, "bn": 4.0, "refit": 12.5}
"""The same for every step of repair, and every image that it reads, or view that it looks at."""
ELSEWHERE = 8.0
"""Seconds per network for what does not depend on the images: exports, and the bootstrap."""


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
    images : ByImage
    """

    main: Three
    figures: Mapping[str, float]
    images: ByImage


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
        self._loaded, self._plans, self._data, self._repair = loaded, plans, data, repair
        self._cache = cache
        self._train = replace(data, split="train")
        self.validation = Validation(loaded.model, data, facts.classes, facts.task)
        self._runtime = "onnx" if runtimes()["onnx"].missing() is None else "torch"
        self._steps = "" if repair is None else ",".join(repair.steps)
        self._store = MeasuredStore(self._settings())
        self._others: dict[ImageSize, Validation] = {}

    def _settings(self) -> dict[str, Any]:
        """Return all that a point depends on, besides its plan."""
        data = self._data
        ranked = any(by_images(p.criterion) and "criterion" in _facts(p) for p in self._plans)
        images = files_of(self._train) if self._repair is not None or ranked else []
        return {
            "model": self._loaded.facts.sha256,
            "data": self.validation.sha256,
            "split": data.split,
            "image_size": data.image_size.plain,
            "batch": data.batch,
            "device": self.validation.device.type,
            "repair": None if self._repair is None else asdict(self._repair),
            "train": [_file_facts(path) for path in images],
            "runtime": self._runtime,
            "machine": [processor(), default_threads()],
            "versions": {n: metadata.version(n) for n in ("secateur", "torch", "ultralytics")},
        }

    def known(self) -> MeasuredFront:
        """Return what was measured before."""
        if not self._cache:
            return MeasuredFront(None, [None] * len(self._plans))
        points = [self._store.get(plan) for plan in self._plans]
        return MeasuredFront(self._store.get(None), points)

    # ---- measuring ----------------------------------------------------------------------------

    def begin(self, found: MeasuredFront, progress: Progress) -> None:
        """Evaluate the unpruned network, and time it where that was not done before."""
        began = time.monotonic()
        show = Span(progress, 0.0, 0.7, "Unpruned network: ")
        accuracy, images = self.validation.evaluate_by_image(self._loaded.model, show)
        self._draws = draw(images.images)
        self._before = images.figures(self._draws)
        if found.base is None:
            timing = self._time(None, Span(progress, 0.7, 1.0, "Unpruned network: "))
            figure, spread = main_figure(accuracy.figures), timing.wall
            times = (spread.median, spread.low, spread.high)
            now = Judged((figure, figure, figure), accuracy.figures, images)
            found.base = self.point(now, times, self._data.image_size, began, self._steps)
            if self._cache:
                self._store.add(None, found.base)
        self.base = found.base

    def measure(self, plan: Plan, progress: Progress) -> MeasuredPoint:
        """Prune, repair, evaluate and time one network.

        Raises
        ------
        UserError
            For a plan that cannot be pruned.
        """
        began = time.monotonic()
        model = prune(
            self._loaded,
            _prunable(plan),
            cache=self._cache,
            data=self._train,
            repair=self._repair,
            progress=Quiet(Span(progress, 0.0, 0.7)),
        ).model
        now = self.accuracy(model, Span(progress, 0.7, 0.85))
        times = self.times(model, Span(progress, 0.85, 1.0))
        point = self.point(now, times, self._data.image_size, began, self._steps)
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
        validation = self._validation_at(size or self._data.image_size)
        accuracy, images = validation.evaluate_by_image(model, Span(progress, 0.0, 0.8))
        progress(0.8, "Estimating the spread of the accuracy")
        figure = main_figure(accuracy.figures)
        now = images.figures(self._draws)
        low, high = interval(figure, self.base.accuracy, now, self._before)
        return Judged((figure, low, high), accuracy.figures, images)

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
        if size == self._data.image_size:
            return self.validation
        facts, data = self._loaded.facts, replace(self._data, image_size=size)
        if size not in self._others:
            made = Validation(self._loaded.model, data, facts.classes, facts.task)
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
        name, images = main_name(now.figures), now.images.images
        return MeasuredPoint(*now.main, *times, name, images, size, self._runtime, seconds, repair)

    def _time(
        self, model: nn.Module | None, progress: Progress, size: ImageSize | None = None
    ) -> Timing:
        """Time a network in turns with the unpruned one; that alone for None."""
        networks: Mapping[str, nn.Module] = {UNPRUNED: self._loaded.model}
        if model is not None:
            networks = {**networks, PRUNED: model}
        timed = measure(
            networks,
            runtimes=(self._runtime,),
            image_size=self._data.image_size,
            sizes={} if size is None else {PRUNED: size},
            repeats=TURNS,
            device=self._data.device,
            progress=progress,
        )
        wanted = UNPRUNED if model is None else PRUNED
        found = (t for t in timed.timings if t.model == wanted and t.precision == "fp32")
        return next(found)

    # ---- estimating ---------------------------------------------------------------------------

    def guess(self, progress: Progress, *, repaired: bool = True) -> float:
        """Guess the seconds that a network takes, from those of the unpruned one for a batch."""
        each = self._image_seconds(progress)
        seconds = EVALUATED * each * len(self.validation.dataset) + ELSEWHERE
        seconds += 2 * TURNS * each
        if self._repair is None or not repaired:
            return seconds
        limit = 60 * self._repair.minutes
        if not set(self._repair.steps) <= set(REPAIRED):  # one takes the time it is given
            return seconds + limit
        images = len(files_of(self._train))
        looks = {"refit": passes(images, self._data.image_size)}
        times = (REPAIRED[step] * looks.get(step, images) for step in self._repair.steps)
        return seconds + min(limit, each * sum(times))

    def _image_seconds(self, progress: Progress) -> float:
        if not hasattr(self, "_each"):
            import torch

            measuring = self.validation.measure(_copied(self._loaded.model))
            image = measuring.prepare(0)["img"]
            with torch.inference_mode():
                for turn in range(2):  # the first one warms up
                    progress(turn / 2, "Timing the network")
                    began = time.monotonic()
                    measuring.network(image)
                    self._each = (time.monotonic() - began) / len(image)
            measuring.close()
        return self._each


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


def _copied(model: nn.Module) -> nn.Module:
    import copy

    return copy.deepcopy(model).float().eval()
