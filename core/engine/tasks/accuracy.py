"""Tasks that measure accuracy."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.engine.tasks import (
    Args,
    Models,
    Task,
    check_images,
    data_of,
    delivered,
    network_of,
    place_of,
)
from core.errors import no_dataset
from core.progress import Progress, publish

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.graph.table import ChannelTable
    from core.sensitivity.cuts import CutEvaluator

    Evaluators = dict[str, tuple[CutEvaluator, ChannelTable, str]]

_evaluators: Evaluators = {}
"""What evaluated cuts last in this process, by what it was made for."""


def labelled(args: Args) -> DataSettings:
    """Return the images to evaluate: all of the val split unless the request says otherwise.

    Raises
    ------
    UserError
        When the request names none.
    """
    settings = data_of(args, split="val", images=None)
    if settings is None:
        raise no_dataset("This")
    return settings


def evaluate_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Measure a model's accuracy."""
    from core.data.evaluate import evaluate

    loaded = network_of(models, args, progress)
    facts = loaded.facts
    accuracy = evaluate(loaded.model, labelled(args), facts.classes, facts.task, progress=progress)
    return accuracy.to_json()


def scan_sensitivity(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Measure accuracy against ratio, block by block; every point is a partial result."""
    from core.measure import sensitivity
    from core.plan.schema import parse_plan

    loaded = network_of(models, args, progress)
    result = sensitivity(
        loaded,
        labelled(args),
        args.get("output"),
        plan=parse_plan(args["plan"]) if args.get("plan") else None,
        ratios=args.get("ratios"),
        blocks=args.get("blocks"),
        on=place_of(args),
        progress=progress,
    )
    return {**result.to_json(), "output": args.get("output")}


def evaluate_cuts(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Evaluate cuts of a model, for a scan in several processes; each is a partial result.

    With ``baseline``, the uncut network first, as cut None. ``images_sha256`` is what the images
    and labels must be.
    """
    from core.plan.masks import unpack
    from core.sensitivity.scan import plain_figures

    evaluator, table, images = _evaluator_of(models, args)
    check_images(args, images)
    if args.get("baseline"):
        publish(progress, {"cut": None, **plain_figures(evaluator.baseline(progress))})
    cuts = [unpack(text, table.atom_count) for text in args["cuts"]]
    for place, accuracy in evaluator.evaluate(cuts, progress):
        publish(progress, {"cut": place, **plain_figures(accuracy)})
    return {"cuts": len(cuts)}


def _evaluator_of(models: Models, args: Args) -> tuple[CutEvaluator, ChannelTable, str]:
    """Return what evaluates cuts of a model, kept for the requests that follow on the same."""
    from core.data.validation import Validation
    from core.pipeline import analyse
    from core.sensitivity.cuts import CutEvaluator

    wanted = json.dumps([args["path"], args.get("sha256"), args["data"]], sort_keys=True)
    if wanted not in _evaluators:
        _evaluators.clear()  # never the images of two scans at once
        loaded = models.get(str(args["path"]), args.get("sha256"))
        facts, table = loaded.facts, analyse(loaded).table
        validation = Validation(loaded.model, labelled(args), facts.classes, facts.task)
        evaluator = CutEvaluator(loaded.model, table, validation)
        _evaluators[wanted] = evaluator, table, validation.sha256
    return _evaluators[wanted]


def one_by_one(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Prune step by step, each measured; every step tried is a partial result."""
    from core.measure import prune_one_by_one
    from core.plan.schema import parse_plan

    started = time.monotonic()
    loaded = network_of(models, args, progress)
    result = prune_one_by_one(
        loaded,
        parse_plan(args["plan"]),
        labelled(args),
        str(args["output"]),
        folder=args.get("folder") or None,
        from_step=args.get("from_step"),
        progress=progress,
    )
    return delivered(result.to_json(), started)


def compare_models(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Compare the models at ``paths`` with the first of them; layer by layer only without data."""
    from core.compare.files import TURNS, compare_files, compare_layer_files

    if not args.get("data"):
        return dict(compare_layer_files(args["paths"], progress=progress))
    compared = compare_files(
        args["paths"],
        labelled(args),
        shown=int(args.get("shown", 50)),
        turns=int(args.get("turns", TURNS)),
        progress=progress,
    )
    return dict(compared)


TASKS: Mapping[str, Task] = {
    "evaluate": evaluate_model,
    "sensitivity": scan_sensitivity,
    "one_by_one": one_by_one,
    "cuts": evaluate_cuts,
    "compare": compare_models,
}
