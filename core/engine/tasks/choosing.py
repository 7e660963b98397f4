"""Tasks that rank channels and choose what goes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.engine.tasks import Args, Models, Task, check_images, data_of, network_of, place_of
from core.errors import UserError, no_dataset
from core.progress import Progress

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings
    from core.pipeline import Analysis
    from core.plan.schema import Plan
    from core.repair import RepairSettings

    Request = tuple[Loaded, list[Plan], DataSettings, RepairSettings | None]


def scores_by_weights(
    models: Models, analysis: Analysis, args: Args, loaded: Loaded | None = None
) -> Path:
    """Return the file of a ranking by weights only, made when it is missing.

    Parameters
    ----------
    models : Models
    analysis : Analysis
        Of the network that is ranked.
    args : mapping
    loaded : Loaded, optional
        That network; the one at the ``path`` of the request unless given.
    """
    from core.choose.score_cache import read_scores, score_path, stored_scores, write_scores

    criterion, seed = str(args.get("criterion", "l2")), int(args.get("seed", 0))
    path = score_path(analysis.facts.sha256, criterion, seed)
    if path is not None and read_scores(path, analysis.table.atom_count) is not None:
        return path
    from core.pruning.criteria import score_atoms

    loaded = loaded or models.get(str(args["path"]))
    scores = score_atoms(loaded.model, analysis.table, criterion, seed)
    return stored_scores(None, scores) if path is None else write_scores(path, scores)


def score_channels(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Rank the channels of an open model by another criterion, by images where it needs them.

    With a ``plan`` that takes structure away, those that are left.
    """
    from core.choose.score_cache import stored_scores
    from core.pipeline import analyse, score
    from core.plan.schema import parse_plan
    from core.structure.stage import stage_of

    progress(0.0, "Ranking channels")
    loaded = models.get(str(args["path"]), args.get("sha256"))
    asked = parse_plan(args.get("plan") or {"version": 1})
    if asked.restructures:
        loaded = stage_of(loaded, asked).loaded
    chosen = {key: args[key] for key in ("criterion", "seed", "representative") if args.get(key)}
    plan = parse_plan({"version": 1, **chosen})
    data = data_of(args, seed=plan.seed)
    skipped = 0
    from core.plan.criteria import by_images

    if by_images(plan.criterion):
        ranking = score(loaded, plan, data, progress)
        file, skipped = stored_scores(ranking.file, ranking.scores), ranking.skipped
    else:
        file = scores_by_weights(models, analyse(loaded), args, loaded)
    return {
        "scores": str(file),
        "criterion": plan.criterion,
        "seed": plan.seed,
        "representative": plan.representative,
        "skipped": skipped,
    }


def suggest_plan(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Find exact channels for a plan's target or ratios, and alternatives next to them.

    With ``val``, the images to measure on, what is known of the alternatives is handed on.
    """
    from core.choose.score_cache import stored_scores
    from core.pipeline import suggest
    from core.plan.schema import parse_plan

    plan = parse_plan(args["plan"])
    loaded = network_of(models, args, progress)
    found = suggest(loaded, plan, data_of(args, seed=plan.seed), progress)
    result = {**found.to_json(), "scores": str(stored_scores(found.file, found.scores))}
    if args.get("val"):
        plans = [alternative.plan for alternative in found.front]
        result["measured"] = _known(loaded, plans, args)
    return result


def _known(loaded: Loaded, plans: list[Plan], args: Args) -> dict[str, Any] | None:
    """Return what was measured of alternatives; None where the images have no usable labels."""
    from core.compare.front import known_front
    from core.data.stream import DataSettings

    with contextlib.suppress(UserError):
        data = DataSettings.from_json(args["val"], split="val")
        return known_front(loaded, plans, data, _repair(args)).to_json()
    return None


def _repair(args: Args) -> RepairSettings | None:
    """Return the repair of a request by its steps: the usual one if it names none, or no repair."""
    from core.compare.bench import QUICK

    steps = args.get("repair", QUICK.steps)
    return replace(QUICK, steps=tuple(steps)) if steps else None


def _front(models: Models, args: Args, progress: Progress) -> Request:
    """Return the network, the plans, the images and the repair that a request names."""
    from core.plan.schema import parse_plan

    loaded = network_of(models, args, progress)
    data = data_of(args, split="val")
    if data is None:
        raise no_dataset("Measuring alternatives")
    return loaded, [parse_plan(plan) for plan in args["plans"]], data, _repair(args)


def measure_alternatives(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Measure accuracy and time of networks, by their plans; every point is a partial result."""
    from core.compare.front import measure_front

    request, on = _front(models, args, progress), place_of(args)
    return measure_front(*request, on=on, progress=progress).to_json()


def judge_network(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Prune, repair and evaluate the network of a ``plan``, or the unpruned one; see `Evaluated`.

    ``repair`` has all settings of the repair, as plain data, or is null.
    """
    from core.compare.bench import Bench
    from core.plan.schema import parse_plan
    from core.repair import RepairSettings

    loaded = network_of(models, args, progress)
    data = data_of(args, split="val")
    if data is None:
        raise no_dataset("Measuring alternatives")
    plan = None if args["plan"] is None else parse_plan(args["plan"])
    told, repair = args["repair"], None
    if told is not None:
        repair = RepairSettings(**{**told, "steps": tuple(told["steps"])})
    plans = [] if plan is None else [plan]
    bench = Bench(loaded, plans, data, repair, bool(args.get("cache", True)), progress)
    check_images(args, bench.validation.sha256)
    return bench.judge(plan, progress).to_json()


def estimate_alternatives(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Estimate how long measuring them takes."""
    from core.compare.estimate import estimate_front

    return estimate_front(*_front(models, args, progress), progress=progress)


TASKS: Mapping[str, Task] = {
    "scores": score_channels,
    "suggest": suggest_plan,
    "measure_front": measure_alternatives,
    "estimate_front": estimate_alternatives,
    "judge": judge_network,
}
