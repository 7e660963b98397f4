"""Trials that are made at once: none knows what the others found."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from core.errors import UserError
from core.progress import Progress, Span, silent
from core.search import parts, records
from core.search.records import Record
from core.search.settings import TrialRequest
from core.search.space import Space, Suggested

MARGIN = 0.01
"""Accuracy by which a network may be behind others after repair and still be tuned."""
Made = Mapping[str, Any]
Results = Generator[tuple[int, dict[str, Any]], None, None]
Keep = Callable[[Record], object]


class Bench(Protocol):
    """Carries out trials (`core.search.trial.Workbench`)."""

    @property
    def space(self) -> Space:
        """What trials are points of."""

    def unpruned(self, progress: Progress = silent) -> dict[str, Any]:
        """Measure what trials compare with."""

    def int8(self, progress: Progress = silent) -> dict[str, Any]:
        """Measure the unpruned network as INT8, or say why not (`core.search.reference`)."""

    def suggested(self, progress: Progress = silent) -> Sequence[Suggested]:
        """Return what one suggestion gives, and its alternatives after it."""

    def made(self, requests: Sequence[TrialRequest], progress: Progress = silent) -> Results:
        """Make networks; yield the place of a request, and what became of it, in any order.

        That has ``state``: ``made``, with what a `core.search.parts.Part` has; ``same``, with
        ``key`` and ``same_as``; or ``refused``, with ``message``.
        """

    def is_there(self, request: TrialRequest, part: Made) -> bool:
        """Whether the network of a part of before is what its file holds now."""

    def measured(
        self, request: TrialRequest, made: Made, progress: Progress = silent
    ) -> dict[str, Any]:
        """Time a network, and return the fields of its record (`core.search.records.Trial`)."""

    def tuned(
        self, requests: Sequence[TrialRequest], made: Sequence[Made], progress: Progress = silent
    ) -> Results:
        """Fine-tune networks: yield the place of a request, and ``tuning`` or ``tune_failed``."""

    def again(self, request: TrialRequest, record: Record, tuned: Made) -> dict[str, Any]:
        """Return the fields of a record that change once its network was tuned."""


class Batch:
    """Carries out trials at once: all are made, then timed, then the promising ones tuned.

    Parameters
    ----------
    bench : Bench
    known : mapping of (int, str) to dict
        Parts of before (`core.search.parts.known`).
    keep : callable, optional
        Told every part as it comes.
    tune : bool
        Whether promising trials are tuned.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        bench: Bench,
        known: Mapping[tuple[int, str], Record],
        keep: Keep | None,
        *,
        tune: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bench, self._known, self._keep = bench, known, keep
        self._tune, self._clock = tune, clock

    def run(
        self, requests: Sequence[TrialRequest], before: Sequence[Record], progress: Progress
    ) -> list[Record]:
        """Carry out trials.

        Parameters
        ----------
        requests : sequence of TrialRequest
            By number.
        before : sequence of dict
            Records of the trials so far.
        progress : Progress
            May cancel.

        Returns
        -------
        list of dict
            Their records. Each has an equal share of the seconds that all took together.
        """
        began = self._clock()
        end = 0.5 if self._tune else 0.85
        made = self._made(requests, Span(progress, 0.0, end))
        timed = Span(progress, end, 0.6 if self._tune else 1.0)
        found = self._timed(requests, made, timed)
        if self._tune:
            self._tuned(requests, made, found, before, Span(progress, 0.6, 1.0))
        progress(1.0, "Done")
        seconds = round((self._clock() - began) / len(requests), 1)
        return [{**record, "seconds": seconds} for record in found]

    def _part(self, stage: str, request: TrialRequest) -> Record | None:
        """Return a part of before that is of this point."""
        part = self._known.get((request.number, stage))
        return part if part is not None and part["settings"] == request.settings else None

    def _add(self, stage: str, request: TrialRequest, told: Record) -> None:
        if self._keep is not None:
            named = {"trial": request.number, "settings": request.settings, "stage": stage}
            self._keep({"part": {**told, **named}})

    # ---- made ---------------------------------------------------------------------------------

    def _made(self, requests: Sequence[TrialRequest], progress: Progress) -> dict[int, Record]:
        """Return what was made of every request, by its number."""
        found = {}
        for request in requests:
            part = self._part(parts.MADE, request)
            tuned = self._tuned_before(request)
            if part is not None and self._bench.is_there(request, {**part, **(tuned or {})}):
                found[request.number] = {**part, "state": "made"}
        missing = [request for request in requests if request.number not in found]
        if missing:
            with closing(self._bench.made(missing, progress)) as results:
                for place, told in results:
                    found[missing[place].number] = told
                    if told["state"] == "made":
                        self._add(parts.MADE, missing[place], told)
        return found

    def _tuned_before(self, request: TrialRequest) -> Record | None:
        tuned = self._part(parts.TUNED, request)
        return None if tuned is None or tuned.get("tune_failed") else tuned

    # ---- timed --------------------------------------------------------------------------------

    def _timed(
        self, requests: Sequence[TrialRequest], made: Mapping[int, Made], progress: Progress
    ) -> list[Record]:
        """Time what was made; one that turned out the same as another of the batch is dropped."""
        found: list[Record] = []
        seen: dict[str, int] = {}
        for place, request in enumerate(requests):
            one = made[request.number]
            step = Span(progress, place / len(requests), (place + 1) / len(requests))
            record = {"trial": request.number, "settings": request.settings}
            if one["state"] != "made":
                told = {name: one[name] for name in _TOLD if name in one}
            elif one["key"] in seen:
                told = {"state": "same", "key": one["key"], "same_as": seen[one["key"]]}
                if one["report"]:
                    Path(request.output).unlink(missing_ok=True)
            else:
                told = {"key": one["key"], **self._point(request, one, step)}
                if told["state"] == "measured":
                    seen[one["key"]] = request.number
            found.append({**record, **told})
        return found

    def _point(self, request: TrialRequest, made: Made, progress: Progress) -> Record:
        try:
            return {"state": "measured", **self._bench.measured(request, made, progress)}
        except UserError as error:
            return {"state": "refused", "message": str(error)}

    # ---- tuned --------------------------------------------------------------------------------

    def _tuned(
        self,
        requests: Sequence[TrialRequest],
        made: Mapping[int, Made],
        found: list[Record],
        before: Sequence[Record],
        progress: Progress,
    ) -> None:
        """Tune those that no other trial is far ahead of, and change their records."""
        points = [records.repaired_of(r) for r in records.measured([*before, *found])]
        told: dict[int, Record] = {}
        missing = []
        for place, record in enumerate(found):
            if record["state"] != "measured":
                continue
            known = self._part(parts.TUNED, requests[place])
            if known is not None and made[record["trial"]].get("stage"):
                told[place] = known
            elif behind(records.point_of(record), points):
                found[place] = {**record, "state": "stopped"}
            else:
                missing.append(place)
        if missing:
            wanted = [requests[place] for place in missing]
            networks = [made[request.number] for request in wanted]
            with closing(self._bench.tuned(wanted, networks, progress)) as results:
                for n, result in results:
                    told[missing[n]] = result
                    self._add(parts.TUNED, wanted[n], result)
        for place, result in told.items():
            record = found[place]
            if result.get("tune_failed"):
                found[place] = {**record, "tune_failed": result["tune_failed"]}
            else:
                found[place] = {**record, **self._bench.again(requests[place], record, result)}


_TOLD = ("state", "key", "same_as", "message")


def behind(point: tuple[float, float], front: Sequence[tuple[float, float]]) -> bool:
    """Whether another network is as fast and more accurate by more than ``MARGIN``.

    Parameters
    ----------
    point : (float, float)
        Milliseconds and accuracy after repair.
    front : sequence of the same
        Of the other networks, after repair as well.
    """
    return any(ms <= point[0] and accuracy > point[1] + MARGIN for ms, accuracy in front)
