"""The stages in order: load, trace, plan, prune, verify."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.checkpoint import Loaded
from core.checkpoint.facts import kept_dtype
from core.data.classes import ClassesDifferError
from core.errors import CancelledError, UserError, one_line
from core.graph.analysis import Analysis, analyse, cached_analysis, load
from core.plan.criteria import can_be_shared
from core.plan.latency.clock import Clock
from core.plan.latency.devices import device_of
from core.plan.latency.files import known_latency
from core.plan.memory import PeakMemory
from core.plan.predict import Prediction, predict_plan
from core.plan.refusals import check_channels_only, check_made_for
from core.plan.resolve import Resolution
from core.plan.schema import Plan
from core.progress import Progress, Span, silent
from core.settle import Settler, nothing_of, nothing_to_choose, removes_nothing, resolved
from core.trust.find import needed_by

if TYPE_CHECKING:
    from torch import nn

    from core.choose.ranking import Ranking
    from core.choose.suggest import Suggestion
    from core.cluster.place import Place
    from core.cluster.pool import Pool
    from core.data.stream import DataSettings
    from core.plan.latency.times import Times
    from core.plan.widths import Mask
    from core.pruning.verify import Verification
    from core.repair import Repaired, RepairSettings
    from core.structure.stage import Stage

__all__ = [
    "Analysis",
    "Pruned",
    "analyse",
    "cached_analysis",
    "load",
    "predict",
    "prune",
    "resolve",
    "score",
    "suggest",
    "verify",
]


@dataclass(frozen=True, slots=True)
class Pruned:
    """A pruned network, verified to equal the masked original, then repaired if requested.

    ``output`` is the file written, or None; ``dtype`` the type of the weights in it; ``times``
    what it takes, where the plan's target was a time; ``repair_failed`` why there was no repair
    though it was requested, empty otherwise.
    """

    model: nn.Module
    plan: Plan
    prediction: Prediction
    verification: Verification
    output: Path | None
    repaired: Repaired | None = None
    dtype: str = "float32"
    times: Times | None = None
    repair_failed: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the report of the pruning as plain data, as ``prune --json`` prints it."""
        from core.ship.replay import weights_sha256

        return {
            **self.prediction.to_json(),
            "verification": self.verification.to_json(),
            "repair": None if self.repaired is None else self.repaired.to_json(),
            "repair_failed": self.repair_failed or None,
            "repair_images": None if self.repaired is None else self.repaired.images_json(),
            "output": None if self.output is None else str(self.output),
            "dtype": self.dtype,
            "times": None if self.times is None else self.times.to_json(),
            "plan": self.plan.to_json(),
            "modules": list(needed_by(self.model)),
            "weights_sha256": weights_sha256(self.model),
        }


def score(
    loaded: Loaded,
    plan: Plan,
    data: DataSettings | None = None,
    progress: Progress = silent,
    *,
    cache: bool = True,
    pool: Pool | None = None,
) -> Ranking:
    """Score every atom by the plan's criterion; ``data`` is for criteria from images.

    ``pool`` looks at them, where other processes can look at a part each.

    Raises
    ------
    UserError
        For data that is missing or cannot be used, or scores that are not numbers.
    """
    from core.choose.elsewhere import Elsewhere
    from core.choose.ranking import Ranker

    table = analyse(loaded, cache=cache).table
    there = None if pool is None else Elsewhere(pool, loaded, Plan(), table)
    ranker = Ranker(loaded, plan, data, cache=cache, elsewhere=there)
    return ranker.rank(loaded.model, table, progress)


def resolve(
    loaded: Loaded,
    analysis: Analysis,
    plan: Plan,
    data: DataSettings | None = None,
    progress: Progress = silent,
    *,
    cache: bool = True,
) -> tuple[Plan, Resolution]:
    """Turn a plan into atoms to remove; a target becomes ratios or exact channels first.

    Raises
    ------
    UserError
        For a plan made for another file, or one that does not fit the network.
    """
    settler = Settler(loaded, data, cache=cache)
    return resolved(settler.chooser(_whole(loaded, analysis, plan), progress), progress)


