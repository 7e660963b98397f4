"""One trial: settings become a plan, a pruned, repaired and perhaps tuned network, and figures."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.choose.measured import plan_facts
from core.compare.bench import Bench, Quiet
from core.data.classes import ClassesDifferError
from core.data.stream import ALL, DataSettings
from core.errors import CancelledError, UserError
from core.graph.drive import image_unit
from core.pipeline import analyse, prune, suggest
from core.plan.allocate import explicit_plan
from core.plan.resolve import Resolver
from core.plan.schema import Plan, Removal, parse_plan
from core.plan.widths import compute_widths
from core.progress import Progress, Span, silent
from core.repair import RepairSettings, parse_steps
from core.search.settings import SearchSettings, TrialRequest
from core.search.space import Space, Subject, Suggested
from core.search.tuning import tuned
from core.sensitivity.depth import candidates
from core.settle import Settler
from core.structure.stage import stage_of
from core.system.size import ImageSize

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded

COST = ("parameters", "macs")
MARGIN = 0.01
"""Accuracy by which a network may be behind others after repair and still be tuned."""
_NOTHING = "The point removes nothing and keeps the image size: it is the unpruned network."


@dataclass(frozen=True, slots=True)
class Made:
    """A network that a trial made.

    Attributes
    ----------
    model : nn.Module
    file : Path
        Where it is saved; the unpruned network's where only its image size is another.
    report : dict
        Of its pruning; empty where nothing was pruned.
    steps : str
        Of its repair.
    """

    model: nn.Module
    file: Path
    report: dict[str, Any]
    steps: str


class Workbench:
    """Carries out trials of one search.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    settings : SearchSettings
    cache : bool
        Whether to read and write the user's cache.

    Attributes
    ----------
    space : Space
        That the trials are points of.

    Raises
    ------
    UserError
        For data that cannot be used, or a base plan that does not fit.
    """

    def __init__(self, loaded: Loaded, settings: SearchSettings, *, cache: bool = True) -> None:
        self.loaded, self.settings, self.cache = loaded, settings, cache
        self.plan = settings.base.model_copy(update={"model_sha256": None})
        self.repair = RepairSettings(
            steps=parse_steps(",".join(settings.repair)) if settings.repair else (),
            minutes=settings.repair_minutes,
            seed=settings.seed,
            images=settings.images,
        )
        self.val = DataSettings(
            Path(settings.data),
            images=ALL,
            image_size=settings.image_size or loaded.facts.image_size,
            device=settings.device,
            split="val",
            same_classes=settings.same_classes,
        ).fitted(loaded.model)
        # What does not fit is refused before any work.
        stage_of(loaded, settings.base.model_copy(update={"target": settings.budget}), cache=cache)
        self.space = Space(self._subject())
        self._bench: Bench | None = None

    def _subject(self) -> Subject:
        return Subject(
            image_size=self.val.image_size,
            unit=image_unit(self.loaded.model),
            budget=self.settings.budget,
            base=self.plan,
            removals=tuple(
                (name, removal)
                for name, _, removal in candidates(self.loaded.model)
                if removal not in self.plan.structure and self._can_go(removal)
            ),
        )

    def _can_go(self, removal: Removal) -> bool:
        if not self.plan.locked:  # whatever is a candidate can
            return True
        structure = (*self.plan.structure, removal)
        try:
            stage_of(self.loaded, self.plan.model_copy(update={"structure": structure}))
        except UserError:
            return False
        return True

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
        point = self._begun(progress).base.to_json()
        return {"point": point, "parameters": whole.parameters, "macs": whole.macs}

    def suggested(self, progress: Progress = silent) -> list[Suggested]:
        """Return what one suggestion for the budget gives, and its alternatives after it."""
        usual = self.space.plan_of(self.space.usual)
        try:
            found = suggest(self.loaded, usual, self._train(), progress, cache=self.cache)
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

    def _begun(self, progress: Progress) -> Bench:
        if self._bench is None:
            repair = self.repair if self.repair.steps else None
            bench = Bench(self.loaded, [], self.val, repair, self.cache, progress)
            bench.begin(bench.known(), progress)
            self._bench = bench
        return self._bench

    def _train(self, size: ImageSize | None = None) -> DataSettings:
        return replace(
            self.val,
            split="train",
            images=self.settings.images,
            seed=self.settings.seed,
            image_size=size or self.val.image_size,
        )

    # ---- a trial ------------------------------------------------------------------------------

    def run(self, request: TrialRequest, progress: Progress = silent) -> dict[str, Any]:
        """Carry out a trial; see `core.search.records` for what it returns.

        A point that cannot be pruned is a result too: ``refused``, with the reason.
        """
        began = time.monotonic()
        record: dict[str, Any] = {"trial": request.number, "settings": request.settings}
        size = ImageSize.of(request.settings["image_size"])
        try:
            plan = self._exact(request, size, Span(progress, 0.0, 0.3))
            key = _key(plan, size)
            if key in request.known:
                told: dict[str, Any] = {"state": "same", "same_as": request.known[key]}
            else:
                told = self._measured(request, plan, size, Span(progress, 0.3, 1.0))
            record |= {"key": key, **told}
        except (ClassesDifferError, CancelledError):
            raise
        except UserError as error:
            record |= {"state": "refused", "message": str(error)}
        progress(1.0, "Done")
        return {**record, "seconds": round(time.monotonic() - began, 1)}

    def _exact(self, request: TrialRequest, size: ImageSize, progress: Progress) -> Plan | None:
        """Return a plan that names the exact channels; None where nothing goes."""
        if request.plan:
            return parse_plan(request.plan)
        asked = self.space.plan_of(request.settings)
        if asked.target is None and not asked.selection and not asked.restructures:
            if size == self.val.image_size:
                raise UserError(_NOTHING)
            return None
        settler = Settler(self.loaded, self._train(size), cache=self.cache)
        found = settler.allocate(asked, progress)
        resolver = Resolver(found.stage.analysis.table)
        exact = explicit_plan(resolver, found.plan, found.resolution.removed)
        return found.stage.replayed(exact, found.plan)

    def _measured(
        self, request: TrialRequest, plan: Plan | None, size: ImageSize, progress: Progress
    ) -> dict[str, Any]:
        bench = self._begun(Span(progress, 0.0, 0.05))
        brief = self.settings.tune_minutes > 0
        part = Span(progress, 0.05, 0.5 if brief else 1.0)
        began = time.monotonic()
        made = self._made(plan, Path(request.output), size, Span(part, 0.0, 0.6))
        times = bench.times(made.model, Span(part, 0.6, 0.75), size)
        judged = bench.accuracy(made.model, Span(part, 0.75, 1.0), size)
        point = bench.point(judged, times, size, began, made.steps)
        told = {
            "state": "measured",
            "report": made.report,
            "file": str(made.file),
            "point": point.to_json(),
            "figures": dict(judged.figures),
        }
        if not brief:
            return told
        if behind((point.latency_ms, point.accuracy), request.front):
            return {**told, "state": "stopped"}
        output, span = Path(request.output), Span(progress, 0.5, 1.0)
        try:
            model, report = tuned(self.loaded, self.settings, made.file, output, size, span)
        except UserError as error:  # it is sound without
            return {**told, "tune_failed": str(error)}
        judged = bench.accuracy(model, silent, size)
        point = bench.point(judged, times, size, began, made.steps)
        after = {"point": point.to_json(), "figures": dict(judged.figures), "file": str(output)}
        return {**told, "repaired": told["point"], "tuning": report, **after}

    def _made(self, plan: Plan | None, output: Path, size: ImageSize, progress: Progress) -> Made:
        if plan is None:
            return Made(self.loaded.model, Path(self.loaded.facts.path), {}, "")
        repair = self.repair if self.repair.steps else None
        pruned = prune(
            self.loaded,
            plan,
            output,
            cache=self.cache,
            data=self._train(size),
            repair=repair,
            progress=Quiet(progress),
        )
        told = pruned.to_json()
        report = {
            "before": {key: told["before"][key] for key in COST},
            "after": {key: told["after"][key] for key in COST},
            "plan": told["plan"],
            "verification": told["verification"],
            "repair": told["repair"],
            "repair_failed": told["repair_failed"],
        }
        steps = "" if pruned.repaired is None else ",".join(self.repair.steps)
        return Made(pruned.model, output, report, steps)


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


def _key(plan: Plan | None, size: ImageSize) -> str:
    """Name a network by what makes it: exact channels, structure and image size."""
    text = json.dumps([plan_facts(plan), size.plain], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
