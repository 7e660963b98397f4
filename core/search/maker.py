"""The network of a trial: its settings become a plan, a pruned and repaired network, and figures.

What is here runs in the process that searches or in any other: plain data in, plain data out.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.choose.measured import plan_facts
from core.compare.bench import Bench, Quiet
from core.data.classes import ClassesDifferError
from core.data.stream import ALL, DataSettings
from core.errors import CancelledError, UserError
from core.graph.drive import image_unit
from core.pipeline import prune
from core.plan.allocate import explicit_plan
from core.plan.cost import COST
from core.plan.resolve import Resolver
from core.plan.schema import Plan, Removal, parse_plan
from core.progress import Progress, Span, silent
from core.repair import RepairSettings, parse_steps
from core.search.settings import SearchSettings, TrialRequest
from core.search.space import Space, Subject
from core.search.tuning import tuned
from core.sensitivity.depth import candidates
from core.settle import Settler
from core.structure.stage import stage_of
from core.system.size import ImageSize

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded

_NOTHING = "The point removes nothing and keeps the image size: it is the unpruned network."


class Maker:
    """Makes networks of one search, and evaluates them.

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

    def bench(self, progress: Progress = silent) -> Bench:
        """Return what evaluates networks, on images that are read once."""
        if self._bench is None:
            repair = self.repair if self.repair.steps else None
            self._bench = Bench(self.loaded, [], self.val, repair, self.cache, progress)
        return self._bench

    def train(self, size: ImageSize | None = None) -> DataSettings:
        """Return the images that are ranked and repaired on."""
        return replace(
            self.val,
            split="train",
            images=self.settings.images,
            seed=self.settings.seed,
            image_size=size or self.val.image_size,
        )

    # ---- what is made -------------------------------------------------------------------------

    def make(self, request: TrialRequest, progress: Progress = silent) -> dict[str, Any]:
        """Prune, repair and evaluate a network; see `core.search.parts.Part` for what is returned.

        A point that cannot be pruned is a result too: ``refused``, with the reason.
        """
        began = time.monotonic()
        told: dict[str, Any] = {"trial": request.number, "settings": request.settings}
        size = ImageSize.of(request.settings["image_size"])
        try:
            plan = self.exact(request, size, Span(progress, 0.0, 0.3))
            key = _key(plan, size)
            told["key"] = key
            if key in request.known:
                told |= {"state": "same", "same_as": request.known[key]}
            else:
                output = Path(request.output)
                told |= self._evaluated(plan, output, size, Span(progress, 0.3, 1.0))
        except (ClassesDifferError, CancelledError):
            raise
        except UserError as error:
            told |= {"state": "refused", "message": str(error)}
        progress(1.0, "Done")
        return {**told, "seconds": round(time.monotonic() - began, 1)}

    def by_time(self, request: TrialRequest) -> bool:
        """Whether a trial's channels depend on the times of this computer."""
        if request.plan:
            return False
        target = self.space.plan_of(request.settings).target
        return target is not None and target.by_time

    def exact(self, request: TrialRequest, size: ImageSize, progress: Progress) -> Plan | None:
        """Return a plan that names the exact channels; None where nothing goes.

        Raises
        ------
        UserError
            For a point that cannot be pruned.
        """
        if request.plan:
            return parse_plan(request.plan)
        asked = self.space.plan_of(request.settings)
        if asked.target is None and not asked.selection and not asked.restructures:
            if size == self.val.image_size:
                raise UserError(_NOTHING)
            return None
        settler = Settler(self.loaded, self.train(size), cache=self.cache)
        found = settler.allocate(asked, progress)
        resolver = Resolver(found.stage.analysis.table)
        exact = explicit_plan(resolver, found.plan, found.resolution.removed)
        return found.stage.replayed(exact, found.plan)

    def _evaluated(
        self, plan: Plan | None, output: Path, size: ImageSize, progress: Progress
    ) -> dict[str, Any]:
        bench = self.bench()
        model, report, steps = self._pruned(plan, output, size, Span(progress, 0.0, 0.7))
        judged = bench.evaluated(model, Span(progress, 0.7, 1.0), size).to_json()
        return {"state": "made", "report": report, "steps": steps, "judged": judged}

    def _pruned(
        self, plan: Plan | None, output: Path, size: ImageSize, progress: Progress
    ) -> tuple[nn.Module, dict[str, Any], str]:
        if plan is None:  # the network itself, on images of another size
            return self.loaded.model, {}, ""
        pruned = prune(
            self.loaded,
            plan,
            output,
            cache=self.cache,
            data=self.train(size),
            repair=self.repair if self.repair.steps else None,
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
        return pruned.model, report, steps

    # ---- what is tuned ------------------------------------------------------------------------

    def tune(
        self, network: Path, output: Path, size: ImageSize, progress: Progress = silent
    ) -> dict[str, Any]:
        """Fine-tune the network of a trial for the minutes of the search, and evaluate it again.

        Parameters
        ----------
        network : Path
            Its file.
        output : Path
            Where the result is saved; it may be the same.
        size : ImageSize
        progress : Progress
            May cancel.

        Returns
        -------
        dict
            ``tuning`` and ``judged``, or the reason why not, ``tune_failed``.
        """
        span = Span(progress, 0.0, 0.9)
        try:
            model, report = tuned(self.loaded, self.settings, network, output, size, span)
        except CancelledError:
            raise
        except UserError as error:  # it is sound without
            return {"tune_failed": str(error)}
        judged = self.bench().evaluated(model, Span(progress, 0.9, 1.0), size)
        return {"tuning": report, "judged": judged.to_json()}


def _key(plan: Plan | None, size: ImageSize) -> str:
    """Name a network by what makes it: exact channels, structure and image size."""
    text = json.dumps([plan_facts(plan), size.plain], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
