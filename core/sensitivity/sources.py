"""Where the points of a scan are measured: in this process, in one per device, or by a pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.cluster.pool import Event, Pool, raise_failed
from core.data.validation import Accuracy, Validation
from core.graph.table import ChannelTable
from core.plan.masks import pack
from core.plan.widths import Mask
from core.progress import Progress
from core.sensitivity.cuts import WORKERS, CutEvaluator
from core.sensitivity.scan import Point, Source
from core.sensitivity.spread import TASK, spread
from core.sensitivity.trunk import first_change

if TYPE_CHECKING:
    from torch import nn

Baseline = Callable[[Progress], Accuracy]
MOST = 2 * WORKERS
"""Cuts of a request at most: what is lost with a worker, and what progress waits for."""
TURNS = 4
"""Requests for each place of a pool, as far as there are cuts: all places end together."""


def measured_here(
    model: nn.Module, table: ChannelTable, validation: Validation
) -> tuple[Baseline, Source]:
    """Return how to measure baseline and points in this process."""
    made: list[CutEvaluator] = []

    def evaluator() -> CutEvaluator:
        if not made:
            made.append(CutEvaluator(model, table, validation))
        return made[0]

    def measure(points: Sequence[Point], progress: Progress) -> Iterable[tuple[Point, Accuracy]]:
        if points:
            cuts = [point.removed for point in points]
            for place, accuracy in evaluator().evaluate(cuts, progress):
                yield points[place], accuracy

    return lambda progress: evaluator().baseline(progress), measure


def measured_on(devices: Sequence[str], table: ChannelTable, request: Mapping[str, Any]) -> Source:
    """Return how to measure points in a process for each device."""

    def measure(points: Sequence[Point], progress: Progress) -> Iterable[tuple[Point, Accuracy]]:
        if points:
            cuts = [point.removed for point in points]
            for place, accuracy in spread(table, cuts, devices, request, progress):
                yield points[place], accuracy

    return measure


def measured_by(
    pool: Pool, table: ChannelTable, request: Mapping[str, Any]
) -> tuple[Baseline, Source]:
    """Return how a pool measures baseline and points.

    Parameters
    ----------
    pool : Pool
    table : ChannelTable
    request : mapping
        ``path``, ``sha256`` and ``data`` as the engine task ``cuts`` takes them.
    """

    def baseline(progress: Progress) -> Accuracy:
        found = None
        for _, event in pool.run(TASK, [{**request, "baseline": True, "cuts": []}], progress):
            found = _figures_of(event) or found
        assert found is not None  # the task ends with it, or fails
        return found[1]

    def measure(points: Sequence[Point], progress: Progress) -> Iterable[tuple[Point, Accuracy]]:
        parts = bundles(table, [point.removed for point in points], pool.room)
        requests = [{**request, "cuts": [pack(points[n].removed) for n in part]} for part in parts]
        for place, event in pool.run(TASK, requests, progress):
            found = _figures_of(event)
            if found is not None:
                yield points[parts[place][found[0] or 0]], found[1]

    return baseline, measure


def _figures_of(event: Event) -> tuple[int | None, Accuracy] | None:
    """Return the cut that an event is about, and its figures; None for other events."""
    raise_failed(event)
    if event["event"] != "partial":
        return None
    figures = dict(event["data"])
    return figures.pop("cut"), Accuracy(**figures)


def bundles(table: ChannelTable, cuts: Sequence[Mask], room: int) -> list[list[int]]:
    """Divide cuts into requests, by their places: neighbours share what comes before them.

    Parameters
    ----------
    table : ChannelTable
    cuts : sequence of bool array, shape (atoms,)
    room : int
        Requests that run at once.
    """
    order = sorted(range(len(cuts)), key=lambda place: first_change(table, cuts[place]))
    size = min(MOST, max(1, len(cuts) // (TURNS * room)))
    return [order[start : start + size] for start in range(0, len(order), size)]