def suggest(
    loaded: Loaded,
    plan: Plan,
    data: DataSettings | None = None,
    progress: Progress = silent,
    *,
    cache: bool = True,
    on: Place | None = None,
) -> Suggestion:
    """Find the exact channels that meet a plan's target, and alternatives next to them.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plan : Plan
        With a target or ratios. Its criterion, allocation, locks and rounding are used.
    data : DataSettings, optional
        Images, for a criterion that uses them.
    progress : Progress
        May cancel; finished scores stay in the cache.
    cache : bool
        Whether to read and write the user's cache.
    on : Place, optional
        Where images are looked at, by criteria whose images can be shared out: Ray or Slurm.

    Raises
    ------
    UserError
        For a plan that does not fit or removes nothing, a target that cannot be reached (the
        message names the nearest), or a dataset that cannot be used.
    """
    from core.choose.suggest import hint_of
    from core.data.elsewhere import pool_for
    from core.structure.scales import strides_of

    progress(0.0, "Analysing the network")
    with ExitStack() as stack:
        pool = None
        if on is not None and can_be_shared(plan.criterion):
            pool = stack.enter_context(pool_for(loaded, on, data, progress))
        settler = Settler(loaded, data, cache=cache, pool=pool)
        found = settler.settle(plan, Span(progress, 0.02, 0.9))
        if found.chooser is None:
            raise nothing_to_choose(plan)
        show = Span(progress, 0.9, 1.0)
        made = found.chooser.suggestion(found.plan, found.resolution, show)
    stage = found.stage
    made = replace(made, times=found.times, rankings=found.rankings)
    if stage.is_whole:
        scales = len(strides_of(loaded.model))
        return replace(made, hint=hint_of(plan, made.before, made.after, scales))
    before = stage.of_the_original(predict_plan(stage.analysis.table, nothing_of(stage))).before
    front = tuple(replace(one, plan=stage.replayed(one.plan, found.plan)) for one in made.front)
    return replace(made, plan=stage.replayed(made.plan, found.plan), before=before, front=front)


def _whole(loaded: Loaded, analysis: Analysis, plan: Plan) -> Stage:
    """Return a network with all of its structure, to prune channels in.

    Raises
    ------
    UserError
        For a plan that takes structure away.
    """
    from core.structure.stage import Stage
    from core.structure.working import Cuts

    check_made_for(plan, analysis.facts.sha256)
    check_channels_only(plan, "This step")
    return Stage(loaded, analysis, loaded, analysis, Cuts(), plan)


def predict(
    loaded: Loaded,
    plan: Plan,
    *,
    cache: bool = True,
    data: DataSettings | None = None,
    progress: Progress = silent,
) -> Prediction:
    """Predict what a plan does to every layer; exact, nothing is pruned.

    Parameters
    ----------
    loaded, plan, cache, data, progress
        As for `suggest`; the plan needs no target.

    Raises
    ------
    UserError
        For a plan that does not fit the network.
    """
    found = Settler(loaded, data, cache=cache).settle(plan, progress)
    return _predict(found.stage, found.resolution, cache, plan.device)


def _predict(stage: Stage, resolution: Resolution, cache: bool, device: str) -> Prediction:
    whole = stage.before
    facts, table = whole.facts, whole.table
    on = device_of(device).address if device else ""
    latency = known_latency(facts.sha256, facts.image_size, table, on) if cache else None
    prediction = predict_plan(stage.analysis.table, resolution, stage.timed(latency))
    if latency is not None and prediction.latency_ms is not None:
        before = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
        prediction = replace(prediction, latency_ms=(before, prediction.latency_ms[1]))
    after = PeakMemory(stage.analysis.table).cost(resolution.removed)
    prediction = replace(prediction, peak_memory=(int(PeakMemory(table).whole()), int(after)))
    return stage.of_the_original(prediction)


