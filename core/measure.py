"""What needs labelled images and many evaluations, from a loaded model to a result."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import UserError
from core.pipeline import Pruned, analyse, score
from core.plan.latency.cost import rounded
from core.plan.latency.devices import device_of
from core.plan.latency.files import known_latency
from core.plan.ratio import LEAST, SCANNED, WHOLE
from core.plan.refusals import check_channels_only, check_made_for
from core.plan.resolve import Resolver
from core.plan.schema import Plan
from core.plan.widths import compute_widths
from core.progress import Progress, Span, silent
from core.system.paths import steps_folder

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.cluster.early import Early
    from core.cluster.place import Place
    from core.cluster.pool import Pool
    from core.data.stream import DataSettings
    from core.data.validation import Validation
    from core.graph.table import ChannelTable
    from core.plan.resolve import Scores
    from core.sensitivity.one_by_one import AfterStep, Run
    from core.sensitivity.scan import Sensitivity, Source
    from core.sensitivity.sources import Baseline

RANKING = "fisher"
"""The criterion of a scan that names none: with images, what measured best (docs/accuracy.md)."""
RANKING_IMAGES = 96


def sensitivity(
    loaded: Loaded,
    data: DataSettings,
    output: str | Path | None,
    *,
    plan: Plan | None = None,
    ratios: Sequence[float] | None = None,
    blocks: Sequence[int] | None = None,
    scores: Scores | None = None,
    on: Place | None = None,
    cache: bool = True,
    progress: Progress = silent,
) -> Sensitivity:
    """Measure accuracy against ratio, block by block.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    data : DataSettings
        Its split is evaluated. A criterion that uses images reads the train split. Its device
        may be a list with commas, and empty is all GPUs: a checkpoint is then scanned by a
        process for each.
    output : path, optional
        A file of results, appended to: what it holds of this very scan is not measured again.
        Without one, results are only returned.
    plan : Plan, optional
        Its criterion, seed, rounding, floor and locks hold; ``fisher`` by default.
    ratios : sequence of float, optional
        ``core.plan.ratio.SCANNED`` by default.
    blocks : sequence of int, optional
        All by default.
    scores : float array, shape (atoms,), optional
        The ranking, where it is known already.
    on : Place, optional
        Where images are looked at and points measured: Ray or Slurm; this process by default.
    progress : Progress
        Handed every point as it is measured; may cancel, and what was measured is kept.

    Raises
    ------
    UserError
        For data that cannot be used, a block that is missing, a file that is something else.
    """
    from core.cluster.early import Early
    from core.data.elsewhere import pool_for
    from core.sensitivity import scan as scans
    from core.sensitivity.records import SCANS, check
    from core.sensitivity.spread import devices_of
    from core.system.journal import Journal

    plan = _settled(loaded, plan or Plan(criterion=RANKING), cache)
    ratios = _checked(ratios or SCANNED)
    facts, table = loaded.facts, analyse(loaded, cache=cache).table
    with ExitStack() as stack:
        journal = None
        if output is not None:
            journal = stack.enter_context(Journal(Path(output), SCANS, check))
        opening = None
        if on is not None:
            opening = stack.enter_context(Early(pool_for(loaded, on, data, progress)))
        progress(0.0, "Reading the dataset")
        validation, device, baseline, measure = _sources(loaded, data, table, opening)
        pool = None if opening is None else opening.get()
        if scores is None:
            here = devices_of(data.device)[0] if pool is None else ""
            ranked = replace(data, split="train", images=RANKING_IMAGES, device=here)
            part = Span(progress, 0.0, 0.1, "Ranking channels: ")
            scores = score(loaded, plan, ranked, part, cache=cache, pool=pool).scores
        points, unprunable = scans.scan_points(Resolver(table), plan, scores, ratios, blocks)
        settings = scans.scan_settings(validation, facts.sha256, plan, _ranking(plan, data))
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
        base, done, resumed = scans.scan(
            points,
            scans.Ledger(journal, settings | {"device": device}),
            baseline,
            measure,
            (widths.macs, widths.parameters),
            Span(progress, 0.1, 1.0),
        )
    return scans.Sensitivity(base, done, tuple(unprunable), resumed)


def _sources(
    loaded: Loaded, data: DataSettings, table: ChannelTable, opening: Early[Pool] | None
) -> tuple[Validation, str, Baseline, Source]:
    """Return the images, the kind of device, and how baseline and points are measured on it."""
    from core.data.elsewhere import request_of
    from core.data.validation import Validation
    from core.sensitivity import sources
    from core.sensitivity.spread import TASK, devices_of

    facts = loaded.facts
    if opening is not None:  # while it opens, the dataset is read here
        validation = Validation(
            loaded.model, replace(data, device="cpu"), facts.classes, facts.task
        )
        pool = opening.get()
        request = request_of(loaded, replace(data, device=pool.device))
        pool.warm(TASK, {**request, "cuts": []})
        request["images_sha256"] = validation.sha256
        return validation, pool.device, *sources.measured_by(pool, table, request)
    devices = devices_of(data.device)
    data = replace(data, device=devices[0])
    validation = Validation(loaded.model, data, facts.classes, facts.task)
    baseline, measure = sources.measured_here(loaded.model, table, validation)
    if len(devices) > 1 and Path(facts.path).is_file():  # a description has random weights
        measure = sources.measured_on(devices, table, request_of(loaded, data))
    return validation, validation.device.type, baseline, measure


def _settled(loaded: Loaded, plan: Plan, cache: bool) -> Plan:
    """Return the plan with a rounding left open taken from the latency table, if there is one."""
    if plan.round_to != "auto" or not cache:
        return plan
    facts = loaded.facts
    on = device_of(plan.device).address if plan.device else ""
    latency = known_latency(facts.sha256, facts.image_size, analyse(loaded).table, on)
    return plan if latency is None else rounded(plan, latency)


def _ranking(plan: Plan, data: DataSettings) -> dict[str, Any]:
    """Describe how channels were ranked; what a point removes is next to it."""
    from core.plan.criteria import by_images

    known: dict[str, Any] = {"criterion": plan.criterion, "seed": plan.seed}
    if by_images(plan.criterion):
        known |= {"images": RANKING_IMAGES, "image_size": data.image_size.plain}
    return known


def _checked(ratios: Sequence[float]) -> Sequence[float]:
    for ratio in ratios:
        if not LEAST < ratio <= WHOLE:
            raise UserError(
                f"A ratio of {ratio:g} removes nothing, or more than everything.",
                "Use ratios above 0 and up to 1, for example 0.25,0.5,0.75,0.9.",
            )
    return ratios


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Outcome of a run of one by one.

    Attributes
    ----------
    pruned : Pruned
        The last network accepted, with a plan that replays it.
    steps : tuple of dict
        Every step tried, in order.
    baseline : dict
        The unpruned network's figures.
    folder : Path
        Where the steps are kept.
    """

    pruned: Pruned
    steps: tuple[dict[str, Any], ...]
    baseline: dict[str, Any]
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """Return the report of the pruning with its steps, as ``prune --json`` prints it."""
        return {
            **self.pruned.to_json(),
            "baseline": self.baseline,
            "steps": list(self.steps),
            "folder": str(self.folder),
        }


