"""A suggestion's alternatives, measured: each pruned, repaired, evaluated, and timed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from core.compare.bench import QUICK, Bench, MeasuredFront, point_json
from core.compare.evaluated import Judge, judge_by
from core.data.elsewhere import pool_for
from core.errors import UserError
from core.plan.schema import Plan
from core.progress import Forward, Progress, Span, publish, silent
from core.repair import RepairSettings

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.cluster.place import Place
    from core.cluster.pool import Pool
    from core.data.stream import DataSettings


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
            pool = stack.enter_context(pool_for(loaded, on, data, progress))
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
    bench.begin(found, Span(progress, 0.02, share), judge)
    publish(progress, {"plan": None, **point_json(bench.base, bench.base)})
    for place, number in enumerate(missing):
        start, end = (share + (1 - share) * (place + n) / len(missing) for n in (0, 1))
        part = Span(progress, start, end, f"Network {place + 1} of {len(missing)}: ")
        try:
            point = found.points[number] = bench.measure(plans[number], part, judge)
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
