"""A suggestion's alternatives, measured: each pruned, repaired, evaluated, and timed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.choose.measured import MeasuredPoint, MeasuredStore, plan_facts
from core.cluster.pool import open_pool
from core.compare.judged import Judge, Judged, judge_by
from core.data.elsewhere import check_sendable, request_of
from core.data.figures import main_figure, main_name
from core.data.resample import draw, interval
from core.data.validation import Validation
from core.errors import UserError
from core.pipeline import prune
from core.plan.criteria import by_images
from core.plan.schema import Plan
from core.progress import Forward, Progress, Span, publish, silent
from core.repair import RepairSettings, check_request
from core.repair.images import files_of
from core.ship.latency.measure import Timing, measure
from core.ship.latency.runtimes import runtimes
from core.system.machine import default_threads, processor

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.cluster.place import Place
    from core.cluster.pool import Pool
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


def measure_front(
    loaded: Loaded,
    plans: Sequence[Plan],
    data: DataSettings,
    repair: RepairSettings | None = QUICK,
    *,
    on: Place | None = None,
    cache: bool = True,
    progress: Progress = silent,
) -> MeasuredFront:
    """Measure accuracy and time of the unpruned network and of what plans make of it.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plans : sequence of Plan
        Such as those of `core.choose.front.Alternative`.
    data : DataSettings
        Its split is evaluated, at its image size, which networks are timed at, too. Repair reads
        as many images of the train split, without labels.
    repair : RepairSettings, optional
        Before the evaluation; None measures networks as they are pruned.
    on : Place, optional
        Where networks are pruned, repaired and evaluated: Ray on this computer or a cluster. They
        are timed on this computer in any case, once nothing else runs on it.
    cache : bool
        Whether to read and write the user's cache. What was measured before is not measured again.
    progress : Progress
        Handed every point as a partial result: ``plan`` (its place, None for the unpruned
        network), and the fields of `core.choose.measured.MeasuredPoint`. May cancel; points that
        were measured are kept.

    Raises
    ------
    UserError
        For data that cannot be used, or plans that remove classes, which the labels still have.
    """
    progress = Forward(progress)
    bench = Bench(loaded, plans, data, repair, cache, progress)
    with ExitStack() as stack:
        pool = None
        if on is not None and not bench.known().whole:
            check_sendable(loaded)
            progress(0.0, f"Starting {on.text}")
            pool = stack.enter_context(open_pool(on, data.device))
            bench.evaluate_on(pool.device)
        found = bench.known()
        _hand_on(found, progress)
        if not found.whole:
            _measure_missing(bench, found, plans, pool, progress)
    progress(1.0, "Done")
    return found


def _measure_missing(
    bench: Bench, found: MeasuredFront, plans: Sequence[Plan], pool: Pool | None, progress: Progress
) -> None:
    """Measure what is not known; by a pool, all are judged before the first is timed."""
    missing = [n for n, point in enumerate(found.points) if point is None]
    judge: Judge = bench.judge
    if pool is not None:
        wanted = [None, *(plans[number] for number in missing)]
        judge = judge_by(pool, bench.request(), wanted, Span(progress, 0.02, 0.7))
        progress = Span(progress, 0.7, 1.0)
    share = 0.4 / (len(missing) + 0.4)
    bench.begin(found, judge, Span(progress, 0.02, share))
    publish(progress, {"plan": None, **point_json(bench.base, bench.base)})
    for place, number in enumerate(missing):
        start, end = (share + (1 - share) * (place + n) / len(missing) for n in (0, 1))
        part = Span(progress, start, end, f"Network {place + 1} of {len(missing)}: ")
        try:
            point = found.points[number] = bench.measure(plans[number], judge, part)
        except UserError as error:
            found.refused[number] = str(error)
            publish(progress, {"plan": number, "refused": str(error)})
        else:
            publish(progress, {"plan": number, **point_json(point, bench.base)})


def known_front(
    loaded: Loaded, plans: Sequence[Plan], data: DataSettings, repair: RepairSettings | None = QUICK
) -> MeasuredFront:
    """Return what the cache has of a front; nothing is measured. See `measure_front`."""
    return Bench(loaded, plans, data, repair).known()


def _hand_on(found: MeasuredFront, progress: Progress) -> None:
    if found.base is not None:
        publish(progress, {"plan": None, **point_json(found.base, found.base)})
    for number, point in enumerate(found.points):
        if point is not None:
            publish(progress, {"plan": number, **point_json(point, found.base)})


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
        self._store = MeasuredStore(self._settings())

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
            "versions": {n: metadata.version(n) for n in ("secateur", "torch", "ultralytics")},
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

    def judge(self, plan: Plan | None, progress: Progress) -> Judged:
        """Prune, repair and evaluate a network; the unpruned one for None.

        Raises
        ------
        UserError
            For a plan that cannot be pruned.
        """
        began, model, show = time.monotonic(), self.loaded.model, progress
        if plan is not None:
            model = self._pruned(plan, self.repair, Quiet(Span(progress, 0.0, 0.8)))
            show = Span(progress, 0.8, 0.97)
        accuracy, images = self.validation.evaluate_by_image(model, show)
        progress(0.97, "Estimating the spread of the accuracy")
        resampled = images.figures(draw(images.images))
        figures, seconds = accuracy.figures, time.monotonic() - began
        return Judged(
            main_figure(figures), main_name(figures), images.images, resampled, seconds,
            None if plan is None else model,
        )  # fmt: skip

    def begin(self, found: MeasuredFront, judge: Judge, progress: Progress) -> None:
        """Evaluate the unpruned network, and time it where that was not done before."""
        judged = judge(None, Span(progress, 0.0, 0.7, "Unpruned network: "))
        self._before = judged.resampled
        if found.base is None:
            began = time.monotonic() - judged.seconds
            wall = self._time(None, Span(progress, 0.7, 1.0, "Unpruned network: ")).wall
            same = (judged.accuracy,) * 3
            times = (wall.median, wall.low, wall.high)
            found.base = self._point(same, times, judged, began)
            if self._cache:
                self._store.add(None, found.base)
        self.base = found.base

    def measure(self, plan: Plan, judge: Judge, progress: Progress) -> MeasuredPoint:
        """Judge a network, and time it.

        Raises
        ------
        UserError
            For a plan that cannot be pruned.
        """
        judged, base = judge(plan, Span(progress, 0.0, 0.85)), self.base
        began = time.monotonic() - judged.seconds
        low, high = interval(judged.accuracy, base.accuracy, judged.resampled, self._before)
        model = judged.model
        if model is None:  # its weights are elsewhere; its time depends on its widths alone
            model = self._pruned(plan, None, silent)
        ratio = self._time(model, Span(progress, 0.85, 1.0)).ratio
        assert ratio is not None  # the unpruned network is the first
        ms = base.latency_ms
        times = (ms * ratio.median, ms * ratio.low, ms * ratio.high)
        point = self._point((judged.accuracy, low, high), times, judged, began)
        if self._cache:
            self._store.add(plan, point)
        return point

    def _pruned(self, plan: Plan, repair: RepairSettings | None, progress: Progress) -> nn.Module:
        return prune(
            self.loaded,
            _prunable(plan),
            cache=self._cache,
            data=self.train,
            repair=repair,
            progress=progress,
        ).model

    def _point(self, accuracy: Three, times: Three, judged: Judged, began: float) -> MeasuredPoint:
        size, seconds = self.data.image_size, round(time.monotonic() - began, 1)
        repair = "" if self.repair is None else ",".join(self.repair.steps)
        return MeasuredPoint(
            *accuracy, *times, judged.metric, judged.images, size, self._runtime, seconds, repair
        )

    def _time(self, model: nn.Module | None, progress: Progress) -> Timing:
        """Time a network in turns with the unpruned one; that alone for None."""
        networks: Mapping[str, nn.Module] = {UNPRUNED: self.loaded.model}
        if model is not None:
            networks = {**networks, PRUNED: model}
        timed = measure(
            networks,
            runtimes=(self._runtime,),
            image_size=self.data.image_size,
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
