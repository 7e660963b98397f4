"""What needs labelled images and many evaluations, from a loaded model to a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import UserError
from core.pipeline import analyse, score
from core.plan.resolve import Resolver
from core.plan.schema import Plan
from core.plan.widths import compute_widths
from core.progress import Progress, Span, silent

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.data.stream import DataSettings
    from core.plan.resolve import Scores
    from core.tune.sensitivity import Sensitivity

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
    cache: bool = True,
    progress: Progress = silent,
) -> Sensitivity:
    """Measure accuracy against ratio, block by block.

    Parameters
    ----------
    loaded : Loaded
        Left as it is.
    data : DataSettings
        Its split is evaluated. A criterion that looks at images reads the train split.
    output : path, optional
        A file of results, appended to: what it holds of this very scan is not measured again.
        Without one, results are only returned.
    plan : Plan, optional
        Its criterion, seed, rounding, floor and locks hold; ``fisher`` by default.
    ratios : sequence of float, optional
        ``core.tune.sensitivity.RATIOS`` by default.
    blocks : sequence of int, optional
        All by default.
    scores : float array, shape (atoms,), optional
        The ranking, where it is known already.
    progress : Progress
        Handed every point as it is measured; may cancel, and what was measured is kept.

    Raises
    ------
    UserError
        For data that cannot be used, a block that is not there, a file that is something else.
    """
    from core.data.validation import Validation
    from core.tune import sensitivity as scans
    from core.tune.journal import Journal

    plan = plan or Plan(criterion=RANKING)
    ratios = _checked(ratios or scans.RATIOS)
    journal = Journal(Path(output), "sensitivity") if output is not None else None
    try:
        progress(0.0, "Reading the dataset")
        facts = loaded.facts
        validation = Validation(loaded.model, data, facts.classes, facts.task)
        table = analyse(loaded, cache=cache).table
        ranking = _ranking(plan, data)
        if scores is None:
            ranked = replace(data, split="train", images=RANKING_IMAGES)
            part = Span(progress, 0.0, 0.1, "Ranking channels: ")
            scores = score(loaded, plan, ranked, part, cache=cache).scores
        resolver = Resolver(table)
        points, unprunable = scans.scan_points(resolver, plan, scores, ratios, blocks)
        settings = scans.scan_settings(validation, facts.sha256, plan, ranking)
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
        base, done, resumed = scans.scan(
            points,
            scans.Ledger(journal, settings),
            *scans.here(loaded.model, table, validation),
            (widths.macs, widths.parameters),
            Span(progress, 0.1, 1.0),
        )
    finally:
        if journal is not None:
            journal.close()
    return scans.Sensitivity(base, done, tuple(unprunable), resumed)


def _ranking(plan: Plan, data: DataSettings) -> dict[str, Any]:
    """Say how channels were ranked; what a point removes stands beside it."""
    from core.prune.criteria import needs_data

    known: dict[str, Any] = {"criterion": plan.criterion, "seed": plan.seed}
    if needs_data(plan.criterion):
        known |= {"images": RANKING_IMAGES, "image_size": data.image_size}
    return known


def _checked(ratios: Sequence[float]) -> Sequence[float]:
    for ratio in ratios:
        if not 0 < ratio <= 1:
            raise UserError(
                f"A ratio of {ratio:g} removes nothing or more than there is.",
                "Give ratios above 0 and up to 1, for example 0.25,0.5,0.75,0.9.",
            )
    return ratios