def prune_one_by_one(
    loaded: Loaded,
    plan: Plan,
    data: DataSettings,
    output: str | Path,
    *,
    folder: str | Path | None = None,
    from_step: int | None = None,
    after_step: AfterStep | None = None,
    after_name: str = "",
    cache: bool = True,
    progress: Progress = silent,
) -> OneByOne:
    """Prune entry by entry, each measured, and taken back where it loses too much.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plan : Plan
        Its selection is tried in order; with a target and no selection, blocks are, in order of
        the least measured harm, until it is met. ``max_loss`` is the share of the unpruned
        mAP50-95 that may go in all, 0.05 by default.
    data : DataSettings
        Its split is evaluated after every step.
    output : path
        A ``.pt`` file for the last network accepted.
    folder : path, optional
        Of the steps; next to the output by default. A run in it is continued.
    from_step : int, optional
        Start from that step's network.
    after_step : callable, optional
        Repairs or tunes each network before it is evaluated; named by ``after_name``.
    progress : Progress
        Handed every step tried; may cancel, and the steps are kept.

    Raises
    ------
    UserError
        For a plan or data that does not fit, or when no step stayed within the loss allowed.
    """
    from core.sensitivity.one_by_one import LOG
    from core.sensitivity.order import entries_for_target, entries_given
    from core.sensitivity.records import STEPS, check_whole
    from core.system.journal import Journal

    output = Path(output)
    folder = Path(folder) if folder else steps_folder(output)
    _check_one_by_one(loaded, plan, output)
    plan = _settled(loaded, plan, cache)
    folder.mkdir(parents=True, exist_ok=True)
    with Journal(folder / LOG, STEPS, check_whole) as journal:
        run = _run(loaded, plan, data, folder, after_step, after_name, cache)

        def entries(run: Run, progress: Progress) -> Any:
            if plan.selection or plan.target is None:
                return entries_given(plan)
            table = run.resolver.table
            scores = run.rank(loaded.model, table, Span(progress, 0.05, 0.1))
            part = Span(progress, 0.1, 0.4, "Measuring each block: ")
            return entries_for_target(run, plan.target, journal, scores, part)

        last = run.go(journal, entries, progress, from_step)
        if not last.removed.any():
            raise UserError(
                f"No step kept {1 - run.limit:.1%} of the unpruned accuracy.",
                f"The steps are in {folder}. Allow more loss (max_loss), or use smaller ratios.",
            )
        pruned = _finish(run, last, output, changed=after_step is not None)
    progress(1.0, "Done")
    return OneByOne(pruned, tuple(run.steps), run.base, folder)


