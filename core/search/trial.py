"""Trials of one search: networks made here or by a pool, and timed in this process."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.choose.measured import MeasuredPoint
from core.cluster.pool import raise_failed
from core.compare.bench import Bench
from core.compare.evaluated import Evaluated, judge_by
from core.data.classes import ClassesDifferError
from core.data.elsewhere import request_of
from core.errors import UserError
from core.pipeline import analyse, load, suggest
from core.plan.widths import compute_widths
from core.progress import Progress, Span, silent
from core.search.batch import Results
from core.search.maker import Maker
from core.search.settings import SearchSettings, TrialRequest
from core.search.space import Suggested
from core.system.files import sha256_of
from core.system.size import ImageSize

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.cluster.pool import Pool

MAKE, TUNE = "search_trial", "search_tune"
"""The engine tasks of what a pool does."""


class Workbench(Maker):
    """Carries out trials of one search; see `core.search.batch.Bench`.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    settings : SearchSettings
    cache : bool
        Whether to read and write the user's cache.

    Raises
    ------
    UserError
        For data that cannot be used, or a base plan that does not fit.
    """

    def __init__(self, loaded: Loaded, settings: SearchSettings, *, cache: bool = True) -> None:
        super().__init__(loaded, settings, cache=cache)
        self._pool: Pool | None = None
        self._is_begun = False

    def send_to(self, pool: Pool) -> None:
        """Have networks made, evaluated and tuned by a pool from now on."""
        self._pool = pool

    # ---- what trials compare with -------------------------------------------------------------

    def unpruned(self, progress: Progress = silent) -> dict[str, Any]:
        """Measure the unpruned network, or take what is known of it.

        Returns
        -------
        dict
            ``point``, as `MeasuredPoint.to_json` has it, ``parameters`` and ``macs``.
        """
        table = analyse(self.loaded, cache=self.cache).table
        whole = compute_widths(table, np.zeros(table.atom_count, bool))
        point = self.begun(progress).base.to_json()
        return {"point": point, "parameters": whole.parameters, "macs": whole.macs}

    def int8(self, progress: Progress = silent) -> dict[str, Any]:
        """Measure the unpruned network as INT8 (`core.search.reference.int8_reference`)."""
        from core.search.reference import int8_reference

        return int8_reference(self.begun(), self.train(), progress)

    def suggested(self, progress: Progress = silent) -> list[Suggested]:
        """Return what one suggestion for the budget gives, and its alternatives after it."""
        usual = self.space.plan_of(self.space.usual)
        try:
            found = suggest(self.loaded, usual, self.train(), progress, cache=self.cache)
        except ClassesDifferError:
            raise
        except UserError:  # a budget that only other settings meet
            return []
        share = found.after.macs / found.before.macs
        others = [
            Suggested(one.macs / share, one.plan)
            for one in found.front
            if one.plan.selection != found.plan.selection
        ]
        return [Suggested(1.0, found.plan), *others]

    def begun(self, progress: Progress = silent) -> Bench:
        """Return what compares networks, once the unpruned one is evaluated and timed."""
        bench = self.bench(progress)
        if not self._is_begun:
            judge = None
            if self._pool is not None:
                bench.evaluate_on(self._pool.device)
                part = Span(progress, 0.0, 0.7, "Unpruned network: ")
                judge = judge_by(self._pool, bench.request(), [None], part)
            bench.begin(bench.known(), progress, judge)
            self._is_begun = True
        return bench

    # ---- networks -----------------------------------------------------------------------------

    def made(self, requests: Sequence[TrialRequest], progress: Progress = silent) -> Results:
        """Make networks, in any order; see `core.search.batch.Bench.made`."""
        self.begun(Span(progress, 0.0, 0.05))
        span = Span(progress, 0.05, 1.0)
        if self._pool is not None:
            yield from self._made_by(self._pool, requests, span)
            return
        known = dict(requests[0].known) if requests else {}
        for place, request in enumerate(requests):
            step = Span(span, place / len(requests), (place + 1) / len(requests))
            told = self.make(request.model_copy(update={"known": known}), step)
            if told["state"] == "made":  # one after the other, so that none is made twice
                known = {told["key"]: request.number, **known}
            yield place, self._kept(request, told)

    def _made_by(self, pool: Pool, requests: Sequence[TrialRequest], progress: Progress) -> Results:
        """Choose channels by time in this process, while nothing else runs, and send the rest."""
        timed = [place for place, request in enumerate(requests) if self.by_time(request)]
        start = 0.3 if timed else 0.0
        sent = dict(enumerate(requests))
        for n, place in enumerate(timed):
            part = Span(progress, start * n / len(timed), start * (n + 1) / len(timed))
            found = self._with_plan(requests[place], part)
            if isinstance(found, TrialRequest):
                sent[place] = found
            else:
                del sent[place]
                yield place, found
        shared = self._request(pool)
        asked = [{**shared, "trial": r.to_json(), "output": r.output} for r in sent.values()]
        places = list(sent)
        for n, told in _results(pool, MAKE, asked, Span(progress, start, 1.0)):
            yield places[n], self._kept(requests[places[n]], told)

    def _with_plan(
        self, request: TrialRequest, progress: Progress
    ) -> TrialRequest | dict[str, Any]:
        """Return a request with its exact channels, or why there are none."""
        began = time.monotonic()
        try:
            plan = self.exact(request, ImageSize.of(request.settings["image_size"]), progress)
        except ClassesDifferError:
            raise
        except UserError as error:
            seconds = round(time.monotonic() - began, 1)
            told = {"trial": request.number, "settings": request.settings, "seconds": seconds}
            return {**told, "state": "refused", "message": str(error)}
        assert plan is not None  # it has a target
        return request.model_copy(update={"plan": plan.to_json()})

    def _request(self, pool: Pool) -> dict[str, Any]:
        """Return what an engine task of this search takes, whichever trial it is of."""
        bench = self.bench()
        told = request_of(self.loaded, bench.data)
        device = pool.device or self.settings.device
        settings = self.settings.model_copy(update={"device": device, "data": told["data"]["path"]})
        return {
            **told,
            "search": settings.model_dump(mode="json"),
            "images_sha256": bench.validation.sha256,
            "cache": self.cache,
        }

    def _kept(self, request: TrialRequest, told: dict[str, Any]) -> dict[str, Any]:
        """Return what was made, with the hash of its file, which must be there."""
        if told["state"] != "made":
            return told
        return {**told, "sha256": _hash(self._file(request, told))}

    def _file(self, request: TrialRequest, made: Mapping[str, Any]) -> Path:
        return Path(request.output) if made["report"] else Path(self.loaded.facts.path)

    def is_there(self, request: TrialRequest, part: Mapping[str, Any]) -> bool:
        """Whether the network of a part of before is the one that is in its file now."""
        pruned = bool(part.get("tuning") or part.get("report"))
        path = Path(request.output) if pruned else Path(self.loaded.facts.path)
        try:
            return sha256_of(path) == str(part["sha256"])
        except OSError:
            return False

    # ---- figures ------------------------------------------------------------------------------

    def measured(
        self, request: TrialRequest, made: Mapping[str, Any], progress: Progress = silent
    ) -> dict[str, Any]:
        """Time a network that was made; see `core.search.batch.Bench.measured`."""
        began = time.monotonic() - made["seconds"]
        bench, size = self.begun(Span(progress, 0.0, 0.2)), _size(request)
        file = self._file(request, made)
        model = load(file).model if made["report"] else self.loaded.model
        times = bench.times(model, Span(progress, 0.2, 0.9), size)
        judged = bench.compared(Evaluated.from_json(made["judged"]))
        point = bench.point(judged, times, size, began, made["steps"])
        return {
            "report": made["report"],
            "file": str(file),
            "point": point.to_json(),
            "figures": dict(judged.figures),
        }

    def tuned(
        self,
        requests: Sequence[TrialRequest],
        made: Sequence[Mapping[str, Any]],
        progress: Progress = silent,
    ) -> Results:
        """Fine-tune networks, in any order; see `core.search.batch.Bench.tuned`."""
        pairs = list(zip(requests, made, strict=True))
        if self._pool is not None:
            asked = [self._tuning(self._pool, *pair) for pair in pairs]
            for place, told in _results(self._pool, TUNE, asked, progress):
                yield place, self._tuned(requests[place], told)
            return
        for place, (request, one) in enumerate(pairs):
            step = Span(progress, place / len(pairs), (place + 1) / len(pairs))
            output = Path(request.output)
            told = self.tune(self._file(request, one), output, _size(request), step)
            yield place, self._tuned(request, told)

    def _tuning(self, pool: Pool, request: TrialRequest, made: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **self._request(pool),
            "network": str(self._file(request, made)),
            "network_sha256": made["sha256"],
            "size": request.settings["image_size"],
            "output": request.output,
        }

    def _tuned(self, request: TrialRequest, told: dict[str, Any]) -> dict[str, Any]:
        if told.get("tune_failed"):
            return told
        return {**told, "sha256": _hash(Path(request.output))}

    def again(
        self,
        request: TrialRequest,
        record: Mapping[str, Any],
        tuned: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return what a network is once it was tuned; see `core.search.batch.Bench.again`."""
        judged = self.begun().compared(Evaluated.from_json(tuned["judged"]))
        point = MeasuredPoint.from_json(record["point"])
        accuracy, low, high = judged.main
        seconds = round(point.seconds + tuned["tuning"]["seconds"], 1)
        now = replace(point, accuracy=accuracy, low=low, high=high, seconds=seconds)
        return {
            "repaired": record["point"],
            "tuning": tuned["tuning"],
            "point": now.to_json(),
            "figures": dict(judged.figures),
            "file": request.output,
        }


def _size(request: TrialRequest) -> ImageSize:
    return ImageSize.of(request.settings["image_size"])


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise UserError(
            f"The network that a node saved is not at {path}.",
            "Search in a folder on a disk that the nodes share (--out).",
        ) from error


def _results(
    pool: Pool, task: str, requests: Sequence[Mapping[str, Any]], progress: Progress
) -> Results:
    """Run a task of a pool, and yield its results; nothing keeps running once this is closed."""
    if not requests:
        return
    with closing(pool.run(task, requests, progress)) as events:
        for place, event in events:
            raise_failed(event)
            if event["event"] == "done":
                yield place, event["result"]
