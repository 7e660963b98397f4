"""A suggestion's alternatives, measured: each pruned, repaired, evaluated, and timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.compare.bench import QUICK, Bench, MeasuredFront, point_json
from core.errors import UserError
from core.plan.schema import Plan
from core.progress import Forward, Progress, Span, publish, silent
from core.repair import RepairSettings

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings


def measure_front(
    loaded: Loaded,
    plans: Sequence[Plan],
    data: DataSettings,
    repair: RepairSettings | None = QUICK,
    *,
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
    found = bench.known()
    _hand_on(found, progress)
    missing = [n for n, point in enumerate(found.points) if point is None]
    if not missing and found.base is not None:
        progress(1.0, "Done")
        return found
    share = 0.4 / (len(missing) + 0.4)
    bench.begin(found, Span(progress, 0.02, share))
    publish(progress, {"plan": None, **point_json(bench.base, bench.base)})
    for place, number in enumerate(missing):
        start, end = (share + (1 - share) * (place + n) / len(missing) for n in (0, 1))
        part = Span(progress, start, end, f"Network {place + 1} of {len(missing)}: ")
        try:
            point = found.points[number] = bench.measure(plans[number], part)
        except UserError as error:
            found.refused[number] = str(error)
            publish(progress, {"plan": number, "refused": str(error)})
        else:
            publish(progress, {"plan": number, **point_json(point, bench.base)})
    progress(1.0, "Done")
    return found


def known_front(
    loaded: Loaded, plans: Sequence[Plan], data: DataSettings, repair: RepairSettings | None = QUICK
) -> MeasuredFront:
    """Return what the cache has of a front; nothing is measured. See `measure_front`."""
    return Bench(loaded, plans, data, repair).known()


def estimate_front(
    loaded: Loaded,
    plans: Sequence[Plan],
    data: DataSettings,
    repair: RepairSettings | None = QUICK,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Estimate how long `measure_front` takes; runs the network on a few images.

    Returns
    -------
    dict
        ``seconds``, ``networks`` (to measure), ``known`` (measured before), ``images``.
    """
    bench = Bench(loaded, plans, data, repair, progress=progress)
    found = bench.known()
    took = [point.seconds for point in found.points if point is not None]
    missing = len(found.points) - len(took)
    each = sum(took) / len(took) if took else bench.guess(Span(progress, 0.3, 1.0))
    first = bench.guess(silent, repaired=False) if missing or found.base is None else 0.0
    progress(1.0, "Done")
    return {
        "seconds": missing * each + first,
        "networks": missing,
        "known": len(took),
        "images": len(bench.validation.dataset),
    }


def _hand_on(found: MeasuredFront, progress: Progress) -> None:
    if found.base is not None:
        publish(progress, {"plan": None, **point_json(found.base, found.base)})
    for number, point in enumerate(found.points):
        if point is not None:
            publish(progress, {"plan": number, **point_json(point, found.base)})