def prune(
    loaded: Loaded,
    plan: Plan,
    output: str | Path | None = None,
    *,
    cache: bool = True,
    data: DataSettings | None = None,
    repair: RepairSettings | None = None,
    fp32: bool = False,
    progress: Progress = silent,
) -> Pruned:
    """Prune a copy of a model, verify it, repair it if requested, and save it.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plan : Plan
    output : path, optional
        A ``.pt`` file to write. Nothing is written unless verification passes.
    data, cache
        As for `suggest`; repair takes its images from ``data``, too.
    repair : RepairSettings, optional
        How to repair the remaining weights after verification; each step is kept only if it helps.
    fp32 : bool
        Save FP32 even if the model came in FP16. The proof is of the weights as they are saved.
    progress : Progress
        Called at every step; may cancel.

    Raises
    ------
    UserError
        For a plan that removes nothing or does not fit, or a file that cannot be written.
    """
    from core.pruning.record import record, save_pruned
    from core.structure.compact import compact
    from core.structure.cutting import as_stored, cut_stage

    _check(loaded, output, repair, data)
    # Repair takes far longer than surgery, and choosing units as long as repair.
    cut = Span(progress, 0.0, 0.85 if repair is None else 0.5 if plan.depth else 0.1)
    ready = 0.9 if plan.depth else 0.4
    cut(0.0, "Analysing the network")
    cut(0.2, "Ranking channels")
    found = Settler(loaded, data, cache=cache).settle(plan, Span(cut, 0.2, ready))
    stage, plan, resolution = found.stage, found.plan, found.resolution
    prediction = _predict(stage, resolution, cache, plan.device)
    if stage.is_whole and not resolution.removed.any():
        raise removes_nothing(prediction)
    removed = resolution.removed
    cut(ready, "Removing channels")
    dtype = kept_dtype(loaded.facts, full=fp32)
    model, verification = cut_stage(stage, removed, prediction, Span(cut, ready, 1.0), dtype)
    repaired, failed = None, ""
    if repair is not None and data is not None:
        show = Span(progress, 0.1, 0.95)
        repaired, failed = _repaired(stage, model, removed, data, repair, show)
        if repaired is not None:
            model = as_stored(repaired.model, dtype)
    renamed = {} if stage.is_whole else compact(model)
    written = None if output is None else Path(output)
    if written is not None:
        progress(0.85 if repaired is None else 0.95, "Saving and verifying the file")
        steps = None if repaired is None else repaired.to_json()
        made = record(loaded, plan, prediction, verification, steps, renamed)
        save_pruned(loaded, model, written, made, dtype)
    progress(1.0, "Done")
    done = model, plan, prediction, verification, written
    return Pruned(*done, repaired, dtype, found.times, failed)


def _check(
    loaded: Loaded,
    output: str | Path | None,
    repair: RepairSettings | None,
    data: DataSettings | None,
) -> None:
    """Refuse, before minutes of work, what could not be written or repaired after them."""
    if output is not None:
        from core.checkpoint.writer import check_target

        check_target(Path(output), [loaded.facts.path])
    if repair is not None:
        from core.repair import check_request

        check_request(repair, data)


def _repaired(
    stage: Stage,
    model: nn.Module,
    removed: Mask,
    data: DataSettings,
    settings: RepairSettings,
    progress: Progress,
) -> tuple[Repaired | None, str]:
    """Repair a pruned network; where that fails, return the reason, since pruning did not."""
    from core.repair import repair_stage

    try:
        return repair_stage(stage, model, removed, data, settings, progress), ""
    except (CancelledError, ClassesDifferError):  # a question, to be answered first
        raise
    except UserError as error:
        return None, f"{error.message} {error.hint}".strip()
    except Exception as error:  # whatever went wrong, the pruned network is sound
        logging.getLogger(__name__).exception("Repair failed")
        return None, f"Internal error ({type(error).__name__}: {one_line(error)})."


def verify(original: Loaded, pruned: Loaded, plan: Plan | None = None) -> Verification:
    """Compare a pruned file with its masked original.

    If a file was repaired after verification, the widths are checked and the stored result is
    given back, marked as such: its weights are no longer the original's.

    Parameters
    ----------
    original, pruned : Loaded
    plan : Plan, optional
        The plan it was pruned by; the one stored in the pruned file otherwise.

    Raises
    ------
    UserError
        If the pruned file is not the result of this plan.
    """
    from core.pruning.record import repaired_proof, stored_plan, stored_removal
    from core.structure.cutting import check_widths, proof_of
    from core.structure.stage import stage_of

    if plan is not None:
        found = Settler(original).settle(plan)
        stage, removed = found.stage, found.resolution.removed
    else:
        sha256 = original.facts.sha256
        stage = stage_of(original, stored_plan(pruned.facts, sha256))
        table, outputs = stage.analysis.table, stage.cuts.outputs
        removed = stored_removal(table, sha256, pruned.facts, outputs)
    check_widths(stage, pruned, removed)
    stored = repaired_proof(pruned.facts)
    if stored is not None:
        return stored
    return proof_of(stage, pruned.model, removed)