def _check_one_by_one(loaded: Loaded, plan: Plan, output: Path) -> None:
    from core.checkpoint.writer import check_target

    check_made_for(plan, loaded.facts.sha256)
    check_channels_only(plan, "The strategy one_by_one")
    if plan.target is not None and not plan.target.by_count:
        raise UserError(
            "The strategy one_by_one does not support a target in milliseconds or bytes.",
            'Use a target in "macs" or "params".',
        )
    check_target(output, [loaded.facts.path])


def _run(
    loaded: Loaded,
    plan: Plan,
    data: DataSettings,
    folder: Path,
    after_step: AfterStep | None,
    after_name: str,
    cache: bool,
) -> Run:
    from core.choose.ranking import Ranker
    from core.data.validation import Validation
    from core.pipeline import load
    from core.sensitivity.one_by_one import Run
    from core.sensitivity.scan import scan_settings

    facts = loaded.facts
    resolver = Resolver(analyse(loaded, cache=cache).table)
    Resolver.resolve(
        resolver,
        plan.model_copy(update={"target": None, "strategy": "structural"}),
        np.zeros(resolver.table.atom_count),
    )  # names that are missing are refused before anything is measured
    validation = Validation(loaded.model, data, facts.classes, facts.task)
    ranked = replace(data, split="train", images=RANKING_IMAGES)
    ranker = Ranker(loaded, plan, ranked, cache=cache)

    def rank(model: nn.Module, table: ChannelTable, report: Progress) -> Scores:
        return ranker.rank(model, table, report).scores

    settings = scan_settings(validation, facts.sha256, plan, _ranking(plan, data))
    settings |= {"plan": plan.to_json(), "after_step": after_name}
    return Run(
        loaded,
        resolver,
        plan,
        validation,
        rank,
        lambda path: load(path).model,
        folder,
        settings,
        after_step,
    )


def _finish(run: Run, last: Any, output: Path, *, changed: bool) -> Pruned:
    """Prove the whole removal and save it; weights changed on the way prove each step instead."""
    from core.plan.predict import predict_plan
    from core.plan.resolve import Resolution
    from core.pruning.verify import check_proof, verify_networks

    table = run.resolver.table
    prediction = predict_plan(table, Resolution(last.removed, (), ()))
    proof = last.proof
    if not changed:
        proof = verify_networks(run.loaded.model, last.model, table, last.removed)
    check_proof(proof, last.model, prediction.after.parameters)
    plan = run.save(last.model, output, last.removed, prediction, proof)
    return Pruned(last.model, plan, prediction, proof, output)
