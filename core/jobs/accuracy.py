"""Jobs that measure accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.jobs import Args, Job, Models, data_of
from core.progress import Progress

if TYPE_CHECKING:
    from core.data.stream import DataSettings


def labelled(args: Args) -> DataSettings:
    """Return the images to evaluate: all of the val split unless the request says otherwise.

    Raises
    ------
    UserError
        When the request names none.
    """
    settings = data_of(args, split="val", images=None)
    if settings is None:
        raise UserError("This needs labelled images, and no data was given.", "Choose a dataset.")
    return settings


def evaluate_model(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Measure a model's accuracy."""
    from core.data.evaluate import evaluate

    progress(0.0, "Opening the model")
    loaded = models.get(str(args["path"]), args.get("sha256"))
    facts = loaded.facts
    accuracy = evaluate(loaded.model, labelled(args), facts.classes, facts.task, progress=progress)
    return accuracy.to_json()


def scan_sensitivity(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Measure accuracy against ratio, block by block; every point is a partial result."""
    from core.measure import sensitivity
    from core.plan.schema import parse_plan

    progress(0.0, "Opening the model")
    loaded = models.get(str(args["path"]), args.get("sha256"))
    result = sensitivity(
        loaded,
        labelled(args),
        args.get("output"),
        plan=parse_plan(args["plan"]) if args.get("plan") else None,
        ratios=args.get("ratios"),
        blocks=args.get("blocks"),
        progress=progress,
    )
    return {**result.to_json(), "output": args.get("output")}


JOBS: Mapping[str, Job] = {"evaluate": evaluate_model, "sensitivity": scan_sensitivity}
